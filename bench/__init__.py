"""Figures, printed by a command: never a test, since they depend on the machine."""
