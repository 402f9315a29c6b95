"""Worked patients: a history in plain words becomes the tables that an engine reads.

The words are those of the specs (`tests/spec/*.yaml`) and of the guide, so that a clinician can read and write them.
Each line is one sentence; `LINES` lists the forms. Doses are as taken in a day, dates YYYY-MM-DD, values in the test's own unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from stepwell.engine.inputs import Inputs
from stepwell.errors import Refused
from stepwell.knowledge.tables import TABLES as KNOWLEDGE
from stepwell.records.schema import TABLES as RECORDS
from stepwell.records.schema import WORKFLOW

ORGANISATIONS = {"practice": "A81001", "trust": "RX9", "private": "PRV01", "pharmacy": "FA001", "hospital": "RTR"}
SETTINGS = {"practice": "gp", "trust": "trust", "private": "private", "pharmacy": "pharmacy", "hospital": "trust"}
MICROGRAMS = {"mg": 1_000, "microgram": 1, "micrograms": 1, "g": 1_000_000}
UNITS = {"mg": "mg", "microgram": "microgram", "micrograms": "microgram", "g": "gram"}

LINES = """
born DATE | female | male | died DATE
registered with ORG from DATE [to DATE] | on the caseload of ORG from DATE
MEDICINE [AMOUNT mg daily | as required | dose unreadable] from DATE [to DATE] every N days [for N days] [by ORG]
MEDICINE [AMOUNT mg daily | as required | dose unreadable] on DATE [for N days] [by ORG]
MEDICINE [AMOUNT mg daily] prescribed elsewhere from DATE [confirmed DATE] [review DATE] [by trust | by private]
MEDICINE plan from DATE [for CONDITION] [because "TEXT"] [intended to end DATE]
TEST VALUE on DATE [by ORG] | TEST on DATE [by ORG] | typed TEST [VALUE] on DATE
diagnosis CONDITION [on DATE] [ended DATE]
agreement MEDICINE LINE: ORG from DATE [to DATE] | MEDICINE taken on by ORG from DATE [to DATE]
declined | done | not applicable RULE [of SUBJECT,] POINT on DATE [until DATE]
letter from ORG on DATE
"""

_DATE = r"\d{4}-\d{2}-\d{2}"
_DOSE = r"(?:(?P<amount>[\d.]+) (?P<unit>mg|micrograms?|g) daily|(?P<prn>as required)|(?P<unreadable>dose unreadable))"


@dataclass
class WorkedPatient:
    """One person of a spec: a name, and sentences about what happened."""

    name: str
    happened: list[str] = field(default_factory=list)


class Worked:
    """Collects worked patients into tables. `knowledge` gives codes and units, so what is written is what an importer would write."""

    def __init__(self, knowledge: Mapping[str, pa.Table], as_of: date) -> None:
        self.knowledge = knowledge
        self.as_of = as_of
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._number = 0
        self._products = _first_products(knowledge)
        self._test_units = {row["test"]: row["unit"] for row in _rows(knowledge, "k_test")}
        self._test_codes = _first_codes(_rows(knowledge, "k_test_code"), self._test_units)
        self._condition_codes = _plainest_codes(_rows(knowledge, "k_condition_code"))
        self._rules = {row["rule_id"]: row for row in _rows(knowledge, "k_rule")}
        self.person_ids: dict[str, int] = {}

    def add(self, patient: WorkedPatient) -> int:
        """The person's id. A sentence that no form fits is refused, naming it."""
        person = _Person(self, len(self.person_ids) + 1)
        self.person_ids[patient.name] = person.person_id
        for sentence in patient.happened:
            person.read(sentence)
        person.close()
        return person.person_id

    def inputs(self) -> Inputs:
        tables = {
            name: pa.Table.from_pylist(rows, schema=(RECORDS.get(name) or WORKFLOW[name]).arrow_schema())
            for name, rows in self._rows.items()
        }
        return Inputs(
            records={name: table for name, table in tables.items() if name in RECORDS},
            workflow={name: table for name, table in tables.items() if name in WORKFLOW},
            knowledge=dict(self.knowledge),
        )

    def put(self, table: str, **values: Any) -> None:
        names = (RECORDS.get(table) or WORKFLOW[table]).names
        row = dict.fromkeys(names)
        self._number += 1
        if "native_id" in row:
            row.update(native_id=f"{table}-{self._number:06d}", version="1", source=ORGANISATIONS["practice"])
        row.update(values)
        self._rows.setdefault(table, []).append(row)

    def last_native_id(self, table: str) -> str:
        return self._rows[table][-1]["native_id"]

    def product(self, substance: str, sentence: str) -> dict[str, Any]:
        if substance not in self._products:
            raise Refused(f"'{sentence}': knowledge has no product of '{substance}'. Write a medicine that it knows.")
        return self._products[substance]

    def test(self, test: str, sentence: str) -> dict[str, Any]:
        if test not in self._test_codes:
            raise Refused(
                f"'{sentence}': knowledge has no code for '{test}'. Write 'typed {test} ...', as a person records it in the ledger."
            )
        return self._test_codes[test]

    def test_unit(self, test: str) -> str | None:
        return self._test_units.get(test)

    def condition(self, condition: str, sentence: str) -> dict[str, Any]:
        if condition not in self._condition_codes:
            raise Refused(f"'{sentence}': knowledge has no code for the condition '{condition}'. Write a condition that it knows.")
        return self._condition_codes[condition]

    def subject(self, rule_id: str, sentence: str) -> str:
        """Subject of a rule's need, when there is no choice."""
        rule = self._rules.get(rule_id)
        if rule is None:
            raise Refused(f"'{sentence}': knowledge has no rule '{rule_id}'.")
        if rule["kind"] == "combination":
            return "+".join(rule[name] for name in ("set_name", "set_b", "set_c") if rule[name] is not None)
        return rule["set_name"]

    def is_medicine(self, name: str) -> bool:
        return name in self._products

    def is_test(self, name: str) -> bool:
        return name in self._test_units


