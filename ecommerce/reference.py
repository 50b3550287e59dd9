"""The API's own pages: its schema, the reference made of it, and what its problems mean."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.renderers import OpenApiYamlRenderer2 as PlainYamlRenderer
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kernel.rest.reference import reference, shape, where


class Schema(APIView):
    """The OpenAPI schema, as YAML or JSON by `Accept`; made once in a process."""

    schema = None  # it isn't part of itself
    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (
        OpenApiYamlRenderer,
        PlainYamlRenderer,
        OpenApiJsonRenderer,
        OpenApiJsonRenderer2,
    )

    def get(self, request: Request) -> Response:
        return Response(reference().schema, headers={"Cache-Control": "public, max-age=60"})


def docs(request: HttpRequest) -> HttpResponse:
    """Show the reference, for reading; everything it needs comes from here."""
    return render(request, "reference/docs.html")


def problems(request: HttpRequest) -> HttpResponse:
    """Show every code that a problem may have: its `type` leads here."""
    return render(request, "reference/problems.html", {"problems": list(_problems())})


def _problems() -> Any:
    for name, meanings in reference().by_name().items():
        yield {
            "name": name,
            "meanings": [
                {
                    "code": code,
                    "members": [
                        (member, shape(schema).replace("`", ""))
                        for member, schema in code.members.items()
                    ],
                    "where": where(operations).replace("`", ""),
                }
                for code, operations in meanings
            ],
        }
