"""The API key in the query string: taken where a server is told to, and written down nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.factory import made, new_key, paths_of, refused, told
from tests.running import KEY, NO_TLS, Server, running_server


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes the key from the query string."""
    folder = tmp_path_factory.mktemp("lenient")
    with running_server(folder / "data", DATA_FACTORY_KEY_IN_QUERY="true") as server:
        yield server


def nobody(server: Server) -> httpx.Client:
    """A client without a key."""
    return httpx.Client(base_url=f"{server.address}/v1/data_factory", verify=NO_TLS)


@pytest.mark.parametrize("name", ["api_key", "apiKey", "X-Api-Key", "api%5Fkey"])
def test_the_key_is_taken_from_the_query_and_is_no_parameter_of_the_endpoint(lenient: Server, name: str) -> None:
    with nobody(lenient) as api:
        found = told(api.get(f"/tasks?size=7&{name}={KEY}&page=0"))
        assert (found["size"], found["page"]) == (7, 0)
        made(api.post(f"/tasks?{name}={KEY}", json={"key": new_key()}))
        refused(api.get(f"/tasks?{name}=wrong"), 401, "unauthorized")
        refused(api.get(f"/tasks?{name}="), 401, "unauthorized")
        refused(api.get(f"/tasks?{name}={KEY}", headers={"X-Api-Key": "wrong"}), 401, "unauthorized")
        assert paths_of(refused(api.get(f"/tasks?{name}={KEY}&nam=x"), 400, "invalid")) == {"nam"}
        assert paths_of(refused(api.get(f"/tasks?size=x&{name}={KEY}"), 400, "invalid")) == {"size"}


def test_it_is_written_down_nowhere(lenient: Server, tmp_path: Path) -> None:
    with nobody(lenient) as api:
        asked = {"api_key": KEY}
        task = made(api.post("/tasks", params=asked, json={"key": new_key()}))
        answers = [
            api.get("/tasks/" + "0" * 24, params=asked),
            api.get("/nothing", params=asked),
            api.patch("/tasks", params=asked),
            api.get("/tasks", params={**asked, "cursor": "x"}),
            api.post("/tasks", params=asked, content=b"{"),
            api.get("/audit", params={**asked, "object": task["id"]}),
            api.post("/files", params=asked, files={"file": ("a.txt", b"x")}),
        ]
        assert [one.status_code for one in answers] == [404, 404, 405, 400, 400, 200, 201]
        for one in answers:
            assert KEY not in one.text + str(one.headers)
    with nobody(lenient) as api:
        schemes = api.get(f"{lenient.address}/openapi.json").json()["components"]["securitySchemes"]
    assert schemes["ApiKeyAuthQuery"] == {"type": "apiKey", "in": "query", "name": "api_key"}
    kept = [path for path in lenient.directory.rglob("*") if path.is_file()]
    assert kept
    assert KEY not in lenient.log
    for path in kept:
        assert KEY.encode() not in path.read_bytes(), path


def test_it_is_not_taken_by_a_server_that_was_not_told_to(server: Server) -> None:
    with nobody(server) as api:
        refused(api.get(f"/tasks?api_key={KEY}"), 401, "unauthorized")
        asked = refused(api.get(f"/tasks?api_key={KEY}", headers={"X-Api-Key": KEY}), 400, "invalid")
        assert paths_of(asked) == {"api_key"}
        assert KEY not in str(asked)
        schemes = api.get(f"{server.address}/openapi.json").json()["components"]["securitySchemes"]
    assert "ApiKeyAuthQuery" not in schemes