def _rows(tables: Mapping[str, pa.Table], name: str) -> list[dict[str, Any]]:
    return tables[name].to_pylist() if name in tables else KNOWLEDGE[name].arrow_schema().empty_table().to_pylist()


def _first_products(knowledge: Mapping[str, pa.Table]) -> dict[str, dict[str, Any]]:
    """One product for each medicine that gives that medicine alone, a tablet or capsule of known strength before others."""
    rows = _rows(knowledge, "k_product")
    several: dict[tuple[str, str], int] = {}
    for row in rows:
        several[row["code_system"], row["code"]] = several.get((row["code_system"], row["code"]), 0) + 1

    def worth(row: dict[str, Any]) -> tuple[Any, ...]:
        alone = several[row["code_system"], row["code"]] == 1
        return not alone, row["unit"] not in ("tablet", "capsule"), row["strength_ug"] is None, row["code_system"] != "snomed", row["code"]

    products: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=worth):
        products.setdefault(row["substance"], row)
    for row in _rows(knowledge, "k_name"):
        nameless = {"code_system": None, "code": None, "substance": row["substance"], "strength_ug": None, "unit": "tablet"}
        products.setdefault(row["substance"], {**nameless, "term_name": row["term_name"]})
    return products


def _first_codes(rows: list[dict[str, Any]], units: Mapping[str, str | None]) -> dict[str, dict[str, Any]]:
    """One code for each test, one that carries its value before those that only show it was done."""

    def worth(row: dict[str, Any]) -> tuple[bool, bool, str]:
        unit = units.get(row["test"])
        in_its_unit = row["unit"] is None or (unit is not None and row["unit"] == unit.lower())
        return not in_its_unit, row["code_system"] != "snomed", row["code"]

    codes: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=worth):
        codes.setdefault(row["test"], row)
    return codes


def _plainest_codes(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """One SNOMED code for each condition, of those that say the fewest other conditions too."""
    said: dict[tuple[str, str], int] = {}
    for row in rows:
        said[row["code_system"], row["code"]] = said.get((row["code_system"], row["code"]), 0) + 1
    codes: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["code_system"] != "snomed", said[row["code_system"], row["code"]], row["code"])):
        codes.setdefault(row["condition"], row)
    return codes


