"""JSON by orjson, and nothing else."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import orjson
from django.http import HttpRequest
from pydantic import BaseModel
from rest_framework.exceptions import ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from kernel.refusals import Refusal

MAX_DEPTH = 20
_NUL = ErrorDetail("Null characters are not allowed.", code="null_characters_not_allowed")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')


class BodyTooDeep(Refusal):
    """The body is nested too deep."""

    status = 400
    members = {"most": int}


class DuplicateKey(Refusal):
    """An object of the body has a key more than once."""

    status = 400


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return str(value)


class JSONRenderer(BaseRenderer):
    """Answers as JSON; ids, dates and times become text."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> bytes:
        """Return the body; an answer without data has none."""
        if data is None:
            return b""
        return orjson.dumps(data, default=_plain, option=orjson.OPT_UTC_Z)


class JSONParser(BaseParser):
    """Takes a body of JSON; the size is bounded by DATA_UPLOAD_MAX_MEMORY_SIZE."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """
        Return the parsed body.

        :raises ParseError: if it is no JSON.
        :raises BodyTooDeep: if it is nested deeper than any body of ours.
        :raises DuplicateKey: if it is unclear what it says.
        :raises ValidationError: if it holds what PostgreSQL can't: the character NUL.
        """
        text = stream.body if isinstance(stream, HttpRequest) else stream.read()
        try:
            body = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            if str(error).startswith("depth limit"):
                raise BodyTooDeep(most=MAX_DEPTH) from error
            raise ParseError(f"The body is not valid JSON: {error}.") from error
        _demand_clear(body, text)
        if rb"\u0000" in text and (path := next(_nuls(body), None)) is not None:
            raise ValidationError({path: [_NUL]})
        return body


def _demand_clear(body: Any, text: bytes) -> None:
    """Go through the body level by level: it is not too deep, and says each thing once."""
    keys, depth, level = 0, 0, [body]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        if depth > MAX_DEPTH:
            raise BodyTooDeep(most=MAX_DEPTH)
        objects = [each for each in level if isinstance(each, dict)]
        keys += sum(map(len, objects))
        lists = [each for each in level if isinstance(each, list)]
        level = [*itertools.chain(*lists, *(each.values() for each in objects))]
    # Outside of strings a colon stands behind each key; of two alike the parser keeps the last.
    if _STRING.sub(b"", text).count(b":") != keys:
        raise DuplicateKey


def _nuls(value: Any, path: str = "") -> Iterator[str]:
    """Return where the character NUL stands."""
    if isinstance(value, str) and "\0" in value:
        yield path
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _nuls(inner, f"{path}.{place}" if path else str(place))
    elif isinstance(value, dict):
        for name, inner in value.items():
            if "\0" in name:
                yield path
            yield from _nuls(inner, f"{path}.{name}" if path else name)
