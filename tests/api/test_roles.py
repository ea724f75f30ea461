"""What each role may do, for every endpoint that there is; and how a key ends by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx
import pytest

from data_factory.model.status import Role
from tests.api.contract import Contract
from tests.api.factory import NO_ID, made, paths_of, refused, told
from tests.running import Server

TABLE: list[tuple[str, str]] = [
    (r"GET /tasks(/{id})?", "viewer worker operator admin"),
    (r"GET /task_executions/{id}", "viewer worker operator admin"),
    (r"GET /files(/{id}(/content)?)?", "viewer worker operator admin"),
    (r"POST /(files|tasks)/find", "viewer worker operator admin"),
    (r"GET /tasks?/{id}/poll", "worker operator admin"),
    (r"POST /task_executions/(claim|report)", "worker operator admin"),
    (r"PATCH /task_executions/{id}", "worker operator admin"),
    (r"POST /logs(/batch)?", "worker operator admin"),
    (r"POST /files", "worker operator admin"),
    (
        r"GET /(jobs|shared_jobs|job_executions|pipelines|variables|projects|events|webhooks|logs)(/.*)?",
        "viewer operator admin",
    ),
    (r"GET /accounts(/.*)?", "viewer operator admin"),
    (r"POST /(?!(files|tasks|api_keys|audit)/find).*/find", "viewer operator admin"),
    (r"POST /job_executions(?!.*/find|/purge)(/.*)?", "operator admin"),
    (r"POST /task_executions/{id}/.*", "operator admin"),
    (r"POST /pipelines/{id}/.*", "operator admin"),
    (r"POST /jobs/{id}/schedule/.*", "operator admin"),
    (r"POST /webhook_deliveries/{id}/resend", "operator admin"),
    (
        r"POST /(tasks|jobs|pipelines|variables|projects|accounts|secrets|webhooks)(?!.*/(find|schedule/)).*",
        "admin",
    ),
    (r"\w+ /(api_keys|audit)(/.*)?", "admin"),
    (r"(PUT|DELETE) /.*", "admin"),
    (r"PATCH /projects/{id}", "admin"),
    (r"POST /job_executions/purge", "admin"),
]
"""Which roles may use which endpoints. An endpoint is in one row."""


def allowed(endpoint: str) -> set[str]:
    fitting = {roles for rule, roles in TABLE if re.fullmatch(rule, endpoint)}
    if endpoint.startswith("POST /pipelines/{id}/"):  # beside `POST /pipelines`, which is an admin's
        fitting -= {"admin"}
    assert len(fitting) == 1, f"{endpoint}: {fitting}"
    return set(fitting.pop().split())


@pytest.fixture(scope="module")
def keys(server: Server, api: httpx.Client, contract: Contract) -> Iterator[dict[str, httpx.Client]]:
    """A client for each role."""
    clients = {}
    for role in get_args(Role):
        key = made(api.post("/api_keys", json={"title": role, "role": role}))
        assert key["role"] == role
        clients[role] = server.client(key["key"])
    yield clients
    for client in clients.values():
        client.close()


def test_every_endpoint_is_for_these_roles(contract: Contract, keys: dict[str, httpx.Client]) -> None:
    for path, methods in contract.document["paths"].items():
        short = path.removeprefix("/v1/data_factory")
        for method, operation in methods.items():
            roles = allowed(re.sub(r"{\w+}", "{id}", f"{method.upper()} {short}"))
            assert set(operation["x-roles"]) == roles
            for role, client in keys.items():
                with client.stream(method.upper(), re.sub(r"{\w+}", NO_ID, short), content=b"[") as answer:
                    if role in roles:
                        assert answer.status_code != 403, (method, path, role)
                        continue
                    answer.read()
                    problem = refused(answer, 403, "role_needed")
                    assert role in problem["detail"]
                    assert all(other in problem["detail"] for other in roles)


def test_what_is_refused_is_not_done(api: httpx.Client, keys: dict[str, httpx.Client]) -> None:
    for role in ("viewer", "worker", "operator"):
        refused(keys[role].post("/tasks", json={"key": f"by-{role}"}), 403, "role_needed")
        refused(keys[role].post("/api_keys", json={"title": "more", "role": "admin"}), 403, "role_needed")
        assert told(api.get(f"/tasks?key=by-{role}"))["data"] == []


def test_the_first_key_is_an_admin_s(api: httpx.Client) -> None:
    (first,) = [one for one in told(api.get("/api_keys?size=100"))["data"] if one["title"] == "DATA_FACTORY_API_KEY"]
    assert (first["role"], first["expiresAt"]) == ("admin", None)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"role": "root"}, "role"),
        ({"role": None}, "role"),
        ({"expiresAt": "tomorrow"}, "expiresAt"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "2999-01-01T00:00:00"}, "expiresAt"),
        ({"expiresAt": 1}, "expiresAt"),
        ({"accountId": NO_ID}, "accountId"),
    ],
)
def test_a_key_that_cannot_be_made(api: httpx.Client, body: dict[str, Any], path: str) -> None:
    assert paths_of(refused(api.post("/api_keys", json={"title": "wrong", **body}), 400, "invalid")) == {path}


def test_a_key_says_when_it_ends(api: httpx.Client) -> None:
    ends = datetime.now(UTC) + timedelta(days=90)
    key = made(api.post("/api_keys", json={"title": "for a while", "expiresAt": ends.isoformat()}))
    assert key["expiresAt"] == ends.isoformat(timespec="milliseconds").replace("+00:00", "Z")
