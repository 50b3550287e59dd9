"""All chance of a schedule, drawn from its seed; and the code's own sources of it, replaced."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import uuid
from collections.abc import Iterator, Sequence
from typing import TypeVar
from unittest import mock

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import kernel.ids
from kernel.bus import personal
from simulation.clock import Clock

T = TypeVar("T")
_RANGE = 2.0**64


class Chance:
    """
    Draws by occasion: the same seed and occasion always give the same.

    No draw moves another: a fault that is taken out of a schedule leaves the rest as it was.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def share(self, *occasion: object) -> float:
        """Return a number from 0 up to 1."""
        return self.shares(1, *occasion)[0]

    def shares(self, count: int, *occasion: object) -> list[float]:
        """Return so many numbers from 0 up to 1, at most eight."""
        text = f"{self._seed}/{'/'.join(map(str, occasion))}".encode()
        drawn = hashlib.blake2b(text, digest_size=8 * count).digest()
        return [int.from_bytes(drawn[i : i + 8]) / _RANGE for i in range(0, 8 * count, 8)]

    def pick(self, options: Sequence[T], *occasion: object) -> T:
        """Return one of the options."""
        return options[min(int(self.share(*occasion) * len(options)), len(options) - 1)]

    def between(self, low: float, high: float, *occasion: object) -> float:
        """Return a number in this range."""
        return low + (high - low) * self.share(*occasion)

    def stream(self, name: str) -> random.Random:
        """Return a stream of its own, for what is drawn in one go."""
        return random.Random(f"{self._seed}/{name}")


@contextlib.contextmanager
def seeded(seed: object, clock: Clock) -> Iterator[None]:
    """
    Let the block's ids, keys, nonces, numbers and tokens come from the seed.

    Whatever thread draws them: it must be one at a time.
    """
    stream = random.Random(f"{seed}/entropy")
    ids = _Ids(stream, clock)
    with (
        mock.patch.object(os, "urandom", stream.randbytes),
        mock.patch.object(random, "_urandom", stream.randbytes),  # `secrets` draws from here
        mock.patch.object(kernel.ids, "uuid7", ids.draw),
        mock.patch.object(personal, "AESGCM", _cipher(stream)),
    ):
        yield


def _cipher(stream: random.Random) -> type:
    """Return AES-GCM whose new keys are drawn: the real one asks the operating system itself."""

    class Drawn:
        def __new__(cls, key: bytes) -> AESGCM:  # type: ignore[misc]
            return AESGCM(key)

        @staticmethod
        def generate_key(bit_length: int) -> bytes:
            return stream.randbytes(bit_length // 8)

    return Drawn


class _Ids:
    """UUIDv7 by the simulated clock: growing, as the real ones of one process do."""

    def __init__(self, stream: random.Random, clock: Clock) -> None:
        self._stream, self._clock = stream, clock
        self._last = 0

    def draw(self) -> uuid.UUID:
        milliseconds = int(self._clock.now().timestamp() * 1000)
        # 48 bits of time and 12 that count within a millisecond: always more than the last.
        self._last = max(self._last + 1, milliseconds << 12)
        time, count = self._last >> 12, self._last & 0xFFF
        low = (2 << 62) | self._stream.getrandbits(62)
        return uuid.UUID(int=(time << 80) | (7 << 76) | (count << 64) | low)
