"""An event that nothing follows from, and all that carries it: what the bus alone costs."""

from __future__ import annotations

QUEUE, HANDLER = "probe", "probe.do_nothing"
