"""Ministack, looking for new messages every 10 ms instead of 100: SQS itself answers at once."""

from __future__ import annotations

import asyncio
import types

from ministack.app import main
from ministack.services import sqs


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.01))


if __name__ == "__main__":
    sqs.asyncio = types.SimpleNamespace(**{**vars(asyncio), "sleep": _sleep})
    main()
