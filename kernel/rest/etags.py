"""Entity tags from a resource's version: no lost update, and 304 for what is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from kernel.refusals import PreconditionFailed, Refusal
from kernel.rest.selection import Form, chosen, only

# A weak one is ours as well: it is what a compressed answer has. RFC 9110 lets `If-Match` take
# strong tags alone, since a weak one may stand for other bytes; ours stand for a version always.
_WEAK = "W/"
_TAG = re.compile(r'^(?:W/)?"v([0-9]{1,9})(?:-[a-z]{1,20})?"$')


class PreconditionRequired(Refusal):
    """Send If-Match with the ETag that you read, so that no one's change is overwritten."""

    status = 428


def etag(version: int, variant: str = "") -> str:
    """
    Write a version as an entity tag.

    `variant` tells apart what is shown alike but for something beside the version, such as
    whether it is sold out; `if_match` looks at the version alone.
    """
    return f'"v{version}-{variant}"' if variant else f'"v{version}"'


def if_match(request: Request) -> int:
    """
    Return the version that the caller wants to change.

    :raises PreconditionRequired: without an If-Match header.
    :raises PreconditionFailed: for a tag that was never ours.
    """
    given = request.headers.get("If-Match")
    if given is None:
        raise PreconditionRequired
    if not (match := _TAG.match(given)):
        raise PreconditionFailed
    return int(match[1])


def answer(
    request: Request,
    body: Mapping[str, Any],
    *,
    version: int,
    variant: str = "",
    fields: Form | None = None,
) -> Response:
    """
    Answer a resource with its ETag, or 304 if the caller has this version already.

    Of the `fields` that this form shows the caller may choose some. The tag stays the same, since
    it is one of the address with its query.

    :raises UnknownField: for one that isn't there.
    """
    names = chosen(request, fields) if fields else None
    tag = etag(version, variant)
    known = {part.strip() for part in request.headers.get("If-None-Match", "").split(",")}
    for same in (tag, _WEAK + tag):
        if same in known:  # told as the caller knows it, or a cache wouldn't find what it holds
            return Response(status=304, headers={"ETag": same})
    return Response(body if names is None else only(body, names), headers={"ETag": tag})