class _Person:
    """Reads the sentences about one person."""

    def __init__(self, worked: Worked, person_id: int) -> None:
        self.worked = worked
        self.person_id = person_id
        self.subject_id = person_id * 10
        self.birth_date: date | None = None
        self.death_date: date | None = None
        self.sex = "unknown"
        self.registered = False

    def read(self, sentence: str) -> None:
        for pattern, reader in _READERS:
            match = re.fullmatch(pattern, sentence.strip())
            if match and reader(self, match, sentence):
                return
        raise Refused(f"'{sentence}' is not a sentence about a worked patient. The forms are:\n{LINES.strip()}")

    def put(self, table: str, **values: Any) -> None:
        self.worked.put(table, subject_id=self.subject_id, **values)

    def close(self) -> None:
        practice = ORGANISATIONS["practice"]
        self.put(
            "patients",
            local_id=str(self.person_id),
            nhs_status="missing",
            birth_date=self.birth_date,
            death_date=self.death_date,
            sex=self.sex,
            org_code=practice,
            gp_org_code=practice,
        )
        if not self.registered:
            self.put("registrations", org_code=practice, kind="registration")
        self.worked.put(
            "links",
            subject_id=self.subject_id,
            person_id=self.person_id,
            source=practice,
            local_id=str(self.person_id),
            method="person",
            linked_at=datetime(2000, 1, 1),
            linked_by="spec",
        )

    def born(self, match: re.Match[str], sentence: str) -> bool:
        self.birth_date = _day(match["on"])
        return True

    def died(self, match: re.Match[str], sentence: str) -> bool:
        self.death_date = _day(match["on"])
        return True

    def is_of_sex(self, match: re.Match[str], sentence: str) -> bool:
        self.sex = match[0]
        return True

    def registration(self, match: re.Match[str], sentence: str) -> bool:
        self.registered = True
        self.put(
            "registrations", org_code=_org(match["org"]), kind="registration", started_on=_day(match["start"]), ended_on=_day(match["end"])
        )
        return True

    def caseload(self, match: re.Match[str], sentence: str) -> bool:
        self.put(
            "registrations", org_code=_org(match["org"]), kind="caseload", started_on=_day(match["start"]), ended_on=_day(match["end"])
        )
        return True

    def medicine(self, match: re.Match[str], sentence: str) -> bool:
        if not self.worked.is_medicine(match["name"]):
            return False
        start = _required(match["start"])
        end = _day(match["end"]) if "end" in match.re.groupindex else start
        every = int(match["every"]) if "every" in match.re.groupindex else 1
        end = min(end or self.worked.as_of, self.worked.as_of)
        days = int(match["days"]) if match["days"] else (every if "every" in match.re.groupindex else 28)
        on = start
        while on <= end:
            self.put(
                "medication_issues",
                issued_on=on,
                days_supply=days,
                status="completed",
                **self._medicine_columns(match, sentence),
            )
            on += timedelta(days=every)
        return True

    def elsewhere(self, match: re.Match[str], sentence: str) -> bool:
        if not self.worked.is_medicine(match["name"]):
            return False
        self.put(
            "medication_plans",
            elsewhere=True,
            started_on=_day(match["start"]),
            asserted_on=_day(match["confirmed"]),
            review_on=_day(match["review"]),
            status="active",
            kind="repeat",
            **self._medicine_columns(match, sentence),
        )
        return True

    def plan(self, match: re.Match[str], sentence: str) -> bool:
        if not self.worked.is_medicine(match["name"]):
            return False
        reason = self.worked.condition(match["condition"], sentence) if match["condition"] else None
        self.put(
            "medication_plans",
            elsewhere=False,
            started_on=_day(match["start"]),
            intended_end_on=_day(match["end"]),
            indication_code=reason["code"] if reason else None,
            indication_text=match["text"],
            status="active",
            kind="repeat",
            **self._medicine_columns(match, sentence),
        )
        return True

    def _medicine_columns(self, match: re.Match[str], sentence: str) -> dict[str, Any]:
        groups = match.groupdict()
        product = self.worked.product(match["name"], sentence)
        by = groups.get("by") or "practice"
        strength = product["strength_ug"]
        term = f"{match['name']} {_number(strength)}mg {product['unit']}s" if strength else match["name"]
        columns: dict[str, Any] = {
            "org_code": _org(by),
            "setting": SETTINGS.get(by, "unknown"),
            "code": product["code"],
            "code_system": product["code_system"],
            "term": term,
            "term_name": product.get("term_name") or match["name"],
            "degraded": False,
            "dose_status": "none",
            "as_required": False,
        }
        if groups.get("prn"):
            columns.update(as_required=True, dose_status="text", dose_text="when required")
        elif groups.get("unreadable"):
            columns.update(dose_status="not understood", dose_text="as directed")
        elif groups.get("amount"):
            milli = int(Decimal(match["amount"]) * 1000)
            columns.update(
                dose_status="structured",
                dose_text=f"{match['amount']} {match['unit']} daily",
                dose_low_milli=milli,
                dose_high_milli=milli,
                dose_unit=UNITS[match["unit"]],
            )
        return columns

    def result(self, match: re.Match[str], sentence: str) -> bool:
        if not self.worked.is_test(match["name"]):
            return False
        code = self.worked.test(match["name"], sentence)
        by = match["by"] or "practice"
        self.put(
            "observations",
            org_code=_org(by),
            code=code["code"],
            code_system=code["code_system"],
            term=match["name"],
            effective_on=_day(match["on"]),
            precision="day",
            status="final",
            comparator=match["comparator"],
            **self._value(match["value"], code),
        )
        return True

    def _value(self, value: str | None, code: dict[str, Any]) -> dict[str, Any]:
        """The value as the laboratory would send it: in a unit that the code's row converts from."""
        if value is None:
            return {}
        wanted = Decimal(value) * 1000 * code["denominator"] / code["numerator"]
        return {"value_milli": int(wanted), "value_unit": code["unit"] or self.worked.test_unit(code["test"])}

    def typed(self, match: re.Match[str], sentence: str) -> bool:
        value = int(Decimal(match["value"]) * 1000) if match["value"] else None
        self.worked.put(
            "recorded_results",
            person_id=self.person_id,
            test=match["name"],
            effective_on=_day(match["on"]),
            value_milli=value,
            label="recorded in the ledger",
        )
        return True

    def diagnosis(self, match: re.Match[str], sentence: str) -> bool:
        code = self.worked.condition(match["name"], sentence)
        self.put(
            "conditions",
            org_code=ORGANISATIONS["practice"],
            code=code["code"],
            code_system=code["code_system"],
            term=match["name"],
            onset_on=_day(match["on"]),
            recorded_on=_day(match["on"]),
            ended_on=_day(match["end"]),
            status="active",
        )
        return True

    def agreement(self, match: re.Match[str], sentence: str) -> bool:
        self.worked.put(
            "agreement_lines",
            person_id=self.person_id,
            agreement_id=f"agreement-{match['name']}",
            substance=match["name"],
            line=match["line"],
            owner_org=_org(match["org"]),
            from_on=_day(match["start"]),
            to_on=_day(match["end"]),
            label=f"agreed from {match['start']}",
        )
        return True

    def assertion(self, match: re.Match[str], sentence: str) -> bool:
        self.worked.put(
            "owner_assertions",
            person_id=self.person_id,
            substance=match["name"],
            owner_org=_org(match["org"]),
            from_on=_day(match["start"]),
            to_on=_day(match["end"]),
            label=f"taken on from {match['start']}",
        )
        return True

    def answer(self, match: re.Match[str], sentence: str) -> bool:
        self.worked.put(
            "dispositions",
            person_id=self.person_id,
            rule_id=match["rule"],
            subject=match["subject"] or self.worked.subject(match["rule"], sentence),
            point=match["point"],
            kind=match["kind"],
            on_date=_day(match["on"]),
            until=_day(match["until"]),
            label=f"{match['kind']} as answered",
        )
        return True

    def letter(self, match: re.Match[str], sentence: str) -> bool:
        self.put("letters", from_org=_org(match["org"]), to_org=ORGANISATIONS["practice"], sent_on=_day(match["on"]), title="letter")
        return True


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _required(text: str) -> date:
    return date.fromisoformat(text)


