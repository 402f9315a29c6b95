"""What the worker (`stepwell manage db_worker`) is asked to do. Tasks carry keys only."""

from __future__ import annotations

from stepwell.web.config.compat import task
from stepwell.web.operations import services


@task()
def carry_out_import(run_id: int) -> None:
    services.carry_out(run_id)
