"""The calls of pipelines."""

from __future__ import annotations

from data_factory.client.call import Call, Listing, Pages
from data_factory.client.calls.parts import create_one, path_of
from data_factory.model.definitions import PipelineDefinition
from data_factory.model.requests import PauseRequest
from data_factory.model.resources import Pipeline


def create_pipeline(title: str, *, slots: int = 1, idempotency_key: str | None = None) -> Call[Pipeline]:
    """Make a pipeline: a FIFO queue of job executions, of which at most `slots` run at a time."""
    return create_one("pipelines", PipelineDefinition(title=title, slots=slots), Pipeline, idempotency_key)


def get_pipeline(pipeline_id: str) -> Call[Pipeline]:
    """The pipeline with this id."""
    return Call(method="GET", path=path_of("pipelines", pipeline_id), result=Pipeline)


def update_pipeline(pipeline_id: str, title: str, *, slots: int = 1) -> Call[Pipeline]:
    """Rename a pipeline, or give it more or fewer slots."""
    definition = PipelineDefinition(title=title, slots=slots)
    return Call(method="PUT", path=path_of("pipelines", pipeline_id), body=definition, result=Pipeline)


def pause_pipeline(pipeline_id: str, *, reason: str = "") -> Call[Pipeline]:
    """Start no job execution in a pipeline until it is resumed; what runs goes on."""
    path = path_of("pipelines", pipeline_id, "pause")
    return Call(method="POST", path=path, body=PauseRequest(reason=reason), result=Pipeline)


def resume_pipeline(pipeline_id: str) -> Call[Pipeline]:
    """Start what waits in a pipeline again, as far as it has free slots."""
    return Call(method="POST", path=path_of("pipelines", pipeline_id, "resume"), result=Pipeline)


def list_pipelines(*, size: int = 100) -> Pages[Pipeline]:
    """The pipelines of the account, newest first."""
    return Pages(path=path_of("pipelines"), result=Listing[Pipeline], size=size)
