"""The description of the API: valid, complete, and true of thousands of requests that nobody thought of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from openapi_spec_validator import OpenAPIV31SpecValidator

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


def test_it_is_true_of_requests_that_nobody_thought_of(tmp_path: Path) -> None:
    """Schemathesis makes them. It is not asked whether all that fits the schemas is accepted: a job may name a task
    that is not there, and no schema can say so. Nor may it revoke the key that it uses. They are the same each time:
    what fails here fails for everybody."""
    with running_server(tmp_path / "data") as server:
        done = subprocess.run(
            [
                *(SCHEMATHESIS, "run", f"{server.address}/openapi.json", "-H", f"X-Api-Key: {KEY}"),
                *(
                    "--phases",
                    "examples,coverage,fuzzing",
                    "--max-examples",
                    "15",
                    "--exclude-operation-id",
                    "revokeApiKey",
                ),
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
        assert server.stop() == 0
