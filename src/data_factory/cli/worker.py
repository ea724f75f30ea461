"""`data-factory worker`: runs the tasks of a module. Imports nothing of the server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated

from data_factory.cli.credentials import key_of
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.logs import LogFormat, log_to_stderr
from data_factory.cli.modules import tasks_of
from data_factory.cli.parameters import Argument, Option
from data_factory.cli.reloading import keep_reloading
from data_factory.cli.status_line import status_line
from data_factory.client.settings import load_settings
from data_factory.model.errors import DataFactoryError
from data_factory.worker.cluster import dask_cluster
from data_factory.worker.worker import Worker


def worker(
    module: Annotated[str, Argument("MODULE", "Where the tasks are: my_module, my_module:power or ./power.py.")],
    concurrency: Annotated[
        int | None,
        Option(
            "How many executions to run at a time: 1, or with --dask as many as the cluster has threads.",
            variable="DATA_FACTORY_CONCURRENCY",
            least=1,
        ),
    ] = None,
    grace: Annotated[
        float, Option("Seconds for what runs to end, on SIGTERM.", variable="DATA_FACTORY_GRACE", least=0)
    ] = 30.0,
    dask: Annotated[
        str | None,
        Option("Run the tasks on this Dask scheduler's cluster.", variable="DATA_FACTORY_DASK", metavar="ADDRESS"),
    ] = None,
    register: Annotated[bool, Option("First create or update the tasks.", variable="DATA_FACTORY_REGISTER")] = False,
    health_port: Annotated[
        int | None,
        Option("Tell /healthz and /metrics on this port.", variable="DATA_FACTORY_HEALTH_PORT", least=1, most=65_535),
    ] = None,
    log_format: Annotated[
        LogFormat, Option("How the log is written, on standard error.", variable="DATA_FACTORY_LOG_FORMAT")
    ] = LogFormat.TEXT,
    reload: Annotated[bool, Option("For development: start anew when a Python file here has changed.")] = False,
) -> None:
    """Run the tasks of a module: claim their executions, run them, report what they gave.

    The server and the key come from API_BASE_PATH and API_ACCESS_TOKEN, in the environment or in a file .env here;
    for a server of this user on this machine neither is needed. TASK_DEFINITION_ID names the task of a function that
    is declared without key or id. Stop it with Ctrl-C or SIGTERM: what runs may end, the rest is handed back. The exit
    code is 0 then, 2 if something is set up wrongly, 3 if the server refuses the key.

    \b
    Examples:
      data-factory worker my_module
      data-factory worker ./power.py --concurrency 4
      data-factory worker my_module --dask tcp://10.0.0.1:8786
      data-factory worker my_module --reload
    """
    log_to_stderr(log_format)

    def run(begun: Callable[[Worker], None] | None = None) -> Worker:
        with ExitStack() as stack:
            try:
                settings, tasks = load_settings(), tasks_of(module)
                cluster = None if dask is None else stack.enter_context(dask_cluster(dask, tasks))
                ready = Worker(
                    tasks,
                    base_url=settings.base_url,
                    token=settings.token or key_of(settings.base_url),
                    concurrency=concurrency or (1 if cluster is None else cluster.threads),
                    grace=grace,
                    register=register,
                    health_port=health_port,
                    executor=None if cluster is None else cluster.executor,
                )
            except DataFactoryError as error:
                raise Stop(ExitCode.USAGE, error.message) from error
            if log_format is LogFormat.TEXT:
                stack.enter_context(status_line(ready.vitals))
            if begun is not None:
                begun(ready)
            ready.run()
        return ready

    if reload:
        keep_reloading(module, run)
    else:
        run()
