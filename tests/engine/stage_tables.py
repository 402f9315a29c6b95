"""Every stage of one batch as a table that is kept, so that a fault in one of them runs again only what reads it."""

from __future__ import annotations

from datetime import date

from stepwell.engine import runner, stage_files
from stepwell.engine.contract import TABLES
from stepwell.engine.inputs import Inputs


class Stages:
    def __init__(self, inputs: Inputs, as_of: date) -> None:
        session = runner.Session(inputs.knowledge, few=False)
        self._connection = session.connection
        self._connection.execute("SET threads = 1")
        given = {name: inputs.table(name) for name in runner.READ}
        for name, rows in given.items():
            self._connection.register(name, rows)
        self._values = runner.values_of(session.k_param, as_of)
        self._passes = runner.passes_for(sum(given[name].num_rows for name in ("medication_issues", "medication_plans", "stays")))
        for name, sql in self._plan({}).stages:
            self._connection.execute(f"CREATE TEMP TABLE {name} AS\n{sql}")

    def _plan(self, overrides: dict[str, str]) -> runner.Plan:
        return runner.Plan.build(self._values, self._passes, overrides)

    def differ(self, stage: str, sql: str) -> bool:
        """Whether a table of the contract is another when this stage says this; afterwards everything stands as it was."""
        assert stage in stage_files.load()
        before = dict(self._plan({}).stages)
        changed: set[str] = set()
        self._connection.execute("BEGIN TRANSACTION")
        try:
            for name, text in self._plan({stage: sql}).stages:
                if text == before[name] and not any(runner.mentions(text, other) for other in changed):
                    continue
                self._connection.execute(f"CREATE OR REPLACE TEMP TABLE again AS\n{text}")
                if self._same(name):
                    continue
                if name in TABLES:
                    return True
                self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM again")
                changed.add(name)
            return False
        finally:
            self._connection.execute("ROLLBACK")

    def _same(self, name: str) -> bool:
        more, fewer = (
            f"SELECT count(*) FROM (SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other})"
            for one, other in ((name, "again"), ("again", name))
        )
        return self._connection.execute(f"SELECT ({more}) + ({fewer})").fetchone() == (0,)
