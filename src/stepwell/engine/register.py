"""One register and its checks, without everything else: who is on it, the last result of each check, which checks are due.

A question like "adults on an antipsychotic in the last six months, with their last HbA1c, weight, blood pressure and lipids" needs
four of the engine's stages and a few columns of the store. This runs those stages, over the rows that can matter, so that a list of
a million people answers in seconds. Full courses, owners and needs are `stepwell.engine.evaluate`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import pyarrow as pa

from stepwell.engine import runner, stage_files
from stepwell.errors import Refused

if TYPE_CHECKING:
    import duckdb

    from stepwell.knowledge import Knowledge
    from stepwell.records.store import Store


# Below any value: the largest of a day is a number when there is one.
NO_VALUE = -(2**62)
_READ = ("recorded_results", "k_set", "k_rule", "k_point", "k_when", "k_test_code")


@dataclass(frozen=True, slots=True)
class Question:
    """Who is asked about, and which checks. `months`: an issue within so many months before the day puts a person on the register."""

    register: str
    tests: tuple[str, ...]
    months: int
    from_age: int = 0
    everybody: bool = False  # the whole list, those on the register marked


def stages_for(names: Collection[str]) -> list[str]:
    """These stages and all they read, in the order they run. ValueError for a stage there is not, or one that needs repeated passes."""
    known = stage_files.load()
    wanted, ahead = set(), list(names)
    while ahead:
        name = ahead.pop()
        if name not in known:
            raise ValueError(f"no stage {name}: {', '.join(known)}")
        if name not in wanted:
            wanted.add(name)
            ahead += [each for each in reads(name) if each in known]
    if stage_files.CARRY in wanted:
        raise ValueError(f"{', '.join(names)}: reads {stage_files.CARRY}, which is run in passes; use stepwell.engine.evaluate")
    return [name for name in stage_files.ORDER if name in wanted]


def reads(name: str) -> list[str]:
    """What a stage reads, from its contract."""
    return [part.strip().split(" ")[0] for part in stage_files.load()[name].reads.split(",")]


@cache
def _sql(name: str) -> str:
    file = resources.files("stepwell.engine") / "register_stages" / f"{name}.sql"
    return stage_files.parse(name, file.read_text(encoding="utf-8")).sql


def checks(store: Store, knowledge: Knowledge, as_of: date, question: Question) -> pa.Table:
    """One row per person, in order: person_id, birth_date, sex, on_register, substances, then for each test `<test>_on` (day of the last
    result), `<test>_milli` (thousandths of its unit, null for no number) and `<test>_due`; last `checks_due`, how many are due.

    Nobody who has died or left the list is in it. A check is due when the pack's interval for people on the register has passed since
    the last result, or there is none. Refused for a register or a test that the pack does not have.
    """
    k_tables = knowledge.tables()
    registers = {row["register"]: row for row in k_tables["k_register"].to_pylist()}
    if question.register not in registers or not registers[question.register]["set_name"]:
        by_medicine = ", ".join(name for name, row in registers.items() if row["set_name"])
        raise Refused(f"no register of a medicine {question.register!r}: there are {by_medicine}")
    if unknown := set(question.tests) - set(k_tables["k_test"]["test"].to_pylist()):
        raise Refused(f"no test {', '.join(sorted(unknown))} in the knowledge base")
    run = _Run(store, k_tables, as_of)
    try:
        run.ask(registers[question.register]["set_name"], question)
        return run.answer(question)
    finally:
        run.connection.close()


class _Run:
    def __init__(self, store: Store, k_tables: dict[str, pa.Table], as_of: date) -> None:
        self.store, self.as_of = store, as_of
        self.values = {**runner.values_of(k_tables["k_param"], as_of), "no_value": NO_VALUE}
        self.connection: duckdb.DuckDBPyConnection = runner.connect()
        # Every answer is sorted at the end.
        self.connection.execute("SET preserve_insertion_order = false")
        self.stages = stages_for(("people", "products"))
        for name in dict.fromkeys([*(each for stage in self.stages for each in reads(stage)), *_READ]):
            if name in k_tables:
                self.connection.register(f"given_{name}", k_tables[name])
                self.connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM given_{name}")
            elif name in runner.READ_WORKFLOW:
                self.connection.register(name, store.table(name))

    def make(self, name: str, sql: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS\n{stage_files.render(sql, self.values)}")

    def stage(self, name: str) -> None:
        self.make(name, stage_files.load()[name].sql)

    def rows(self, table: str) -> str:
        """A relation over the store's files of a table."""
        files = self.store.files(table)
        if not files:
            self.connection.register(f"none_of_{table}", self.store.table(table))
            return f"none_of_{table}"
        paths = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
        return f"read_parquet([{paths}])"

    def ask(self, set_name: str, question: Question) -> None:
        """Who had a medicine of the register: tables `subjects` and `takers`."""
        self.connection.execute("CREATE TEMP TABLE asked_tests (place INTEGER, test VARCHAR)")
        self.connection.executemany("INSERT INTO asked_tests VALUES (?, ?)", [list(each) for each in enumerate(question.tests)])
        wanted = "SELECT substance FROM wanted_substances"
        self.connection.execute("CREATE TEMP TABLE wanted_substances AS SELECT substance FROM k_set WHERE set_name = ?", [set_name])
        self.connection.execute(
            f"""
            CREATE TEMP TABLE wanted_codes AS
            SELECT code FROM k_product WHERE substance IN ({wanted})
            UNION SELECT code FROM codings WHERE substance IN ({wanted}) AND code IS NOT NULL
            """
        )
        self.connection.execute(f"CREATE TEMP TABLE wanted_names AS SELECT DISTINCT term_name FROM k_name WHERE substance IN ({wanted})")
        self.connection.execute(
            f"CREATE TEMP TABLE wanted_terms AS SELECT DISTINCT term FROM codings WHERE code IS NULL AND substance IN ({wanted})"
        )
        self.values["since"] = self.connection.execute("SELECT add_months(?::DATE, ?)", [self.as_of, -question.months]).fetchall()[0][0]
        self.connection.execute(f"CREATE TEMP VIEW links AS SELECT * FROM {self.rows('links')}")
        self.stage("subjects")
        self.connection.execute(f"CREATE TEMP VIEW issues_read AS SELECT * FROM {self.rows('medication_issues')}")
        self.make("candidates", _sql("candidates"))
        # The stage reads plans as well; a register counts issues.
        self.connection.execute("CREATE TEMP VIEW medication_issues AS SELECT * FROM candidates")
        self.connection.execute("CREATE TEMP VIEW medication_plans AS SELECT * FROM candidates WHERE FALSE")
        self.stage("products")
        self.make("takers", _sql("takers"))

    def answer(self, question: Question) -> pa.Table:
        if not question.everybody:
            # From here on only their records are read, at whatever source.
            self.connection.execute("DELETE FROM subjects WHERE person_id NOT IN (SELECT person_id FROM takers)")
        only = "" if question.everybody else "WHERE subject_id IN (SELECT subject_id FROM subjects)"
        for name in sorted(set(reads("people")) & set(runner.READ_RECORDS)):
            keyed = "subject_id" in runner.INPUTS[name].names
            self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {self.rows(name)} {only if keyed else ''}")
        self.stage("people")
        self.connection.execute(f"CREATE TEMP VIEW observations_read AS SELECT * FROM {self.rows('observations')} {only}")
        latest = ", ".join(f"max(seen) FILTER (place = {place}) AS r{place}" for place in range(len(question.tests)))
        self.make("latest", f"SELECT person_id{', ' if latest else ''}{latest} FROM (\n{_sql('seen')}\n) AS s GROUP BY person_id")
        self.make("check_intervals", _sql("check_intervals"))
        return self.connection.sql(self._wide(question)).to_arrow_table()

    def _wide(self, question: Question) -> str:
        day = f"DATE '{self.as_of.isoformat()}'"
        every = {test: each for test, *each in self.connection.execute("SELECT test, months, days FROM check_intervals").fetchall()}
        shown, due = [], []
        for place, test in enumerate(question.tests):
            last_on, value = f"l.r{place}[1]", f"nullif(l.r{place}[2], {NO_VALUE})"
            is_due = "FALSE"
            if test in every:
                months, days = every[test]
                is_due = f"coalesce(add_months({last_on}, {months}) + {days} <= {day}, TRUE)"
            due.append(f"CAST({is_due} AS INTEGER)")
            shown += [f'{last_on} AS "{test}_on"', f'{value} AS "{test}_milli"', f'{is_due} AS "{test}_due"']
        old_enough = f"AND p.birth_date <= add_months({day}, {-12 * question.from_age})" if question.from_age else ""
        return f"""
            SELECT p.person_id, p.birth_date, p.sex, t.person_id IS NOT NULL AS on_register, t.substances,
              {"".join(f"{each}, " for each in shown)}{" + ".join(due) or "0"} AS checks_due
            FROM people AS p
            {"LEFT JOIN" if question.everybody else "JOIN"} takers AS t ON t.person_id = p.person_id
            LEFT JOIN latest AS l ON l.person_id = p.person_id
            WHERE p.counted {old_enough}
            ORDER BY p.person_id
        """
