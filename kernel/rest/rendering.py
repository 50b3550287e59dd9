"""JSON by orjson, and nothing else."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest
from pydantic import BaseModel
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer


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

        :raises ParseError: if it is no JSON, or nested too deep for the parser.
        """
        try:
            return orjson.loads(stream.body if isinstance(stream, HttpRequest) else stream.read())
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from error
