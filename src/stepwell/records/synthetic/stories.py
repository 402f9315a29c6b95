"""People made by hand, the same in every network, so that a walk through the demo and its tests can find them by name."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stepwell.records.dose import parse_dose
from stepwell.records.schema import TABLES
from stepwell.records.synthetic.dice import Bools
from stepwell.records.synthetic.formulary import formulary
from stepwell.records.synthetic.world import Place, World

if TYPE_CHECKING:
    from stepwell.records.synthetic.persons import People
    from stepwell.records.synthetic.scene import Scene

TWO_OWNERS = ("Iris", "Fairweather")
WRONG_BIRTH_DATE = ("George", "Ashdown")
EPOCH = date(1970, 1, 1)
_LETTERS = {
    "registrations": "e", "medication_plans": "p", "medication_issues": "i", "observations": "o", "conditions": "c", "contacts": "n",
    "letters": "l",
}  # fmt: skip
Row = dict[str, Any]


def told(place: Place, size: int) -> Bools:
    """Who of a place is made by hand: the first two of the first practice."""
    rows = np.zeros(size, dtype=bool)
    if place.index == 0 and not place.outside:
        rows[:2] = True
    return rows


def identify(world: World, people: People, today: int) -> None:
    """The places of the hand-made people get their names; NHS numbers come from the far end of the seed's order."""
    town = world.catalogue.names.towns[0]
    as_of = EPOCH + timedelta(days=today)
    for row, (name, female, born, years) in enumerate(
        ((TWO_OWNERS, True, as_of.replace(day=14, month=3), 46), (WRONG_BIRTH_DATE, False, as_of.replace(day=2, month=9), 58))
    ):
        people.given[row], people.family[row] = name
        people.female[row], people.title[row] = female, "Ms" if female else "Mr"
        people.born[row] = (born.replace(year=born.year - years) - EPOCH).days
        people.age[row] = years
        people.address[row], people.phone[row] = f"{14 + row} Mill Lane, {town}", f"07700 90000{row + 1}"
        people.postcode[row] = f"ZZ99 {row + 1}AB"
        people.language[row], people.interpreter[row] = ("pl", True) if row == 0 else (None, False)
        people.nhs[row], people.nhs_invalid[row] = world.nhs_numbers[-1 - row], False
        people.died[row] = people.moved[row] = -1
        people.registered[row] = today - 3200
        for members in (*people.groups.values(), *people.takes.values()):
            members[row] = False
        people.frailty[row] = ""


