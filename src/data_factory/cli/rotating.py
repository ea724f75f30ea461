"""What `data-factory store rotate-secrets` does and shows."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec

from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.plain import note
from data_factory.cli.rendering import show_json
from data_factory.model.errors import DataFactoryError
from data_factory.service.sealing import seal_anew
from data_factory.service.vault import ENVIRONMENT, UnusableSecretKey, Vault, keys_in, parse_keys
from data_factory.store.promises import Store, StoreUnavailable, UnusableSchema
from data_factory.store.sqlite import SqliteStore
from data_factory.store.sqlite.lock import DirectoryInUse, DirectoryLock


def rotate(data_dir: Path, database: str | None, as_json: bool) -> None:
    """Seal all secrets of a store anew, and say what of the former key."""
    try:
        vault = _vault(data_dir, database)
        count = asyncio.run(_on_postgresql(database, vault) if database else _on_sqlite(data_dir, vault))
    except (UnusableSecretKey, UnusableSchema, DirectoryInUse) as error:
        raise Stop(ExitCode.USAGE, str(error)) from error
    except StoreUnavailable as error:
        raise Stop(ExitCode.UNREACHABLE, error.message) from error
    except (DataFactoryError, OSError) as error:
        raise Stop(ExitCode.FAILED, str(error)) from error
    if as_json:
        show_json(msgspec.json.encode({"secrets": count}))
    note(f"Encrypted {count:,} secrets anew; all of them are encrypted with the first key now.")
    note(
        "Take the other keys from each server and start it again; then throw them away, save for backups of the store "
        "from before."
    )


def _vault(data_dir: Path, database: str | None) -> Vault:
    if given := os.environ.get(ENVIRONMENT):
        return Vault(*parse_keys(given))
    if database is not None:
        raise Stop(ExitCode.USAGE, f"{ENVIRONMENT} is not set: give the new key and the former one, in this order.")
    if not data_dir.is_dir():
        raise Stop(ExitCode.USAGE, f"There is no data directory {data_dir}.")
    return Vault(*keys_in(data_dir))


async def _on_postgresql(url: str, vault: Vault) -> int:
    from data_factory.store.postgresql import PostgresqlStore
    from data_factory.store.postgresql.migrating import prepare

    await prepare(url)
    return await _sealed(PostgresqlStore(url), vault)


async def _on_sqlite(data_dir: Path, vault: Vault) -> int:
    lock = DirectoryLock(data_dir, "encrypts its secrets anew")
    try:
        return await _sealed(SqliteStore(data_dir), vault)
    finally:
        lock.release()


async def _sealed(store: Store, vault: Vault) -> int:
    try:
        return await seal_anew(store, vault)
    finally:
        await store.close()
