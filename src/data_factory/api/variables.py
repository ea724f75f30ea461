"""Variables and secrets: what jobs read as `${workflow.variable.<key>}`."""

from __future__ import annotations

from typing import Final

from data_factory.api.call import Call
from data_factory.api.finding import SORTING, find_in, is_sorted, of_key
from data_factory.api.lists import LISTS
from data_factory.api.presenting import Wire, present_variable
from data_factory.api.routing import PAGING, Query, Routes
from data_factory.model.definitions import VariableDefinition
from data_factory.model.errors import IdempotencyKeyReused, KeyTaken, NoSecretKey, NotFound
from data_factory.model.resources import Page, Variable

routes: Final = Routes("Variables")

ECHOES: Final = frozenset({"object", "id", "createdAt", "updatedAt"})
"""What a client may send back unchanged in a PUT."""


@routes.post(
    "/variables",
    body=VariableDefinition,
    answer=Variable,
    status=201,
    errors=(KeyTaken, NoSecretKey, IdempotencyKeyReused),
    idempotent=True,
)
async def create_variable(call: Call, body: VariableDefinition) -> Wire:
    """Make a variable, or a secret: its value is kept encrypted, and never shown."""
    return present_variable(
        await call.platform.variables.create(call.account_id, body, call.idempotency(), by=call.actor)
    )


@routes.get(
    "/variables", answer=Page[Variable], query=(*PAGING, *SORTING, Query("key", "Only the variable with this key."))
)
async def list_variables(call: Call) -> Wire:
    """List the variables, newest first."""
    if is_sorted(call):
        return await find_in(call, Variable, LISTS[Variable](call), of_key(call))
    found = await call.platform.variables.variables(call.account_id, call.part(), call.query("key"))
    return call.listed(found, present_variable, lambda variable: str(variable.id))


@routes.get("/variables/{id}", answer=Variable, errors=(NotFound,))
async def get_variable(call: Call) -> Wire:
    """Get a variable."""
    return present_variable(await call.platform.variables.variable(call.account_id, call.path["id"]))


@routes.put(
    "/variables/{id}",
    body=VariableDefinition,
    echoes=ECHOES,
    answer=Variable,
    status=201,
    errors=(NotFound, KeyTaken, NoSecretKey),
)
async def update_variable(call: Call, body: VariableDefinition) -> Wire:
    """Replace a variable. One that stays secret keeps its value if it is given none."""
    return present_variable(await call.platform.variables.update(call.account_id, call.path["id"], body, by=call.actor))


@routes.delete("/variables/{id}", answer=Variable, status=201, errors=(NotFound,))
async def delete_variable(call: Call) -> Wire:
    """Delete a variable: jobs that read it get an empty text from now on."""
    return present_variable(await call.platform.variables.delete(call.account_id, call.path["id"], by=call.actor))
