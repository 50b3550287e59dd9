from __future__ import annotations

import re

import httpx
import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from tests.payment_3p import server
from tests.payment_3p.conftest import Api, Promise


def test_the_document_is_valid_openapi_of_3_1(api: Api) -> None:
    validate(api.document)
    assert api.document["openapi"] == "3.1.0"


def test_every_path_of_it_is_there_and_wants_what_it_says(api: Api) -> None:
    for path, operations in api.document["paths"].items():
        for method, operation in operations.items():
            url = api.url + re.sub(r"{\w+}", "tok_x", path)
            is_open = operation.get("security") == []
            assert (httpx.request(method, url).status_code == 401) != is_open, path
            other = "get" if method == "post" else "post"
            if path != "/health":
                assert api.http.request(other, url).status_code == 405, path


def test_every_card_that_misbehaves_is_in_it_and_in_the_readme(api: Api) -> None:
    readme = (server.ROOT / "payment_3p" / "README.md").read_text()
    for text in (api.document["info"]["description"], readme):
        for number in ("0002", "9995", "0341", "0259", "0119", "0044", "0051", "0069"):
            assert f"| 400000000000{number} |" in text


def test_an_answer_that_it_does_not_promise_is_caught(api: Api) -> None:
    """The answers of all these tests are judged; this shows that the judge can condemn."""
    promise = Promise(api.document)
    request = httpx.Request("POST", f"{api.url}/check")

    promise.judge(httpx.Response(200, json={"ok": True}, request=request))
    with pytest.raises(jsonschema_rs.ValidationError):
        promise.judge(httpx.Response(200, json={"ok": True, "tip": 1}, request=request))
    with pytest.raises(KeyError):
        promise.judge(httpx.Response(418, json={}, request=request))
