"""Someone who calls the shop over HTTP, and someone who watches what comes of it."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Collection
from typing import Any

import httpx

from dev.story import Story

POLL_SECONDS = 0.04
PATIENCE_SECONDS = 30.0


class DemoFailed(Exception):
    """What was expected did not happen."""


class Refused(DemoFailed):
    """The shop answered no."""

    def __init__(self, method: str, path: str, answer: httpx.Response) -> None:
        problem = _json(answer)
        self.status, self.code = answer.status_code, problem.get("code", "")
        super().__init__(
            f"{method} {path} was answered {answer.status_code} {self.code}:"
            f" {problem.get('detail') or problem.get('message') or answer.text[:300]}"
            f" {problem.get('errors', '')}"
        )


class Caller:
    """One user of the REST API."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx.Client(base_url=base_url, timeout=20)

    def log_in(self, email: str, password: str) -> Caller:
        """Take an access token; it lives five minutes."""
        tokens = self.post("/auth/token", {"email": email, "password": password})
        self._client.headers["Authorization"] = f"Bearer {tokens['access']}"
        return self

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """
        Return what is there.

        :raises Refused: if the answer isn't a success.
        """
        return self._answer("GET", path, self._client.get(path, params=query))

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        Ask for a change, once.

        :raises Refused: if the answer isn't a success.
        """
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        return self._answer("POST", path, self._client.post(path, json=body, headers=headers))

    def _answer(self, method: str, path: str, answer: httpx.Response) -> dict[str, Any]:
        if not answer.is_success:
            raise Refused(method, path, answer)
        return _json(answer)


class Watcher:
    """Reads an order's events from the audit, and tells each once, with its latency."""

    def __init__(self, support: Caller, story: Story, order_id: str) -> None:
        self._support, self._story, self._order_id = support, story, order_id
        self._times: dict[str, dt.datetime] = {}  # by the event's id
        self._firsts: dict[str, dt.datetime] = {}  # by its name
        self.names: list[str] = []

    def look(self) -> None:
        """Tell what is new."""
        query = {"order": self._order_id, "ordering": "asc", "limit": 100}
        for event in self._support.get("/audit/events", **query)["results"]:
            if event["id"] not in self._times:
                self._tell(event)

    def until(self, *names: str, never: Collection[str] = ()) -> None:
        """
        Wait until events of all these names were told.

        :raises DemoFailed: if that takes too long, or one that should never come does.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not set(names) <= set(self.names):
            if unwanted := set(never) & set(self.names):
                raise DemoFailed(f"{', '.join(unwanted)} came, which this ending doesn't want.")
            if time.monotonic() > deadline:
                missing = ", ".join(sorted(set(names) - set(self.names)))
                raise DemoFailed(f"{missing} did not come within {PATIENCE_SECONDS:.0f} s.")
            time.sleep(POLL_SECONDS)
            self.look()

    def seconds(self, first: str, last: str) -> float:
        """Return the seconds between two events of the order."""
        return (self._firsts[last] - self._firsts[first]).total_seconds()

    def _tell(self, event: dict[str, Any]) -> None:
        at = dt.datetime.fromisoformat(event["occurred_at"])
        self._times[event["id"]] = at
        self.names.append(event["type"])
        self._firsts.setdefault(event["type"], at)
        cause = self._times.get(event["causation_id"] or "")
        self._story.event(
            event["type"], event["payload"], seconds=(at - cause).total_seconds() if cause else None
        )


def eventually(what: str, ask: Any, is_right: Any) -> Any:
    """
    Ask until the answer is right, and return it.

    :raises DemoFailed: if it isn't in time, with the last answer.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_right(found := ask()):
        if time.monotonic() > deadline:
            raise DemoFailed(f"{what}: still {str(found)[:300]} after {PATIENCE_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)
    return found


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json() if answer.content else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {"results": found}
