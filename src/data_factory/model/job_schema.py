"""The JSON Schema of `job.json`, made from the structs that read it: for editors, which complete and check by it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from data_factory.model.definitions import JobBody

PATH: Final = "/schemas/job.json"
"""Where a server has it."""

_ROOT: Final = "JobBody"

_LANGUAGES: Final = 'By language, in three letters of ISO 639: {"eng": "…", "fra": "…"}.'
_WORDS: Final[dict[str, dict[str, str]]] = {
    "JobBody": {
        "$schema": "For editors; not kept.",
        "schema": "The version of this format.",
        "key": "Its name in the account: letters, digits, `_` and `-`; up to 100.",
        "title": "How it is shown. Without it: the key.",
        "titleLocal": _LANGUAGES,
        "description": "For people.",
        "descriptionLocal": _LANGUAGES,
        "icon": "The name of an icon.",
        "status": "An INACTIVE job cannot be launched.",
        "userInputs": "What it asks for before it runs: `${workflow.input.<key>}`.",
        "tasks": "What it does, one after the other.",
        "outputParameters": "What it gives, with `${…}` expressions. Without it: the output of the last task.",
        "output": "Spelling of the API of `outputParameters`.",
        "timeoutSeconds": "How long an execution may take from its start, in seconds; 0 is no limit.",
        "pipelineId": "The pipeline that its executions run in. It differs from server to server: better not here.",
        "projectId": "Not part of job.json.",
        "periodicity": "When it is launched by itself: up to three rules. Not part of job.json on the hosted platform.",
    },
    "JobTaskBody": {
        "name": "`${account}/<key>` for a custom task; for control flow and another job, a name for people.",
        "type": "SUB_WORKFLOW for a task that a worker does; the others are control flow.",
        "description": "For people.",
        "optional": "When it fails, the job goes on.",
        "isOptional": "Spelling of the API of `optional`.",
        "inputParameters": "Its input, with `${…}` expressions at any depth. Empty: the input of the job.",
        "input": "Spelling of the API of `inputParameters`.",
        "evaluatorType": "Of a SWITCH: whether `expression` is JavaScript or names an input.",
        "expression": "Of a SWITCH: JavaScript with `$` for the inputs, or the name of an input.",
        "caseValueParam": "Of a DECISION: the name of an input.",
        "decisionCases": "Of a SWITCH or DECISION: the tasks of each case.",
        "defaultCase": "Of a SWITCH or DECISION: the tasks in any other case.",
        "loopCondition": "Of a DO_WHILE: JavaScript; true goes round again.",
        "loopOver": "Of a DO_WHILE: the tasks to run, and run again.",
        "forkTasks": "Of a FORK_JOIN: the branches, each a list of tasks.",
        "maxParallel": "Of a fork: how many branches run at a time; all without it.",
        "joinOn": "Of a JOIN: the last task of each branch; all without it.",
        "dynamicForkTasksParam": "Of a FORK_JOIN_DYNAMIC: the name of the input that lists the tasks.",
        "dynamicForkTasksInputParamName": "Of a FORK_JOIN_DYNAMIC: the name of the input that has what each is given.",
        "subWorkflowParam": "Of a SUB_WORKFLOW: the job that runs, instead of a custom task.",
    },
    "UserInputBody": {
        "type": "What may be given.",
        "title": "How it is shown.",
        "titleLocal": _LANGUAGES,
        "description": "For people.",
        "descriptionLocal": _LANGUAGES,
        "required": "It must be given, and not be empty, unless it has a default.",
        "defaultValue": "What is taken if it is not given.",
        "default": "Another spelling of `defaultValue`.",
        "options": "Of a SELECT or MULTI_SELECT: what it offers.",
    },
    "UserInputOptionBody": {
        "key": "The value itself.",
        "value": "Another spelling of `key`.",
        "title": "How it is shown.",
        "titleLocal": _LANGUAGES,
    },
}
"""What an editor tells of a field."""


def job_schema() -> dict[str, Any]:
    """The schema.

    >>> job_schema()["required"]
    ['key', 'tasks']
    """
    _, definitions = msgspec.json.schema_components([JobBody], ref_template="#/$defs/{name}")
    for struct, words in _WORDS.items():
        properties = definitions[struct]["properties"]
        for field, text in words.items():
            properties[field] = {**properties[field], "description": text}
    root = definitions.pop(_ROOT)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:data-factory:schema:job:1.0",
        **root,
        "title": "job.json",
        "description": "A job of a Data Factory: tasks, wired together by ${…} expressions.",
        "$defs": definitions,
    }