@dataclass(slots=True)
class _Book:
    """Rows by organisation and table, as they come."""

    world: World
    place: Place
    today: int
    rows: dict[str, dict[str, list[Row]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    life: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def day(self, back: int) -> date:
        return EPOCH + timedelta(days=self.today - back)

    def add(self, org: str, table: str, person: int, **columns: Any) -> Row:
        rows = self.rows[org][table]
        row: Row = {"subject_id": person, "source": org, "native_id": f"story-{_LETTERS[table]}{len(rows) + 1}", "version": "1"}
        rows.append(row | columns)
        return rows[-1]

    def medicine(self, key: str, pattern: str, org: str) -> Row:
        made = formulary()
        product, number = self.world.catalogue.products[key], made.products.index(key)
        text = self.world.catalogue.sigs.patterns[pattern].texts[0]
        dose = parse_dose(text)
        return {
            "org_code": org, "setting": "trust" if org == self.world.trust else "gp", "code": product.code, "code_system": "snomed",
            "term": product.term, "degraded": False, "term_name": made.term_name[number], "strength_ug": made.strength[number],
            "unit": made.unit[number], "dose_text": text, "dose_status": dose.status, "dose_low_milli": dose.low_milli,
            "dose_high_milli": dose.high_milli, "dose_unit": dose.unit, "as_required": dose.as_required, "quantity_unit": product.unit,
        }  # fmt: skip

    def monthly(self, person: int, key: str, pattern: str, org: str, *, since: int, substance: str, **more: Any) -> None:
        """A repeat issued every 28 days up to the day, with its plan where the practice prescribes."""
        medicine = self.medicine(key, pattern, org)
        per_day = self.world.catalogue.sigs.patterns[pattern].per_day
        medicine["quantity_milli"] = round(per_day * 28) * 1000
        plan = None
        if org != self.world.trust:
            row = self.add(
                org,
                "medication_plans",
                person,
                **medicine,
                status="active",
                kind="repeat",
                elsewhere=False,
                started_on=self.day(since),
                **more,
            )
            plan = row["group_id"] = row["native_id"]
        for back in range(since, -1, -28):
            self.add(org, "medication_issues", person, **medicine, status="completed", plan_id=plan, issued_on=self.day(back))
        strength = self.medicine(key, pattern, org)["strength_ug"]
        who = self.place.first + person - 1
        course = -1 - len(self.life["taken"])
        self.life["taken"].append(
            {"person": who, "course": course, "substance": substance, "from_on": self.day(since), "to_on": None,
             "ug_per_day": round(per_day * strength), "as_required": False, "acute": False}
        )  # fmt: skip
        self.life["supplied_by"].append(
            {"person": who, "course": course, "substance": substance, "org_code": org, "from_on": self.day(since), "to_on": None}
        )

    def result(self, org: str, person: int, test: str, back: int, value: float | None) -> None:
        entry = self.world.catalogue.results.tests[test]
        self.add(
            org, "observations", person, org_code=org, code=entry.code, code_system="snomed", term=entry.term, effective_on=self.day(back),
            precision="day", value_milli=None if value is None else round(value * 1000), value_unit=None if value is None else entry.unit,
            status="final",
        )  # fmt: skip

    def problem(self, org: str, person: int, name: str, back: int) -> None:
        entry = self.world.catalogue.formulary.conditions[name]
        on = self.day(back)
        self.add(
            org,
            "conditions",
            person,
            org_code=org,
            code=entry.code,
            code_system="snomed",
            term=entry.term,
            onset_on=on,
            recorded_on=on,
            status="active",
        )


def tell(scene: Scene, records: dict[str, dict[str, pa.Table]], life: dict[str, pa.Table]) -> None:
    """Take whatever was drawn for the hand-made people out of the tables of the first practice, and put their stories in."""
    world, place = scene.world, scene.place
    book = _Book(world, place, scene.today)
    _two_owners(book)
    _wrong_birth_date(book)
    practice, trust = place.code, world.trust
    for name, rows in records[practice].items():
        if name not in ("patients", "registrations", "organisations"):
            records[practice][name] = rows.filter(pc.greater(rows["subject_id"], 2))
    ours = records.setdefault(trust, {})
    known = ours["patients"].num_rows if "patients" in ours else 0
    _at_trust(book, records[practice]["patients"])
    for org, tables in book.rows.items():
        for name, new in tables.items():
            schema = TABLES[name].arrow_schema()
            added = pa.Table.from_pylist([{column: row.get(column) for column in schema.names} for row in new], schema=schema)
            if org == trust:
                added = added.set_column(0, "subject_id", pc.add(added["subject_id"], pa.scalar(known, pa.int64())))
            here = records[org].get(name)
            records[org][name] = added if here is None else pa.concat_tables([here, added])
    for name, found in book.life.items():
        life[name] = pa.concat_tables([life[name], pa.Table.from_pylist(found, schema=life[name].schema)])


def _at_trust(book: _Book, patients: pa.Table) -> None:
    trust = book.world.trust
    for row in patients.slice(0, 2).to_pylist():
        person = row["subject_id"]
        local = f"N1{person - 1:06d}"
        born = row["birth_date"] + timedelta(days=365 if person == 2 else 0)
        of_trust = row | {"source": trust, "native_id": local, "local_id": local, "org_code": trust, "birth_date": born}
        book.rows[trust]["patients"].append(of_trust)
        book.add(trust, "registrations", person, org_code=trust, kind="caseload", started_on=book.day(520))
        book.life["people"].append({"person": book.place.first + person - 1, "org_code": trust, "local_id": local})


def _two_owners(book: _Book) -> None:
    """Olanzapine from the practice for years, lithium from the trust, and quetiapine that the trust added and nobody took on."""
    gp, trust, iris = book.place.code, book.world.trust, 1
    bipolar = book.world.catalogue.formulary.conditions["bipolar"]
    book.problem(gp, iris, "bipolar", 3000)
    book.monthly(
        iris, "olanzapine-10", "1 night", gp, since=1100, substance="olanzapine", review_on=book.day(-60), indication_code=bipolar.code,
        indication_text=bipolar.term,
    )  # fmt: skip
    book.monthly(iris, "lithium-400", "2 night", trust, since=500, substance="lithium")
    book.monthly(iris, "quetiapine-100", "1 night", trust, since=63, substance="quetiapine")
    noted = book.medicine("lithium-400", "2 night", trust) | {"quantity_unit": None}
    row = book.add(
        gp, "medication_plans", iris, **noted, status="active", kind="repeat", elsewhere=True, started_on=book.day(490),
        asserted_on=book.day(150), review_on=book.day(-200),
    )  # fmt: skip
    row["group_id"] = row["native_id"]
    for org in (gp, trust):
        book.add(
            org, "letters", iris, from_org=trust, to_org=gp, sent_on=book.day(60), code="823681000000100", title="Outpatient clinic letter"
        )
    for back, weight, hba1c in ((1085, 71.0, 36), (1010, 74.5, 37), (730, 78.0, 39), (470, 82.5, 40)):
        for test, value in (("weight", weight), ("systolic", 124), ("diastolic", 78), ("hba1c", hba1c), ("cholesterol", 5.2)):
            book.result(gp, iris, test, back, value)
    for test, value in (("waist", 101), ("qrisk3", 4.1), ("alcohol", 6), ("alt", 31), ("haemoglobin", 131), ("pulse", 78), ("sodium", 140)):
        book.result(gp, iris, test, 120, value)
    for test in ("ex-smoker", "review", "ecg"):
        book.result(gp, iris, test, 120, None)
    for back, level, egfr in ((490, 0.48, 88), (480, 0.61, 88), (390, 0.66, 86), (300, 0.64, 86), (204, 0.68, 84)):
        book.result(trust, iris, "lithium", back, level)
        if back != 480:
            for test, value in (("egfr", egfr), ("sodium", 139), ("tsh", 2.4), ("calcium", 2.38)):
                book.result(trust, iris, test, back, value)
    kind = "Telephone consultation"
    book.add(gp, "contacts", iris, org_code=gp, kind=kind, term=kind, on_date=book.day(40))
    kind = book.world.catalogue.rates.trust_contact
    book.add(trust, "contacts", iris, org_code=trust, kind=kind, term=kind, on_date=book.day(60))
    book.life["agreements"].append(
        {"person": book.place.first, "agreement_id": "g-story", "substance": "lithium", "line": "all", "owner_org": trust,
         "from_on": book.day(400), "to_on": None}
    )  # fmt: skip


def _wrong_birth_date(book: _Book) -> None:
    """The trust holds another birth date under the same NHS number: the two records wait for a human."""
    gp, trust, george = book.place.code, book.world.trust, 2
    book.monthly(george, "risperidone-2", "1 twice", gp, since=800, substance="risperidone")
    book.monthly(george, "lithium-400", "1 night", trust, since=450, substance="lithium")
    book.problem(gp, george, "schizoaffective", 2500)
