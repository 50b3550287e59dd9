"""All that makes a run what it is, as a short text: `make crash SEED=…` replays it."""

from __future__ import annotations

import dataclasses


class InvalidSchedule(ValueError):
    """The text is no schedule: 1234, 1234:point,point or 1234/acts=0,2/faults=kind@…/calm."""


@dataclasses.dataclass(frozen=True)
class Schedule:
    """
    A seed, and what was chosen beside it.

    `targets` are points at which the first process to come there dies. With `acts` only these of
    the drawn acts are done; with `faults` exactly these strike, and no others. `is_calm` lets
    whatever has begun end before another begins.
    """

    seed: int
    targets: tuple[str, ...] = ()
    acts: tuple[int, ...] | None = None
    faults: tuple[str, ...] | None = None
    is_calm: bool = False

    def __str__(self) -> str:
        text = f"{self.seed}:{','.join(self.targets)}" if self.targets else str(self.seed)
        if self.acts is not None:
            text += f"/acts={','.join(map(str, self.acts))}"
        if self.faults is not None:
            text += f"/faults={','.join(self.faults)}"
        return f"{text}/calm" if self.is_calm else text

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """
        Read what `str` wrote.

        :raises InvalidSchedule: if it is something else.
        """
        first, *parts = text.strip().split("/")
        seed, _, targets = first.partition(":")
        told = dict(part.partition("=")[::2] for part in parts)
        if told.keys() - {"acts", "faults", "calm"} or not seed.isdecimal():
            raise InvalidSchedule(text)
        acts, faults = told.get("acts"), told.get("faults")
        try:
            return cls(
                seed=int(seed),
                targets=_listed(targets),
                acts=None if acts is None else tuple(map(int, _listed(acts))),
                faults=None if faults is None else _listed(faults),
                is_calm="calm" in told,
            )
        except ValueError as error:
            raise InvalidSchedule(text) from error


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))
