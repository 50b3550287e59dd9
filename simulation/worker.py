"""A process that runs schedules: their texts come line by line, what they came to goes back."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import django
import orjson

django.setup()  # before anything that has models

from simulation.database import Stage, staged  # noqa: E402
from simulation.defects import DEFECTS  # noqa: E402
from simulation.run import simulate  # noqa: E402
from simulation.schedule import Schedule  # noqa: E402


def main() -> None:
    """Run what is asked for until the input ends; the argument names a defect, if any."""
    defect = DEFECTS[sys.argv[1]] if sys.argv[1:] else contextlib.nullcontext
    with _answers() as answers, staged() as stage, defect():
        answers.write("ready\n")
        answers.flush()
        for line in sys.stdin:
            answers.write(_run(orjson.loads(line), stage) + "\n")
            answers.flush()


def _run(asked: dict[str, Any], stage: Stage) -> str:
    outcome = simulate(Schedule.parse(asked["schedule"]), stage)
    told = {
        "schedule": asked["schedule"],
        "violations": outcome.violations,
        "faults": [(fault.kind, str(fault), fault.struck) for fault in outcome.faults],
        "acts": list(map(str, outcome.acts)),
        "points": outcome.points,
        "trace": outcome.trace if asked["is_traced"] else [],
        "digest": outcome.digest if asked["is_traced"] else "",
        "steps": outcome.steps,
        "waits": outcome.waits,
        "seconds": outcome.seconds,
    }
    return orjson.dumps(told).decode()


@contextlib.contextmanager
def _answers() -> Iterator[TextIO]:
    """Keep the standard output for answers alone: whatever is printed goes to the errors."""
    answers = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(answers, "w") as stream:
        yield stream


if __name__ == "__main__":
    main()
