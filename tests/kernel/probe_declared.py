"""Imported by the worker once Django is set up."""

from __future__ import annotations

from tests.kernel import neighbour, probe

probe.declare()
neighbour.declare()