def _org(word: str) -> str:
    return ORGANISATIONS.get(word, word)


def _number(micrograms: int) -> str:
    return f"{Decimal(micrograms) / 1000:f}".rstrip("0").rstrip(".") if micrograms % 1000 else str(micrograms // 1000)


_NAME = r"(?P<name>[a-z0-9][a-z0-9./+-]*)"
_BY = r"(?: by (?P<by>\w+))?"
_READERS: list[tuple[str, Callable[[_Person, re.Match[str], str], bool]]] = [
    (rf"born (?P<on>{_DATE})", _Person.born),
    (rf"died (?P<on>{_DATE})", _Person.died),
    (r"female|male", _Person.is_of_sex),
    (rf"registered with (?P<org>\w+) from (?P<start>{_DATE})(?: to (?P<end>{_DATE}))?", _Person.registration),
    (rf"on the caseload of (?P<org>\w+) from (?P<start>{_DATE})(?: to (?P<end>{_DATE}))?", _Person.caseload),
    (rf"letter from (?P<org>\w+) on (?P<on>{_DATE})", _Person.letter),
    (rf"diagnosis {_NAME}(?: on (?P<on>{_DATE}))?(?: ended (?P<end>{_DATE}))?", _Person.diagnosis),
    (rf"agreement {_NAME} (?P<line>[\w.+-]+): (?P<org>\w+) from (?P<start>{_DATE})(?: to (?P<end>{_DATE}))?", _Person.agreement),
    (rf"{_NAME} taken on by (?P<org>\w+) from (?P<start>{_DATE})(?: to (?P<end>{_DATE}))?", _Person.assertion),
    (
        rf"(?P<kind>declined|done|not applicable) (?P<rule>[\w.-]+)(?: of (?P<subject>[^,]+),)? (?P<point>.+?)"
        rf" on (?P<on>{_DATE})(?: until (?P<until>{_DATE}))?",
        _Person.answer,
    ),
    (rf"typed {_NAME}(?: (?P<value>-?[\d.]+))? on (?P<on>{_DATE})", _Person.typed),
    (
        rf"{_NAME}(?: {_DOSE})? from (?P<start>{_DATE})(?: to (?P<end>{_DATE}))? every (?P<every>\d+) days"
        rf"(?: for (?P<days>\d+) days)?{_BY}",
        _Person.medicine,
    ),
    (
        rf"{_NAME}(?: {_DOSE})? prescribed elsewhere from (?P<start>{_DATE})(?: confirmed (?P<confirmed>{_DATE}))?"
        rf"(?: review (?P<review>{_DATE}))?{_BY}",
        _Person.elsewhere,
    ),
    (
        rf"{_NAME} plan from (?P<start>{_DATE})(?: for (?P<condition>[\w-]+))?(?: because \"(?P<text>[^\"]*)\")?"
        rf"(?: intended to end (?P<end>{_DATE}))?",
        _Person.plan,
    ),
    (rf"{_NAME}(?: {_DOSE})? on (?P<start>{_DATE})(?: for (?P<days>\d+) days)?{_BY}", _Person.medicine),
    (rf"{_NAME}(?: (?P<comparator><=?|>=?)?(?P<value>-?[\d.]+))? on (?P<on>{_DATE}){_BY}", _Person.result),
]


def worked(patients: Iterable[WorkedPatient], knowledge: Mapping[str, pa.Table], as_of: date) -> tuple[Inputs, dict[str, int]]:
    """Tables for an engine, and the person id of each name."""
    batch = Worked(knowledge, as_of)
    for patient in patients:
        batch.add(patient)
    return batch.inputs(), batch.person_ids
