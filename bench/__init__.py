"""
Figures, printed by commands: never a test, since they depend on the machine.

`python -m bench` measures all that the table of targets names, in one shop; `python -m bench.place`
and its like measure one thing. CPU seconds are read from the processes, never from the clock.
"""
