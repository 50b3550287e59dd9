"""What people do in the simulated shop."""

from __future__ import annotations

from simulation.acts.act import Act
from simulation.acts.closing import closing_acts
from simulation.acts.drawing import draw_acts

__all__ = ["Act", "closing_acts", "draw_acts"]
