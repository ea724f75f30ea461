"""Tables that repeat what the code says are held against the code."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable
from typing import Any, get_args

import msgspec
import pytest
import typer
import xmlschema
from msgspec import NODEFAULT, UNSET

from data_factory.api.application import RESOURCES
from data_factory.api.problems import STATUS_OF
from data_factory.api.reports import schema as schema_of_reports
from data_factory.api.routing import PREFIX, Endpoint
from data_factory.cli.app import app
from data_factory.client import ApiError, Client
from data_factory.client.verbs import Blocking
from data_factory.engine.expressions import compile_template
from data_factory.model import criteria, definitions, requests, resources
from data_factory.model.actors import ORIGINS
from data_factory.model.events import KINDS as EVENTS
from data_factory.model.status import EventKind, ReasonCode, UserInputType
from data_factory.service.timeline import KINDS
from data_factory.worker import endings
from data_factory.worker.context import TaskContext
from data_factory.worker.endings import Ending
from data_factory.worker.task import task
from data_factory.worker.worker import Worker
from tests.docs.page import ROOT, Block, Page, Table, read_page

README = read_page(ROOT / "README.md")
API = read_page(ROOT / "docs/reference/api.md")
TASK = read_page(ROOT / "docs/reference/task.md")
JOB = read_page(ROOT / "docs/reference/job.md")
EXPRESSIONS = read_page(ROOT / "docs/reference/expressions.md")
SETTINGS = read_page(ROOT / "docs/reference/settings.md")
PYTHON = read_page(ROOT / "docs/reference/python.md")
TIMELINE = read_page(ROOT / "docs/reference/timeline.md")


def code(cell: str) -> list[str]:
    """What is between backticks."""
    return re.findall(r"`([^`]*)`", cell)


def named(table: Table) -> dict[str, list[str]]:
    """The rows by what their first cell names."""
    rows = {code(row[0])[0]: row for row in table.rows}
    assert len(rows) == len(table.rows), "a row comes twice"
    return rows


def fields(kind: Any) -> dict[str, Any]:
    """The fields of a struct by their names on the wire, with their defaults (NODEFAULT: required)."""
    tag = {} if kind.__struct_config__.tag is None else {kind.__struct_config__.tag_field: NODEFAULT}
    own = msgspec.structs.fields(kind)
    return tag | {
        one.encode_name: one.default_factory() if one.default_factory is not NODEFAULT else one.default for one in own
    }


@pytest.mark.parametrize(
    ("page", "name"),
    [
        *((API, name) for name in "Pipeline ApiKey Account JobShare SharedJob Verdict".split()),
        *((API, name) for name in "JobExecution JobVersion Schedule Difference TaskExecution Reason Log File".split()),
        *(
            (API, name)
            for name in "LaunchRequest LogRequest CancelRequest ClaimRequest ReportRequest ReportBody".split()
        ),
        *((API, name) for name in "TaskExecutionPatch PipelineDefinition KeyRequest Project ProjectDefinition".split()),
        (API, "ProjectPatch"),
        (API, "RerunRequest"),
        (API, "Criterion"),
        *((API, name) for name in "PauseRequest SkipRequest".split()),
        *((API, name) for name in "AccountRequest ShareRequest".split()),
        (API, "BulkRequest"),
        (API, "PurgeRequest"),
        (TASK, "TaskDefinition"),
        (JOB, "JobBody"),
        (JOB, "JobTaskBody"),
        (JOB, "UserInputBody"),
        (JOB, "PeriodicityRule"),
        (JOB, "UserInputOptionBody"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_struct_has_these_fields(page: Page, name: str) -> None:
    modules = (resources, requests, definitions, criteria)
    kind = next(getattr(module, name) for module in modules if hasattr(module, name))
    table = page.tables[name]
    documented, known = named(table), fields(kind)
    assert documented.keys() == known.keys()
    if "Default" in table.header:
        column = table.header.index("Default")
        for field, default in known.items():
            check_default(documented[field][column], default, f"{name}.{field}")


def check_default(cell: str, default: Any, place: str) -> None:
    """A default is written as JSON, or explained in words where it is null, absent or empty."""
    if default is NODEFAULT:
        assert cell == "required", place
    elif default is None or default is UNSET or default == "" or isinstance(default, msgspec.Struct):
        assert cell != "required", place
        assert not code(cell) or json.loads(code(cell)[0]) in ("", {}, []), place
    else:
        shown = code(cell)[0] if code(cell) else cell
        value = json.loads(msgspec.json.encode(default))
        assert shown == value if isinstance(value, str) else json.loads(shown) == value, place


def test_the_values_that_a_task_may_have() -> None:
    (schema,), components = msgspec.json.schema_components([definitions.TaskDefinition])
    properties = components[schema["$ref"].rpartition("/")[2]]["properties"]
    values = {field: row[2] for field, row in named(TASK.tables["TaskDefinition"]).items()}
    for field, property in properties.items():
        if "minimum" in property:
            assert values[field] == f"{property['minimum']} to {property['maximum']}"
        elif "maxLength" in property:
            assert values[field] == f"up to {property['maxLength']} characters"
        elif "enum" in property:
            assert sorted(code(values[field])) == sorted(property["enum"])


@pytest.mark.parametrize(("name", "kind"), [("problem", resources.Problem), ("page", resources.Page)])
def test_an_envelope_has_these_fields(name: str, kind: Any) -> None:
    assert named(API.tables[name]).keys() == fields(kind).keys()


def test_every_error_has_its_status() -> None:
    assert {code: int(row[1]) for code, row in named(API.tables["errors"]).items()} == STATUS_OF


def test_every_reason_has_its_word() -> None:
    assert named(API.tables["reasons"]).keys() == set(get_args(ReasonCode))


def test_every_type_of_a_user_input_has_its_words() -> None:
    assert named(JOB.tables["user input types"]).keys() == set(get_args(UserInputType))


def test_every_endpoint_is_there_with_what_it_takes_and_gives() -> None:
    known = endpoints()
    documented = {code(row[0])[0]: row for row in API.tables["endpoints"].rows}
    assert documented.keys() == known.keys()
    for name, (_, body, answer, errors, _) in documented.items():
        endpoint = known[name]
        assert code(body) == ([endpoint.body.__name__] if endpoint.body else []), name
        assert answer == f"{endpoint.status} `{shown(endpoint.answer)}`", name
        assert set(code(errors)) == {error.code for error in endpoint.errors}, name


def endpoints() -> dict[str, Endpoint]:
    known = [endpoint for routes in RESOURCES for endpoint in routes.endpoints]
    return {f"{one.method} {one.path.removeprefix(PREFIX)}": one for one in known}


def shown(answer: Any) -> str:
    return re.sub(r"[a-z_.]+\.", "", str(answer)) if "[" in str(answer) else answer.__name__


def expressions() -> list[tuple[str, str]]:
    names = ("typed", "text", "missing", "paths", "escapes", "nested")
    return [(code(row[0])[0], code(row[1])[0]) for name in names for row in EXPRESSIONS.tables[name].rows]


@pytest.mark.parametrize(("written", "becomes"), expressions())
def test_an_expression_becomes(written: str, becomes: str) -> None:
    scope = next(step for step in EXPRESSIONS.steps if isinstance(step, Block) and "file" in step.said)
    assert compile_template(json.loads(written)).resolve(json.loads(scope.text)) == json.loads(becomes)


@pytest.mark.parametrize("command", ["server", "worker"])
def test_a_command_has_these_settings(command: str) -> None:
    documented = {code(row[0])[-1]: (code(row[1]), code(row[2]) or [row[2]]) for row in SETTINGS.tables[command].rows}
    assert documented == dict(settings_of(command))


def settings_of(command: str) -> Iterable[tuple[str, tuple[list[str], list[str]]]]:
    group: Any = typer.main.get_command(app)
    for one in group.commands[command].params:
        if one.param_type_name == "option" and one.name != "help":
            yield one.opts[0], ([str(one.envvar)] if one.envvar else [], [default_of(one.default)])


def default_of(default: Any) -> str:
    return f"{default:g}" if isinstance(default, float) else str(getattr(default, "value", default))


def test_the_context_of_a_task_has_these_members() -> None:
    inside = {"cancellation", "pausing", "notes", "secrets", "make_workdir", "current"}
    members = {one for one in {*TaskContext.__dataclass_fields__, *vars(TaskContext)} if not one.startswith("_")}
    assert {name.partition("(")[0] for name in named(PYTHON.tables["TaskContext"])} == members - inside


def test_a_task_has_these_arguments() -> None:
    documented = {name for row in PYTHON.tables["task"].rows for name in code(row[0])}
    assert documented == inspect.signature(task).parameters.keys()


def test_a_task_can_end_in_these_ways() -> None:
    documented = {name.partition("(")[0] for name in named(PYTHON.tables["endings"])}
    assert documented == {
        one.__name__
        for one in vars(endings).values()
        if isinstance(one, type) and one is not Ending and issubclass(one, Ending)
    }


def test_a_worker_has_these_arguments() -> None:
    documented = {name: row for row in PYTHON.tables["Worker"].rows for name in code(row[0])}
    parameters = inspect.signature(Worker).parameters
    assert documented.keys() == parameters.keys()
    for name, parameter in parameters.items():
        if isinstance(parameter.default, int | float):
            assert documented[name][1] == str(parameter.default), name


def test_a_client_has_these_verbs() -> None:
    with Client("http://127.0.0.1:9") as client:
        rooms = {name: room for name, room in vars(client).items() if isinstance(room, Blocking)}
    known = {name: {verb for verb in dir(room) if not verb.startswith("_")} for name, room in rooms.items()}
    assert {name: set(code(row[1])) for name, row in named(PYTHON.tables["verbs"]).items()} == known


def test_a_client_raises_these_errors() -> None:
    known = {error.__name__ for error in ApiError.__subclasses__()}
    assert named(PYTHON.tables["client errors"]).keys() == known


def test_the_house_has_these_rooms() -> None:
    rooms = {f"{path.name}/" for path in (ROOT / "src/data_factory").iterdir() if (path / "__init__.py").exists()}
    assert named(README.tables["rooms"]).keys() == rooms


# -- the report


def test_the_schema_of_reports_is_the_one_that_is_served() -> None:
    assert (ROOT / "docs/reference/report.xsd").read_bytes() == schema_of_reports()


def test_the_example_of_a_report_is_as_the_schema_says() -> None:
    page = read_page(ROOT / "docs/reference/report.md")
    [example] = [step.text for step in page.steps if isinstance(step, Block) and step.language == "xml"]
    xmlschema.XMLSchema(schema_of_reports().decode()).validate(example)


# -- the timeline


def test_every_kind_of_the_timeline_is_there_and_says_what_the_code_says() -> None:
    assert {kind: row[1] for kind, row in named(TIMELINE.tables["kinds"]).items()} == KINDS


def test_every_event_is_there_and_is_told() -> None:
    assert named(TIMELINE.tables["events"]).keys() == {kind for kind in EVENTS if kind in KINDS}


def test_every_event_that_a_follower_is_told_is_there() -> None:
    page = read_page(ROOT / "docs/how-to/follow-events.md")
    assert named(page.tables["events"]).keys() == set(get_args(EventKind))


def test_all_that_people_do_is_there() -> None:
    done = EVENTS.keys() - {"task_execution.handed_back", "webhook.given_up"}
    assert named(TIMELINE.tables["audited"]).keys() == done


def test_every_origin_is_there() -> None:
    assert named(TIMELINE.tables["origins"]).keys() == set(ORIGINS)
