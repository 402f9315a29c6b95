"""Runs the simulation over the people of a network, a place at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from stepwell.knowledge import Knowledge
from stepwell.records.synthetic.population import Made
from stepwell.records.synthetic.truth.book import Book
from stepwell.records.synthetic.truth.diary import Diary
from stepwell.records.synthetic.truth.files import SCHEMAS, Truth
from stepwell.records.synthetic.truth.person import PersonTruth, tell

READ = ("patients", "registrations", "medication_plans", "medication_issues", "observations", "conditions", "stays", "letters")


class Simulation:
    """Takes places as they are made (`add`) and gives the truth of all of them (`truth`)."""

    def __init__(self, knowledge: Knowledge, as_of: date) -> None:
        self.book, self.as_of = Book(knowledge.tables()), as_of
        self._parts: list[Truth] = []

    def add(self, made: Made) -> None:
        """Walk the days of everybody of one place, those first of whom no record is."""
        diaries = diaries_of(made.records, made.life)
        told = [tell(diary, self.book, self.as_of) for _, diary in sorted(diaries.items())]
        self._parts.append(_tables(told, made.life))

    def truth(self) -> Truth:
        tables = {name: pa.concat_tables([part.tables[name] for part in self._parts]) for name in SCHEMAS}
        return Truth(tables)


def diaries_of(records: Mapping[str, Mapping[str, pa.Table]], life: Mapping[str, pa.Table]) -> dict[int, Diary]:
    """The diary of each person of a place. Whose each record is comes from life, not from what the records say."""
    whose = {(row["org_code"], row["local_id"]): row["person"] for row in life["people"].to_pylist()}
    diaries = {person: Diary(person) for person in whose.values()}
    for org, tables in records.items():
        of_subject = {row["subject_id"]: whose[org, row["local_id"]] for row in tables["patients"].to_pylist()}
        for name in READ:
            for row in tables[name].to_pylist() if name in tables else []:
                diaries[of_subject[row["subject_id"]]].rows[name].append(row)
    for row in life["agreements"].to_pylist():
        diaries[row["person"]].agreements.append(row)
    return diaries


def _tables(told: list[PersonTruth], life: Mapping[str, pa.Table]) -> Truth:
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in SCHEMAS}
    for each in told:
        numbers: dict[str, int] = {}
        for substance, course in each.courses:
            numbers[substance] = numbers.get(substance, 0) + 1
            rows["courses"].append(
                {
                    "person": each.person,
                    "substance": substance,
                    "course": numbers[substance],
                    "started_on": course.started_on,
                    "ends_on": course.ends_on,
                    "issues": course.issues,
                    "days": len(course.covered),
                }
            )
        for medicine in each.medicines.values():
            rows["owners"].append(
                {"person": each.person, "substance": medicine.substance, "status": medicine.status, "owner_org": medicine.owner}
            )
        for due in each.due:
            rows["due"].append({"person": each.person, **{name: getattr(due, name) for name in SCHEMAS["due"].names[1:]}})
    tables = {name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in SCHEMAS.items()}
    tables["people"] = life["people"].select(SCHEMAS["people"].names).cast(SCHEMAS["people"])
    tables["agreements"] = life["agreements"].select(SCHEMAS["agreements"].names).cast(SCHEMAS["agreements"])
    tables["taken"] = life["taken"].select(SCHEMAS["taken"].names).cast(SCHEMAS["taken"])
    return Truth(tables)
