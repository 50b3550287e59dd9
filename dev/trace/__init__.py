"""Looks at traces without a tracing system: `python -m dev.trace`."""
