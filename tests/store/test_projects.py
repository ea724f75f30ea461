"""Projects: what stands in which, and that nothing comes into one that goes."""

from __future__ import annotations

import asyncio

import pytest

from data_factory.model.definitions import ProjectDefinition, ProjectPatch
from data_factory.model.errors import DataFactoryError, ProjectMisplaced, ProjectNotEmpty
from data_factory.model.ids import IdMaker
from data_factory.model.records import ProjectRecord
from data_factory.service.projects import Projects
from data_factory.store.promises import ImpossibleWrite, Store, Transaction
from tests.store.conftest import House
from tests.store.rows import ALL, NOW, ids, insert, job, keep, new_id

pytestmark = pytest.mark.anyio


def service(store: Store) -> Projects:
    return Projects(store, lambda: NOW, IdMaker(lambda: NOW))


async def made(projects: Projects, house: House, parent: ProjectRecord | None = None) -> ProjectRecord:
    definition = ProjectDefinition(display_name="\u00e9 \U0001f600 '--", parent_id=parent.id if parent else None)
    return await projects.create(house.account.id, definition)


async def test_a_project_is_found_in_its_account_only(store: Store, house: House) -> None:
    one = await made(service(store), house)
    assert await store.read(lambda reads: reads.project(house.account.id, one.id)) == one
    assert await store.write(lambda t: t.project(house.account.id, one.id)) == one
    assert await store.read(lambda reads: reads.project(new_id(), one.id)) is None
    assert await store.read(lambda reads: reads.projects_above(new_id(), one.id)) == []
    assert ids(await store.read(lambda reads: reads.projects_of_account(house.account.id, ALL))) == [one.id]


async def test_what_is_below_moves_with_a_project(store: Store, house: House) -> None:
    projects = service(store)
    a = await made(projects, house)
    b = await made(projects, house, a)
    c = await made(projects, house, b)
    d = await made(projects, house)
    assert await store.read(lambda reads: reads.projects_above(house.account.id, c.id)) == [c.id, b.id, a.id]
    assert await store.read(lambda reads: reads.depth_below(a.id)) == 2
    await projects.change(house.account.id, a.id, ProjectPatch(parent_id=d.id))
    found = [await projects.project(house.account.id, one.id) for one in (a, b, c, d)]
    assert [one.depth for one in found] == [1, 2, 3, 0]


async def test_two_moves_at_once_make_no_circle(store: Store, house: House) -> None:
    projects = service(store)
    a, b = await made(projects, house), await made(projects, house)
    moves = [(a, b), (b, a)] * 3
    done = await asyncio.gather(
        *(projects.change(house.account.id, one.id, ProjectPatch(parent_id=other.id)) for one, other in moves),
        return_exceptions=True,
    )
    assert {type(one) for one in done} == {ProjectRecord, ProjectMisplaced}
    assert sorted([(await projects.project(house.account.id, one.id)).depth for one in (a, b)]) == [0, 1]


async def test_nothing_is_published_into_a_project_that_is_deleted(store: Store, house: House) -> None:
    projects = service(store)

    async def publish(project: ProjectRecord) -> bool:
        async def work(transaction: Transaction) -> bool:
            if await transaction.project(house.account.id, project.id) is None:
                return False
            await keep_in(transaction, house, project)
            return True

        return await store.write(work)

    for _ in range(5):
        project = await made(projects, house)
        kept, deleted = await asyncio.gather(
            publish(project), projects.delete(house.account.id, project.id), return_exceptions=True
        )
        assert (kept is True) == isinstance(deleted, ProjectNotEmpty), (kept, deleted)
        assert (kept is False) == isinstance(deleted, ProjectRecord), (kept, deleted)


async def keep_in(transaction: Transaction, house: House, project: ProjectRecord) -> None:
    await insert(transaction, job(house.account.id, house.pipeline.id, project_id=project.id))


async def test_a_job_is_in_no_project_that_is_not_there(store: Store, house: House) -> None:
    with pytest.raises(ImpossibleWrite):
        await keep(store, job(house.account.id, house.pipeline.id, project_id=new_id()))


async def test_a_project_is_in_nothing_that_is_not_there(store: Store, house: House) -> None:
    with pytest.raises(DataFactoryError):
        await service(store).create(house.account.id, ProjectDefinition(display_name="x", parent_id=new_id()))
