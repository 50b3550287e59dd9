"""Tracking numbers: nobody guesses one, and a slip of the pen is noticed."""

from __future__ import annotations

import secrets

# 32 signs that are not mistaken for each other: no 0, 1, I or O.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
LENGTH = 16  # of 5 random bits each


def new_tracking_number() -> str:
    """Draw 80 random bits and add a check character."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return body + _check_character(body)


def is_tracking_number(text: str) -> bool:
    """Say whether this could be one: well formed, and its check character fits."""
    is_well_formed = len(text) == LENGTH + 1 and set(text) <= set(ALPHABET)
    return is_well_formed and _check_character(text[:-1]) == text[-1]


def _check_character(body: str) -> str:
    """Return the check character by the Luhn mod N algorithm (ISO/IEC 7812-1, for N = 32)."""
    base = len(ALPHABET)
    total = 0
    for place, sign in enumerate(reversed(body)):
        weighed = ALPHABET.index(sign) * (2 if place % 2 == 0 else 1)
        total += weighed // base + weighed % base
    return ALPHABET[-total % base]
