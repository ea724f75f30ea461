"""The HTTP API as one ASGI application."""

from __future__ import annotations

from importlib import resources
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from data_factory.api import (
    accounts,
    api_keys,
    audit,
    erasing,
    events,
    files,
    finding,
    holding,
    job_archives,
    job_executions,
    job_versions,
    logs,
    pipelines,
    projects,
    reports,
    reruns,
    schedules,
    shares,
    task_executions,
    tasks,
    variables,
    webhooks,
)
from data_factory.api.key_in_query import KeyInQuery
from data_factory.api.openapi import openapi
from data_factory.api.problems import MethodNotAllowed, problem
from data_factory.api.request_ids import HEADER
from data_factory.api.routing import Router
from data_factory.model.errors import DataFactoryError, NotFound, Unavailable
from data_factory.model.job_schema import PATH as JOB_SCHEMA_PATH
from data_factory.model.job_schema import job_schema
from data_factory.service.platform import Platform

RESOURCES: Final = (
    task_executions.routes,
    holding.task_executions,
    job_executions.routes,
    reports.routes,
    reruns.routes,
    holding.job_executions,
    erasing.routes,
    tasks.routes,
    job_archives.routes,  # those of `jobs`, too
    job_versions.routes,
    schedules.routes,
    shares.routes,
    pipelines.routes,
    projects.routes,
    finding.routes,
    holding.pipelines,
    variables.routes,
    webhooks.routes,
    events.routes,
    logs.routes,
    files.routes,
    api_keys.routes,
    audit.routes,
    accounts.routes,
)

# Editors fetch schemas without a key, and those that run in a browser from elsewhere.
_FOR_ALL: Final = {"access-control-allow-origin": "*", "cache-control": "public, max-age=3600"}

_DOCS: Final = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>Data Factory: the API</title>
  <link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
  <div id="api"></div>
  <script>
    const dark = matchMedia("(prefers-color-scheme: dark)")
    const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches)
    dark.addEventListener("change", follow)
    follow()
  </script>
  <script src="/docs/assets/swagger-ui-bundle.js"></script>
  <script>SwaggerUIBundle({url: "/openapi.json", dom_id: "#api", deepLinking: true, tryItOutEnabled: true})</script>
</body>
</html>
"""


def application(platform: Platform, *, key_in_query: bool = False) -> ASGIApp:
    """The API on a platform that has been started, and the pages around it; `key_in_query` also takes keys there."""
    document = msgspec.json.encode(openapi(RESOURCES, key_in_query=key_in_query))
    schema = msgspec.json.encode(job_schema())
    report_schema = reports.schema()

    async def description(_request: Request) -> Response:
        return Response(document, media_type="application/json")

    async def schema_of_jobs(_request: Request) -> Response:
        return Response(schema, media_type="application/schema+json", headers=_FOR_ALL)

    async def schema_of_reports(_request: Request) -> Response:
        return Response(report_schema, media_type="application/xml", headers=_FOR_ALL)

    async def ready(request: Request) -> Response:
        try:
            await platform.health.check()
        except Unavailable as error:
            return _refusal(error, request)
        return Response(b'{"status":"ready"}', media_type="application/json")

    assets = StaticFiles(directory=str(resources.files("data_factory.api").joinpath("swagger_ui")))
    pages = Starlette(
        routes=[
            Route("/health/live", _live),
            Route("/health/ready", ready),
            Route("/openapi.json", description),
            Route(JOB_SCHEMA_PATH, schema_of_jobs),
            Route(reports.SCHEMA_PATH, schema_of_reports),
            Route("/docs", _docs),
            Mount("/docs/assets", assets),
            Route("/", _root),
        ],
        exception_handlers={HTTPException: _http_exception},
    )
    # A slash too many is told, not redirected: the redirect would name the scheme and the host that we believe in,
    # which behind a proxy would take a client, and its key, to plain HTTP.
    pages.router.redirect_slashes = False
    router = Router(platform, RESOURCES, otherwise=pages)
    pages.state.ids = router.ids
    return KeyInQuery(router) if key_in_query else router


async def _live(_request: Request) -> Response:
    return Response(b'{"status":"live"}', media_type="application/json")


async def _docs(_request: Request) -> Response:
    return HTMLResponse(_DOCS)


async def _root(_request: Request) -> Response:
    return RedirectResponse("/docs")


async def _http_exception(request: Request, error: Exception) -> Response:
    """What the router refuses: a path or a method that is not there."""
    if isinstance(error, HTTPException) and error.status_code == MethodNotAllowed.status:
        return _refusal(MethodNotAllowed(f"{request.method} is not available here."), request, error.headers)
    return _refusal(NotFound(f"There is nothing at {request.url.path}; /docs shows what there is."), request)


def _refusal(error: DataFactoryError, request: Request, headers: object = None) -> Response:
    id = request.app.state.ids.of(request.headers.get("x-request-id", "").encode("latin-1"))
    status, own, body = problem(error, request.headers.get("accept", ""), id)
    response = Response(body, status)
    response.raw_headers = [*own, (HEADER, id), (b"content-length", b"%d" % len(body))]
    if isinstance(headers, dict):
        response.headers.update(headers)
    return response
