"""The description of the API: valid, complete, and true of thousands of requests that nobody thought of."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode, checks

from data_factory.api.application import RESOURCES
from tests.api.contract import Contract
from tests.running import KEY, Server, running_server

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


def test_it_is_valid(contract: Contract) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(contract.document).iter_errors()] == []


def test_every_endpoint_is_in_it(contract: Contract) -> None:
    served = {(endpoint.method.lower(), endpoint.path) for routes in RESOURCES for endpoint in routes.endpoints}
    assert {(method, path) for path, methods in contract.document["paths"].items() for method in methods} == served


def test_every_operation_says_what_it_is(contract: Contract) -> None:
    names = set()
    for methods in contract.document["paths"].values():
        for operation in methods.values():
            assert operation["operationId"] not in names
            names.add(operation["operationId"])
            assert operation["summary"].endswith((".", "…", "stands."))
            assert {"400", "401", "503"} <= operation["responses"].keys()


def test_every_description_of_a_schema_is_for_people(contract: Contract) -> None:
    def texts(value: Any) -> Any:
        if isinstance(value, dict):
            yield from (
                text for name, text in value.items() if name in ("description", "title") and isinstance(text, str)
            )
            for member in value.values():
                yield from texts(member)
        elif isinstance(value, list):
            for item in value:
                yield from texts(item)

    for text in texts(contract.document["components"]):
        assert "msgspec" not in text and "Struct" not in text and "Raises:" not in text


def test_the_page_to_try_it_loads_all_from_here(server: Server) -> None:
    page = httpx.get(f"{server.address}/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text and "https://" not in page.text and "//cdn" not in page.text
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert f'"/docs/assets/{asset}"' in page.text
        assert httpx.get(f"{server.address}/docs/assets/{asset}").status_code == 200
    for path in ("/docs/assets/../../routing.py", "/docs/assets/%2e%2e/routing.py", "/docs/assets/%2e%2e%2frouting.py"):
        assert httpx.get(f"{server.address}{path}").status_code == 404
    root = httpx.get(f"{server.address}/")
    assert (root.status_code, root.headers["location"]) == (307, "/docs")


@pytest.mark.parametrize("phases", ["coverage", "examples,fuzzing"])
def test_it_is_true_of_requests_that_nobody_thought_of(tmp_path: Path, phases: str) -> None:
    """Schemathesis makes them. It is not asked whether all that fits the schemas is accepted: a job may name a task
    that is not there, and no schema can say so. It waits for the end of each answer, which that of `followEvents` does
    not have: see below. They are the same each time: what fails here fails for everybody. Where ids are taken from
    earlier answers, no key is revoked: it may be that with which is asked."""
    with running_server(tmp_path / "data") as server:
        done = subprocess.run(
            [
                *(SCHEMATHESIS, "run", f"{server.address}/openapi.json", "-H", f"X-Api-Key: {KEY}"),
                *("--phases", phases, "--max-examples", "4", "--exclude-operation-id", "followEvents"),
                *(("--exclude-operation-id", "revokeApiKey") if phases != "coverage" else ()),
                *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),
                *("--generation-deterministic", "--request-timeout", "60"),
                *("--continue-on-failure", "--no-color", "--warnings", "off", "--suppress-health-check", "all"),
            ],
            check=False,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-20_000:]
        assert "Traceback" not in server.log
        still = httpx.get(f"{server.address}/v1/data_factory/tasks", headers={"X-Api-Key": KEY})
        assert still.status_code == 200, "it has revoked its own key, and was told 401 from then on"
        assert server.stop() == 0


def operation(server: Server, path: str, method: str) -> schemathesis.APIOperation[Any, Any, Any, Any]:
    return schemathesis.openapi.from_url(f"{server.address}/openapi.json")[path][method]


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_nor_of_those_who_follow_events(server: Server, mode: GenerationMode) -> None:
    """What Schemathesis makes, read up to the first event or comment: then we hang up. Two of its checks ask again by
    themselves, and read to the end; they are made by hand below."""
    follow = operation(server, "/v1/data_factory/events", "GET")
    answered = Counter[int]()

    @settings(max_examples=12, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=follow.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        request = case.as_transport_kwargs(base_url=server.address, headers={"X-Api-Key": KEY})
        with requests.request(**request, stream=True, timeout=60) as answer:
            read = schemathesis.Response(
                answer.status_code,
                headers={name: [value] for name, value in answer.headers.items()},
                content=first_block(answer),
                request=answer.request,
                elapsed=answer.elapsed.total_seconds(),
                verify=True,
            )
        case.validate_response(read, checks=OF_ONE_ANSWER)
        answered[answer.status_code] += 1

    ask()
    assert (200 if mode is GenerationMode.POSITIVE else 400) in answered, answered


OF_ONE_ANSWER: Any = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


def first_block(answer: requests.Response) -> bytes:
    """All of an answer, or, of one that does not end, up to the first empty line."""
    if answer.headers["content-type"] != "text/event-stream":
        return answer.content
    return b"\n".join(takewhile(bool, answer.iter_lines(chunk_size=1))) + b"\n\n"


def test_who_follows_events_needs_a_key_and_the_right_method(server: Server, contract: Contract) -> None:
    address = f"{server.address}/v1/data_factory/events"
    for headers in ({}, {"X-Api-Key": "nobody's"}, {"X-Api-Key": ""}):
        refused = httpx.get(address, headers=headers)
        contract.check(refused)
        assert refused.status_code == 401
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"):
        refused = httpx.request(method, address, headers={"X-Api-Key": KEY})
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET")


def test_nor_of_those_who_revoke_a_key_that_is_there(server: Server) -> None:
    """No id that Schemathesis thinks of is that of a key. Here each is: of a new key, that nobody uses."""
    revoke = operation(server, "/v1/data_factory/api_keys/{id}", "DELETE")
    keys = f"{server.address}/v1/data_factory/api_keys"
    ours = {"X-Api-Key": KEY}

    @settings(max_examples=12, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=revoke.as_strategy())
    def ask(case: schemathesis.Case) -> None:
        made = httpx.post(keys, json={"title": "to be revoked"}, headers=ours).json()
        case.path_parameters["id"] = made["id"]
        answer = case.call(base_url=server.address, headers=ours)
        assert answer.status_code == 201
        case.validate_response(answer, headers=ours)
        assert httpx.get(keys, headers={"X-Api-Key": made["key"]}).status_code == 401
        again = case.call(base_url=server.address, headers=ours)
        assert again.status_code == 404
        case.validate_response(again, headers=ours)

    ask()
