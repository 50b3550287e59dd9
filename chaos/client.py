"""A client as it should be: it repeats a request, under one key, until it is answered."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

from chaos.ledger import Ledger
from chaos.threads import Threads

PAUSES = (0.2, 0.5, 1.0)  # seconds before a request is repeated; the last one stays
ANSWER_SECONDS = 10.0
Body = dict[str, Any]


class Answer:
    """A final answer: a success, or a refusal that means it."""

    def __init__(self, response: httpx.Response) -> None:
        self.status, self.is_good = response.status_code, response.is_success
        self.etag = response.headers.get("ETag", "")
        self.body: Body = response.json() if response.content else {}

    @property
    def code(self) -> str:
        """Why it was refused."""
        return str(self.body.get("code", self.status))


class Client:
    """One user of the shop, for one thread."""

    def __init__(self, base_url: str, ledger: Ledger, threads: Threads) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=ANSWER_SECONDS)
        self._ledger, self._threads = ledger, threads
        self._login: Body = {}

    def log_in(self, email: str, password: str) -> None:
        """Take an access token, and a new one whenever it has expired."""
        self._login = {"email": email, "password": password}
        self._authenticate()

    def get(self, path: str, **query: Any) -> Body:
        """Return what is there; nothing that the shop's people look for is ever missing."""
        answer = self.ask("GET", path, params=query)
        if not answer.is_good:
            raise RuntimeError(f"GET {path} was refused: {answer.code}")
        return answer.body

    def post(self, path: str, body: Body | None = None, *, key: str = "") -> Answer:
        """Ask for a change, once, however often it has to be said."""
        headers = {"Idempotency-Key": key or secrets.token_hex(16)}
        return self.ask("POST", path, json=body, headers=headers)

    def ask(self, method: str, path: str, **request: Any) -> Answer:
        """
        Send a request until it is answered.

        :raises Ended: if the run ends before that.
        """
        tries = 0
        while True:
            response = self._try(method, path, **request)
            if response is not None and not _must_come_again(response):
                if response.status_code != httpx.codes.UNAUTHORIZED or not self._login:
                    return Answer(response)
                self._authenticate()
                continue
            self._ledger.repeated()
            self._threads.pause(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    def try_once(self, method: str, path: str, **request: Any) -> Answer | None:
        """Send a request once; None if there was no answer that means something."""
        response = self._try(method, path, **request)
        return None if response is None or _must_come_again(response) else Answer(response)

    def _try(self, method: str, path: str, **request: Any) -> httpx.Response | None:
        try:
            return self._http.request(method, path, **request)
        except httpx.TransportError:
            return None

    def _authenticate(self) -> None:
        self._http.headers.pop("Authorization", None)
        login, self._login = self._login, {}  # a refused login is no reason to log in
        answer = self.post("/auth/token", login)
        self._login = login
        if not answer.is_good:
            raise RuntimeError(f"{login['email']} may not log in: {answer.code}")
        self._http.headers["Authorization"] = f"Bearer {answer.body['access']}"


def _must_come_again(response: httpx.Response) -> bool:
    """Say whether the answer tells nothing of what became of the request."""
    if response.is_server_error:
        return True
    is_conflict = response.status_code == httpx.codes.CONFLICT
    return is_conflict and response.json().get("code") == "request_in_progress"
