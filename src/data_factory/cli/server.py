"""`data-factory server`: the platform on this machine. Nothing of it is imported before it is to run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from data_factory.cli.logs import LogFormat, log_to_stderr
from data_factory.cli.rates import rate

MIN_KEY_LENGTH = 16


def _is_postgresql(url: str | None) -> str | None:
    if not url:
        return None
    if not url.startswith(("postgresql://", "postgres://")):
        raise typer.BadParameter("the address of a PostgreSQL database begins with postgresql://")
    return url


DataDir = Annotated[
    Path, typer.Option(envvar="DATA_FACTORY_DATA_DIR", help="Where everything is kept; made if it is not there.")
]
Database = Annotated[
    str | None,
    typer.Option(
        envvar="DATABASE_URL",
        show_envvar=True,
        metavar="URL",
        callback=_is_postgresql,
        help="A PostgreSQL database to keep everything in, instead of that directory: "
        "postgresql://user:password@host/database. Any number of servers can share it.",
    ),
]


def server(
    host: Annotated[str, typer.Option(envvar="DATA_FACTORY_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="DATA_FACTORY_PORT", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8080,
    data_dir: DataDir = Path(".data-factory"),
    database: Database = None,
    database_timeout: Annotated[
        float,
        typer.Option(
            envvar="DATA_FACTORY_DATABASE_TIMEOUT",
            min=0.1,
            max=60,
            metavar="SECONDS",
            help="How long an answer of the database is waited for, before a request is refused with 503.",
        ),
    ] = 5,
    processes: Annotated[
        int,
        typer.Option(
            envvar="DATA_FACTORY_PROCESSES",
            min=1,
            help="How many processes serve this address; several need PostgreSQL.",
        ),
    ] = 1,
    files_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="DATA_FACTORY_FILES_DIR",
            help="Where the content of files is kept: `files` in the data directory, if not given. Servers that share "
            "a database must share it, too.",
            show_default=False,
        ),
    ] = None,
    max_file_size: Annotated[
        int, typer.Option(envvar="DATA_FACTORY_MAX_FILE_SIZE", min=1, metavar="MIB", help="How large a file may be.")
    ] = 100,
    file_retention: Annotated[
        int,
        typer.Option(
            envvar="DATA_FACTORY_FILE_RETENTION",
            min=0,
            max=100_000,
            metavar="DAYS",
            help="How long a file is kept that no job uses; 0 is for ever.",
        ),
    ] = 90,
    file_quota: Annotated[
        int,
        typer.Option(
            envvar="DATA_FACTORY_FILE_QUOTA",
            min=0,
            metavar="MIB",
            help="How much the files of an account may have together; 0 is no limit.",
        ),
    ] = 0,
    allow_private_webhooks: Annotated[
        bool,
        typer.Option(
            "--allow-private-webhooks",
            envvar="DATA_FACTORY_ALLOW_PRIVATE_WEBHOOKS",
            help="Webhooks may be at private addresses: of this machine, and of its networks.",
        ),
    ] = False,
    key_in_query: Annotated[
        bool,
        typer.Option(
            "--key-in-query",
            envvar="DATA_FACTORY_KEY_IN_QUERY",
            help="Take the API key from the query string too (?api_key=…): proxies write that down.",
        ),
    ] = False,
    audit_retention: Annotated[
        int,
        typer.Option(
            envvar="DATA_FACTORY_AUDIT_RETENTION",
            min=0,
            max=100_000,
            metavar="DAYS",
            help="How long it is kept who did what; 0 is for ever.",
        ),
    ] = 365,
    keep_executions: Annotated[
        int,
        typer.Option(
            envvar="DATA_FACTORY_KEEP_EXECUTIONS",
            min=0,
            max=100_000,
            metavar="DAYS",
            help="How long job executions are kept after their end; 0 is for ever.",
        ),
    ] = 0,
    rate_limit: Annotated[
        str | None,
        typer.Option(
            envvar="DATA_FACTORY_RATE_LIMIT",
            metavar="RATE",
            callback=rate,
            help="How many requests each API key may send: 50/min, 10/s, 1000/h; no limit, if not given.",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option(envvar="DATA_FACTORY_LOG_FORMAT", help="How the log is written, on standard error.")
    ] = LogFormat.TEXT,
) -> None:
    """Run the platform: the HTTP API, on one SQLite database in a directory, or on a PostgreSQL database.

    The first start makes an account, its default pipeline and an admin API key, which it prints once.
    DATA_FACTORY_API_KEY sets that key instead: for containers and tests. DATA_FACTORY_SECRET_KEY (`openssl rand
    -base64 32`) is the key that secrets are encrypted with: on PostgreSQL there are no secrets without it; on SQLite
    the first start makes one, and keeps it in the data directory. Every setting can also stand in a file .env
    in this directory. Stop it with Ctrl-C or SIGTERM: what is being answered is finished first.

    \b
    Example:
      data-factory server --port 9000 --data-dir /var/lib/data-factory
    """
    log_to_stderr(log_format)
    if processes > 1 and database is None:
        typer.echo(
            f"--processes {processes} needs a PostgreSQL database: give its address with --database. A SQLite database "
            "belongs to one process; `data-factory store copy` takes what is in it to PostgreSQL.",
            err=True,
        )
        raise typer.Exit(2)
    key = os.environ.get("DATA_FACTORY_API_KEY") or None
    if key is not None and len(key) < MIN_KEY_LENGTH:
        typer.echo(f"DATA_FACTORY_API_KEY is too short to be safe: at least {MIN_KEY_LENGTH} characters.", err=True)
        raise typer.Exit(2)
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        typer.echo("DATA_FACTORY_API_KEY cannot be sent in a header: letters, digits and punctuation only.", err=True)
        raise typer.Exit(2)
    secret_key = os.environ.get("DATA_FACTORY_SECRET_KEY") or None
    try:
        from data_factory.cli.serving import Settings, serve, serve_with
        from data_factory.cli.supervising import CannotStart
        from data_factory.service.files import DAY_MS, MIB, FileRules
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from None
    rules = FileRules(max_file_size * MIB, file_retention * DAY_MS, file_quota * MIB)
    try:
        settings = Settings(
            host,
            port,
            data_dir,
            database,
            database_timeout,
            key,
            secret_key,
            files_dir or data_dir / "files",
            rules,
            allow_private_webhooks,
            audit_days=audit_retention,
            execution_days=keep_executions,
            rate_limit=rate_limit,
            key_in_query=key_in_query,
        )
        if processes == 1:
            serve(settings)
        elif not serve_with(processes, settings, log_format):
            raise typer.Exit(1)
    except CannotStart as error:
        typer.echo(f"The server cannot start: {error}", err=True)
        raise typer.Exit(1) from None


def not_installed(missing: ModuleNotFoundError) -> typer.Exit:
    """The end of a command that needs what only the server's installation has; says so."""
    typer.echo(f"The server is not installed ({missing.name}): pip install 'data-factory[server]'", err=True)
    return typer.Exit(2)
