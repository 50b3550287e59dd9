"""An order's number for people: short, random, safe to read aloud, and checked."""

from __future__ import annotations

import secrets

# Without 0, I, L, O and U, which are mistaken for others. 31 characters, and 31 is prime: so the
# check character finds every wrong character and every two that changed places.
ALPHABET = "123456789ABCDEFGHJKMNPQRSTVWXYZ"
PATTERN = rf"^[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}$"
_RANDOM = 11  # 31 ** 11 = 2.5e16: with 100 million orders the next one meets its like once in 2.5e8


def new_number() -> str:
    """Make a number such as `7K3M-9QXT-B2HA`; it tells nothing of how many there are."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM))
    text += _check(text)
    return write_number(text)


def is_number(text: str) -> bool:
    """Say whether this can be an order's number: a slip of the pen or the tongue can't."""
    plain = text.replace("-", "").upper()
    if len(plain) != _RANDOM + 1 or not set(plain) <= set(ALPHABET):
        return False
    return _check(plain[:-1]) == plain[-1]


def write_number(text: str) -> str:
    """Return a number that is one in its one form: hyphens may be absent, letters small."""
    plain = text.replace("-", "").upper()
    return f"{plain[:4]}-{plain[4:8]}-{plain[8:]}"


def _check(text: str) -> str:
    return ALPHABET[
        sum(weight * ALPHABET.index(char) for weight, char in enumerate(text, 1)) % len(ALPHABET)
    ]
