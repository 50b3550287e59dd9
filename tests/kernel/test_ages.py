"""How long something lies back, as people say it."""

from __future__ import annotations

import pytest

from kernel.bus.console.ages import age


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, None),
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (7_800, "2 h 10 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
        (86_700, "1 d"),
        (-3, "0 s"),
    ],
)
def test_an_age_is_said_as_people_say_it(seconds: float | None, said: str | None) -> None:
    assert age(seconds) == said
