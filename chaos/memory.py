"""How much memory each process holds, and whether it grows."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import psutil

from chaos.stack import Stack
from chaos.threads import Threads

LOOK_SECONDS = 5.0
WARM_SECONDS = 30.0  # younger processes still load their code
_MEGABYTE = 1 << 20


@dataclasses.dataclass
class Sample:
    """One process: what it held when it was warm, what it holds now, and the most of all."""

    program: str
    since: float
    first: float = 0.0
    last: float = 0.0
    peak: float = 0.0
    seconds: float = 0.0


class Memory:
    """Samples the resident set of every process, in a thread of its own."""

    def __init__(self, stack: Stack, threads: Threads) -> None:
        self._stack, self._threads = stack, threads
        self._samples: dict[int, Sample] = {}

    def run(self) -> None:
        """Sample until the run ends."""
        while True:
            for program in self._stack.programs:
                for process in self._stack.processes(program):
                    self._take(program, process)
            self._threads.pause(LOOK_SECONDS)

    def rows(self) -> list[dict[str, Any]]:
        """Return, for each program, its longest-lived process and the peak of all, in MB."""
        samples = list(self._samples.values())
        best: dict[str, Sample] = {}
        for sample in samples:
            known = best.get(sample.program)
            if sample.first and (known is None or sample.seconds > known.seconds):
                best[sample.program] = sample
        return [
            {
                "process": sample.program,
                "seconds": round(sample.seconds),
                "at first": round(sample.first),
                "at last": round(sample.last),
                "growth": round(sample.last - sample.first),
                "peak of all": round(max(s.peak for s in samples if s.program == sample.program)),
            }
            for sample in best.values()
        ]

    def _take(self, program: str, process: psutil.Process) -> None:
        try:
            megabytes = process.memory_info().rss / _MEGABYTE
        except psutil.NoSuchProcess:
            return
        now = time.monotonic()
        sample = self._samples.setdefault(process.pid, Sample(program, now))
        sample.last, sample.peak = megabytes, max(sample.peak, megabytes)
        sample.seconds = now - sample.since
        if not sample.first and sample.seconds > WARM_SECONDS:
            sample.first = megabytes
