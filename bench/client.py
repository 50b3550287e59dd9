"""Someone who calls the shop over a connection that stays open, at little cost of their own."""

from __future__ import annotations

import http.client
import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

ANSWER_SECONDS = 60
# A connection that the server has closed (its process was replaced) is opened anew.
_CLOSED = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)

Body = dict[str, Any]


class Refused(Exception):
    """The shop's answer was no success."""


class Client:
    """One user of the API, for one thread. Machine and cores are shared with the shop: no httpx."""

    def __init__(self, address: str) -> None:
        host = urlsplit(address)
        self._http = http.client.HTTPConnection(
            host.hostname or "", host.port, timeout=ANSWER_SECONDS
        )
        self._path = f"{host.path}/api/v1"
        self._login: Body = {}
        self._headers = {"Content-Type": "application/json"}

    @property
    def authorization(self) -> str:
        """The header that says who asks."""
        return self._headers["Authorization"]

    def log_in(self, email: str, password: str) -> Client:
        """Take an access token; a new one when it has expired."""
        self._headers.pop("Authorization", None)
        self._login = {"email": email, "password": password}
        tokens = self.post("/auth/token", self._login)
        self._headers["Authorization"] = f"Bearer {tokens['access']}"
        return self

    def get(self, path: str, **query: Any) -> Body:
        """
        Return what is there.

        :raises Refused:
        """
        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path, None, {})

    def post(self, path: str, body: Body | None = None) -> Body:
        """
        Ask for a change, once.

        :raises Refused:
        """
        return self._ask("POST", path, body, {"Idempotency-Key": secrets.token_hex(16)})

    def _ask(self, method: str, path: str, body: Body | None, headers: dict[str, str]) -> Body:
        payload = None if body is None else orjson.dumps(body)
        status, answer = self._send(method, path, payload, headers)
        if status == 401 and "Authorization" in self._headers:
            self.log_in(**self._login)
            status, answer = self._send(method, path, payload, headers)
        if not 200 <= status < 300:
            raise Refused(f"{method} {path} was answered {status}: {answer[:500]!r}")
        found: Body = orjson.loads(answer) if answer else {}
        return found

    def _send(
        self, method: str, path: str, payload: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        for is_last in (False, True):
            try:
                self._http.request(method, self._path + path, payload, {**self._headers, **headers})
                response = self._http.getresponse()
                return response.status, response.read()
            except _CLOSED:
                self._http.close()
                if is_last:
                    raise
        raise AssertionError
