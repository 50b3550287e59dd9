"""One look at the database for all streams together, and none while there are no streams."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import connection

from apps.orders import queries
from apps.orders.models import LAST

log = structlog.get_logger(__name__)
T = TypeVar("T")
Row = dict[str, Any]

# Entries read for one stream at a time: the rest waits in the database until these are sent.
ROWS = 100
# Those who come at the same time share a look.
GATHER_SECONDS = 0.02
# Seconds until the next try while the database is away.
OUTAGE = (0.5, 5.0)


class Over(Exception):
    """Nothing more will be told here: the client has left, or the process is about to end."""


@dataclasses.dataclass(eq=False)
class Reader:
    """How far one stream has read an order's timeline."""

    order_id: uuid.UUID
    known: int = 0  # the client has the entries up to this one
    after: int = 0  # these were read; from the first on, or `is_over` would not be found out
    is_behind: bool = True  # there may be more already
    is_over: bool = False  # the last entry that is to be expected was read
    is_released: bool = False

    def take(self, rows: Sequence[Row]) -> list[Row]:
        """Note what was read, and return what is new to the client."""
        self.after = rows[-1]["id"]
        self.is_behind = len(rows) == ROWS
        self.is_over = self.is_over or any(row["what"] in LAST for row in rows)
        return [row for row in rows if row["id"] > self.known]


class Timelines:
    """
    Tells readers what happened to their orders.

    Only for those who wait is looked. Who is slow to send on what it got isn't waiting, so
    nothing piles up for it in memory: the table is the buffer.
    """

    def __init__(self, *, every: float) -> None:
        """Look once in so many seconds while somebody waits."""
        self._every, self._outage = every, OUTAGE[0]
        self._waiting: dict[Reader, asyncio.Future[list[Row]]] = {}
        self._somebody, self._hurry = asyncio.Event(), asyncio.Event()
        self.is_closed = False
        # One thread, and so one session, which Django's `connection` finds again there.
        self._database = ThreadPoolExecutor(1, "timelines")
        self._looking: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        """Whether somebody looks: after an error that no one foresaw nobody does."""
        return self._looking is not None and not self._looking.done()

    def start(self) -> None:
        """Begin to look, in the running loop."""
        self._looking = asyncio.create_task(self._look_for_ever())
        self._looking.add_done_callback(self._on_end)

    def close(self) -> None:
        """Send all readers away, and take no more."""
        self.is_closed = True
        for reader in list(self._waiting):
            self.release(reader)

    def stop(self) -> None:
        """Stop looking, and give the session back once a look that is under way has ended."""
        self.close()
        if self._looking:
            self._looking.cancel()
        self._database.submit(_hang_up)
        self._database.shutdown(wait=False)

    async def is_reachable(self) -> bool:
        """Say whether the database answers."""
        try:
            await self._ask(_ping)
        except DatabaseError:
            return False
        return True

    async def news(self, reader: Reader, *, seconds: float) -> list[Row]:
        """
        Return what is new to the reader as soon as something is, or nothing after `seconds`.

        :raises Over: once the reader was released.
        """
        if self.is_closed or reader.is_released:
            raise Over
        self._waiting[reader] = future = asyncio.get_running_loop().create_future()
        self._somebody.set()
        if reader.is_behind:
            self._hurry.set()
        try:
            async with asyncio.timeout(seconds):
                rows: list[Row] = await future
                return rows
        except TimeoutError:
            return []
        finally:
            self._waiting.pop(reader, None)

    def release(self, reader: Reader) -> None:
        """Let a reader go: nobody listens to it any more."""
        reader.is_released = True
        future = self._waiting.pop(reader, None)
        if future and not future.done():
            future.set_exception(Over())

    async def _look_for_ever(self) -> None:
        while True:
            if not self._waiting:
                self._somebody.clear()
            await self._somebody.wait()
            try:
                await self._look()
            except DatabaseError as error:
                await self._sit_out(error)
            else:
                self._outage = OUTAGE[0]
                await self._pause()

    async def _look(self) -> None:
        self._hurry.clear()
        readers = list(self._waiting)
        places = [(reader.order_id, reader.after) for reader in readers]
        found = await self._ask(lambda: queries.news(places=places, limit=ROWS))
        for reader, rows in zip(readers, found, strict=True):
            future = self._waiting.get(reader)
            if rows and future and not future.done():
                future.set_result(reader.take(rows))

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._every):
                await self._hurry.wait()
        await asyncio.sleep(GATHER_SECONDS)

    async def _sit_out(self, error: DatabaseError) -> None:
        log.warning("database_away", error=type(error).__name__)
        await self._ask(_hang_up)
        await asyncio.sleep(self._outage)
        self._outage = min(self._outage * 2, OUTAGE[1])

    async def _ask(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._database, question)

    def _on_end(self, looking: asyncio.Task[None]) -> None:
        """Tell nobody to wait for what will not come."""
        self.close()
        if not looking.cancelled() and (error := looking.exception()):
            log.error("looking_ended", exc_info=error)


def _ping() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        _hang_up()
        raise


def _hang_up() -> None:
    connection.close()  # looked up in the thread that calls: each has another
