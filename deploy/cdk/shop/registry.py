"""
What the code says of its queues and figures: `registry.json`, which `make docs` writes.

`make check` tells when it is not current; so this environment needs nothing of the shop's.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Literal

OUTSIDE = "-outside"
JOBS = "bus"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Registry:
    """The modules, their queues, and for how long a message is whose."""

    modules: tuple[str, ...]
    queues: tuple[str, ...]
    foreign_queues: tuple[str, ...]  # filled by others: the relay takes what comes there
    uploads_told: dict[str, str]  # by the keys' prefix: the queue that hears of an upload
    uploads_kept_days: dict[str, int]  # by the keys' prefix
    visibility_seconds: int
    retention_seconds: int
    max_receives: int
    task_seconds: int
    figures: dict[str, str]  # what the shop tells each minute, with CloudWatch's unit

    @property
    def all_queues(self) -> tuple[str, ...]:
        """Every queue, whoever fills it."""
        return (*self.queues, *self.foreign_queues)

    def groups(self, queues_per_worker: Literal["one", "kind", "all"]) -> dict[str, list[str]]:
        """Return the queues of each worker service by its name; each queue is in one of them."""
        if queues_per_worker == "one":
            return {queue: [queue] for queue in self.queues}
        if queues_per_worker == "all":
            return {"all": list(self.queues)}
        groups: dict[str, list[str]] = {}
        for queue in self.queues:
            groups.setdefault(_kind(queue), []).append(queue)
        return groups


def _kind(queue: str) -> str:
    if queue == JOBS:
        return "jobs"
    return "outside" if queue.endswith(OUTSIDE) else "modules"


def module_of(queue: str) -> str:
    """Return who pays for a queue."""
    return queue.removesuffix(OUTSIDE)


def read_registry() -> Registry:
    """Read what the code says."""
    said = json.loads(Path(__file__).with_name("registry.json").read_text())
    lists = {name: tuple(value) for name, value in said.items() if isinstance(value, list)}
    return Registry(**{**said, **lists})
