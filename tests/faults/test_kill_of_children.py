"""`kill -9` while jobs run jobs inside and launch others, in every state there is: each goes on, and ends once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.factory import Factory, Json, step, told
from tests.running import Server, until


@pytest.fixture(params=["sqlite", "postgresql"])
def doomed_server(request: pytest.FixtureRequest, tmp_path: Path) -> Server:
    """A server that is not started yet, on each of the stores."""
    on_postgresql = request.param == "postgresql"
    settings = {"DATABASE_URL": request.getfixturevalue("database").url} if on_postgresql else {}
    return Server(tmp_path / "data", **settings)


class Family:
    """A job that runs another one inside, and one that launches it; of the launched, one runs at a time."""

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.task = factory.task()
        self.inner = factory.job(step(self.task), slots=1, output={"v": "${first.output.v}"})
        inside = {"name": "in", "taskReferenceName": "in", "subWorkflowParam": {"name": self.inner["key"]}}
        launches = {"startWorkflow": {"name": self.inner["key"]}}
        self.parent = factory.job(inside, output={"v": "${in.output.v}"})
        self.launcher = factory.job(
            {"name": "go", "taskReferenceName": "go", "type": "START_WORKFLOW", "input": launches}
        )

    def run(self, id: str) -> Json:
        return told(self.factory.api.get(f"/job_executions/{id}"))

    def children(self) -> list[Json]:
        """All executions of the job that is run inside and launched."""
        data: list[Json] = told(self.factory.api.get(f"/job_executions?size=100&jobId={self.inner['id']}"))["data"]
        return data

    def parent_of(self, child: Json) -> str | None:
        """The execution that a child runs inside of; None of one that was launched."""
        parent: Json | None = self.run(child["id"]).get("parent")
        return None if parent is None else str(parent["jobExecutionId"])

    def claims(self) -> dict[str | None, Json]:
        """What waits for a worker now, by the execution that it runs inside of."""
        held = self.factory.claim(self.task, limit=100)
        return {self.parent_of({"id": one["jobExecutionId"]}): one for one in held}


def test_each_goes_on_and_ends_once(doomed_server: Server) -> None:
    with doomed_server as server:
        with server.client() as client:
            family = Family(Factory(client))
            runs = before_the_end(family)
        server.kill()
        server.start()
        with server.client() as client:
            family.factory = Factory(client)
            afterwards(family, runs)
        assert "Traceback" not in server.log
        assert server.stop() == 0


def before_the_end(family: Family) -> dict[str, Json]:
    """Executions, by how they are when the server dies; of some nobody has seen what has become."""
    factory = family.factory
    runs = {name: factory.launch(family.parent) for name in ("held", "done", "failed", "canceled")}
    held: dict[str | None, Json] = {}
    while len(held) < 4:
        held |= family.claims()
    runs |= {name: factory.launch(family.parent) for name in ("paused", "waiting")}
    told(factory.api.post(f"/job_executions/{runs['paused']['id']}/pause"))
    runs |= {f"launcher {number}": factory.launch(family.launcher) for number in range(2)}
    until(lambda: len(family.children()) == 8, "all are launched")
    told(factory.report(held[runs["done"]["id"]], output={"v": "done"}))
    told(factory.report(held[runs["failed"]["id"]], "FAILED_WITH_TERMINAL_ERROR"))
    told(factory.api.post(f"/job_executions/{runs['canceled']['id']}/cancel"))
    runs |= {f"unseen {number}": factory.launch(family.parent) for number in range(3)}
    return runs | {"its worker's": held[runs["held"]["id"]]}


def afterwards(family: Family, runs: dict[str, Json]) -> None:
    """A worker that was at work is heard, and others do the rest."""
    factory, held = family.factory, runs.pop("its worker's")
    told(factory.report(held, output={"v": "held"}, lease=held["lease"]))
    told(factory.api.post(f"/job_executions/{runs['paused']['id']}/resume"))

    def worked_off() -> bool:
        for one in factory.claim(family.task, limit=100):
            told(factory.report(one, output={"v": "later"}))
        all_of_them = [*(family.run(run["id"]) for run in runs.values()), *family.children()]
        return len(family.children()) == 11 and all(one["endedAt"] for one in all_of_them)

    until(worked_off, "everything ends")
    ways = {"done": "done", "held": "held", "failed": "FAILED", "canceled": "TERMINATED"}
    for name, run in runs.items():
        now = family.run(run["id"])
        if name.startswith("launcher"):
            assert now["status"] == "COMPLETED"
        elif (way := ways.get(name, "later")).isupper():
            assert now["status"] == way, name
        else:
            assert (now["status"], now["output"]) == ("COMPLETED", {"v": way}), name
    inside = [parent for child in family.children() if (parent := family.parent_of(child))]
    parents = [run["id"] for name, run in runs.items() if not name.startswith("launcher")]
    assert sorted(inside) == sorted(parents), "each has run one inside, and not two"
    assert all(len(factory.steps(child)) == 1 for child in family.children()), "none was done twice"
