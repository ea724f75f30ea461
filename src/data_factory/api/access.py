"""What an API key may do, by its role.

| role | may |
|---|---|
| viewer | read everything but the API keys |
| worker | claim work and report on it, write logs, read and write files, read tasks |
| operator | what a viewer and a worker may, and launch, cancel and all other verbs of executions and pipelines |
| admin | everything |

>>> sorted(roles_for("POST", "/v1/data_factory/job_executions/{id}/cancel"))
['admin', 'operator']
"""

from __future__ import annotations

import re
from typing import Final

from data_factory.model.status import Role

_ADMIN: Final = frozenset[Role]({"admin"})
_OPERATE: Final = frozenset[Role]({"admin", "operator"})
_READ: Final = frozenset[Role]({"admin", "operator", "viewer"})
_WORK: Final = frozenset[Role]({"admin", "operator", "worker"})
_ALL: Final = frozenset[Role]({"admin", "operator", "worker", "viewer"})

_RULES: Final[tuple[tuple[str, frozenset[Role]], ...]] = (
    (r"\w+ /(api_keys|secrets|audit)\b.*", _ADMIN),
    # What a worker does. To poll is to take, so it is not for who only reads.
    (r"GET /tasks?/{id}/poll", _WORK),
    (r"GET /tasks(/{id})?", _ALL),
    (r"POST /tasks/find", _ALL),
    (r"POST /task_executions/(claim|report)", _WORK),
    (r"PATCH /task_executions/{id}", _WORK),
    (r"GET /task_executions/{id}", _ALL),
    (r"POST /logs(/batch)?", _WORK),
    (r"GET /files.*", _ALL),
    (r"POST /files/find", _ALL),
    (r"POST /files", _WORK),
    # What is read with a body is read all the same.
    (r"POST /.*/find", _READ),
    (r"GET /.*", _READ),
    # What an operator does with what runs. What is made, changed or removed for good, an admin does.
    (r"POST /job_executions/purge", _ADMIN),
    (r"POST /job_executions.*", _OPERATE),
    (r"POST /task_executions/{id}/.*", _OPERATE),
    (r"POST /pipelines/{id}/.*", _OPERATE),
    (r"POST /jobs/{id}/schedule/.*", _OPERATE),
    (r"POST /webhook_deliveries/{id}/resend", _OPERATE),
)


def roles_for(method: str, path: str) -> frozenset[Role]:
    """The roles that may use an endpoint: by the first rule that fits; what none fits is for an admin."""
    asked = f"{method} {path.removeprefix('/v1/data_factory')}"
    return next((roles for rule, roles in _RULES if re.fullmatch(rule, asked)), _ADMIN)
