"""Each request has an id: the client's, or one that nobody else has."""

from __future__ import annotations

import httpx
import pytest

from tests.api.factory import NO_ID, refused


def test_an_id_is_made_for_each_request_on_every_path(api: httpx.Client) -> None:
    answers = [api.get("/tasks"), api.get("/tasks"), api.get(f"/tasks/{NO_ID}"), api.get("/nothing")]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == 4
    assert [answer.json().get("requestId") for answer in answers] == [None, None, *ids[2:]]


@pytest.mark.parametrize("path", ["/tasks", f"/tasks/{NO_ID}", "/nothing"])
def test_that_of_the_client_is_kept(api: httpx.Client, path: str) -> None:
    answer = api.get(path, headers={"X-Request-Id": "checkout/17:a+b=.c_D-9"})
    assert answer.headers.get_list("x-request-id") == ["checkout/17:a+b=.c_D-9"]
    if answer.status_code == 404:
        assert refused(answer, 404, "not_found")["requestId"] == "checkout/17:a+b=.c_D-9"


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "caf\xe9", "{}", '"', "a\tb"])
def test_what_cannot_be_a_name_is_not_taken(api: httpx.Client, given: str) -> None:
    answer = api.get(f"/tasks/{NO_ID}", headers=[(b"X-Request-Id", given.encode("latin-1"))])
    assert answer.headers["x-request-id"] not in ("", given)
    assert answer.json()["requestId"] == answer.headers["x-request-id"]
