"""Measures all that the table of targets names: `make bench`, or `python -m bench --only place`."""

from __future__ import annotations

import sys

from bench import backlog, burst, catalogue, events, flow, latency, memory, place, streams
from bench.program import main

if __name__ == "__main__":
    modules = (latency, place, catalogue, events, flow, backlog, memory, burst, streams)
    sys.exit(main(*(module.MEASUREMENT for module in modules)))
