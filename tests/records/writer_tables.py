"""Canonical tables of one practice with everything a format may trip over, and a store read back for comparing."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl
import pyarrow as pa

from stepwell.records.dose import parse_dose
from stepwell.records.people import check_nhs_number
from stepwell.records.product import parse_product
from stepwell.records.schema import TABLES
from stepwell.records.store import Store

TODAY = date(2026, 6, 1)
PRACTICE, TRUST, PRIVATE = "Z99001", "RZ9", "Q1X2"
KEPT = (
    "patients",
    "organisations",
    "registrations",
    "medication_plans",
    "medication_issues",
    "observations",
    "conditions",
    "contacts",
    "appointments",
    "requests",
    "letters",
    "stays",
)

_PRODUCTS = [
    ("snomed", "321960002", "Sertraline 100mg tablets"),
    ("snomed", "39731911000001109", "Amlodipine 10mg tablets"),
    ("snomed", "322352003", "Co-codamol 30mg/500mg tablets"),
    ("snomed", "36126811000001109", 'Priadel 520mg/5ml liquid (Essential Pharma) {sugar "free"}'),
]
_ODD_PRODUCTS = [("bnf", "0403030Q0AAAAAA", "Sertraline HCl_Tab 50mg"), ("read2", "da4..00", "Sertraline 50mg tablets")]
_TEXTS = [
    "One daily",
    "Take ONE tablet at night",
    "1 or 2 up to four times a day when required",
    "As directed",
    '5ml bd, with "food"; see note',
    "take two in the morning\nand one at night",
    None,
]
_FINDINGS = [
    ("snomed", "43396009", "Haemoglobin A1c level", "mmol/mol"),
    ("snomed", "60621009", "Body mass index", "kg/m²"),
    ("snomed", "1019731000000107", "Serum lithium level", "mmol/L"),
]
_PROBLEMS = [("snomed", "35489007", "Depressive disorder"), ("snomed", "58214004", "Schizophrenia"), ("snomed", "48694002", "Anxiety")]


def tables(seed: int = 1, people: int = 30, *, codes: bool = True) -> dict[str, pa.Table]:
    """Tables of practice Z99001. `codes`: also code systems other than SNOMED CT and dm+d."""
    return _Maker(random.Random(seed), codes).make(people)


class _Maker:
    def __init__(self, dice: random.Random, codes: bool) -> None:
        self.dice, self.codes = dice, codes
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in KEPT}

    def make(self, people: int) -> dict[str, pa.Table]:
        for code, name, kind in ((PRACTICE, "Riverside & Sons, Surgery", "practice"), (TRUST, "Northvale NHS Trust", "trust")):
            self.add("organisations", native_id=f"org-{code}", org_code=code, name=name, kind=kind)
        for number in range(people):
            self.person(number)
        found = {}
        for name, rows in self.rows.items():
            schema = TABLES[name].arrow_schema()
            found[name] = pa.Table.from_pylist([dict.fromkeys(schema.names) | row for row in rows], schema=schema)
        return found

    def add(self, table: str, **row: Any) -> None:
        known = set(TABLES[table].names)
        self.rows[table].append({"source": PRACTICE, "version": "1"} | row if row.keys() <= known else _unknown(table, row.keys() - known))

    def day(self, first: int = 1, last: int = 2500) -> date:
        return TODAY - timedelta(days=self.dice.randint(first, last))

    def maybe(self, value: Any, chance: float = 0.5) -> Any:
        return value if self.dice.random() < chance else None

    def person(self, number: int) -> None:
        dice, subject, local = self.dice, 1000 + number, f"P-{number}"
        raw = dice.choice(["9990000026", "999 000 0034", "9990000000", None])
        nhs, status = check_nhs_number(raw)
        self.add(
            "patients",
            subject_id=subject,
            native_id=local,
            local_id=local,
            nhs_number=nhs,
            nhs_number_raw=raw,
            nhs_status=status,
            birth_date=self.maybe(self.day(8000, 30000), 0.95),
            death_date=self.maybe(self.day(1, 300), 0.1),
            sex=dice.choice(["female", "male", "other", "unknown"]),
            family_name=dice.choice(["O'Brien", "Müller", 'Smith "Jr"', "Jones"]),
            given_name=self.maybe(dice.choice(["Ann", "Mary Jane Eve"]), 0.9),
            title=self.maybe("Ms"),
            address=self.maybe(dice.choice(["1 High Street", "Flat 2, 3 Low Road", "The Mill, River Lane, Ayton, Northvale"]), 0.8),
            postcode=self.maybe("ZZ99 1AA"),
            phone=self.maybe(dice.choice(["07700 900123", "01632 960123"])),
            language=self.maybe("pl", 0.2),
            interpreter=self.maybe(dice.choice([True, False]), 0.3),
            org_code=PRACTICE,
            gp_org_code=PRACTICE,
        )
        for count in range(dice.choice([1, 1, 1, 2])):
            start = self.day(400, 9000)
            ended = self.maybe(self.day(1, 400), 0.3)
            self.add(
                "registrations",
                subject_id=subject,
                native_id=f"{local}-r{count}",
                org_code=PRACTICE,
                kind="registration",
                started_on=start,
                ended_on=ended,
            )
        for count in range(dice.randint(0, 3)):
            self.condition(subject, f"{local}-c{count}")
        for count in range(dice.randint(0, 4)):
            self.medicine(subject, f"{local}-m{count}")
        for count in range(dice.randint(0, 4)):
            self.finding(subject, f"{local}-o{count}")
        for count in range(dice.randint(0, 2)):
            kind = dice.choice(["Telephone consultation", "Home visit"])
            self.add(
                "contacts", subject_id=subject, native_id=f"{local}-n{count}", org_code=PRACTICE, kind=kind, term=kind, on_date=self.day()
            )
            left = self.maybe(self.day(1, 300), 0.7)
            self.add(
                "stays", subject_id=subject, native_id=f"{local}-s{count}", org_code=TRUST, started_on=self.day(301, 900), ended_on=left
            )
            state = dice.choice(["booked", "attended", "did not attend", "cancelled"])
            self.add(
                "appointments",
                subject_id=subject,
                native_id=f"{local}-a{count}",
                org_code=PRACTICE,
                on_date=self.day(),
                status=state,
                reason="Review",
            )
            self.add(
                "requests",
                subject_id=subject,
                native_id=f"{local}-q{count}",
                from_org=PRACTICE,
                to_org=self.maybe(TRUST),
                asked_on=self.day(),
                status=dice.choice(["active", "completed", "unknown", "rejected"]),
                reason="Shared care",
                code=self.maybe("183524004"),
            )
            self.add(
                "letters",
                subject_id=subject,
                native_id=f"{local}-l{count}",
                from_org=TRUST,
                to_org=PRACTICE,
                sent_on=self.day(),
                code=self.maybe("823681000000100"),
                title="Clinic letter",
            )

    def condition(self, subject: int, native: str) -> None:
        system, code, term = self.dice.choice(_PROBLEMS)
        status = self.dice.choice(["active", "active", "resolved", "inactive", "refuted", "entered in error"])
        ended = self.day(1, 300) if status == "resolved" else None
        self.add(
            "conditions",
            subject_id=subject,
            native_id=native,
            org_code=PRACTICE,
            code=code,
            code_system=system,
            term=term,
            onset_on=self.maybe(self.day(300), 0.9),
            recorded_on=self.maybe(self.day(300), 0.9),
            ended_on=ended,
            status=status,
        )

    def finding(self, subject: int, native: str) -> None:
        dice = self.dice
        if dice.random() < 0.3:
            shared = {"org_code": PRACTICE, "effective_on": self.day(), "precision": "day", "status": "final", "code_system": "snomed"}
            self.add(
                "observations",
                subject_id=subject,
                native_id=f"{native}#1",
                code="271649006",
                term="Systolic blood pressure",
                value_milli=121000,
                value_unit="mmHg",
                **shared,
            )
            self.add(
                "observations",
                subject_id=subject,
                native_id=f"{native}#2",
                code="271650006",
                term="Diastolic blood pressure",
                value_milli=69500,
                value_unit="mmHg",
                **shared,
            )
            return
        system, code, term, unit = dice.choice(_FINDINGS)
        if self.codes and dice.random() < 0.1:
            system, code = "read2", "44s..00"
        precision = dice.choice(["day"] * 6 + ["month", "year"])
        on = self.day()
        on = on.replace(day=1) if precision == "month" else on.replace(day=1, month=1) if precision == "year" else on
        value = self.maybe(dice.choice([41000, 620, 7250, 0, -1500]), 0.8)
        low, high = (500, 9000) if value is not None and dice.random() < 0.3 else (None, None)
        self.add(
            "observations",
            subject_id=subject,
            native_id=native,
            org_code=dice.choice([PRACTICE, PRACTICE, TRUST]),
            code=code,
            code_system=system,
            term=term,
            effective_on=on,
            precision=precision,
            value_milli=value,
            value_unit=unit if value is not None else None,
            comparator=self.maybe(dice.choice(["<", ">="]), 0.2) if value is not None else None,
            value_text=None if value is not None else self.maybe("Normal, no action"),
            ref_low_milli=low,
            ref_high_milli=high,
            status=dice.choice(["final"] * 6 + ["amended", "cancelled", "entered in error"]),
        )

    def medicine(self, subject: int, native: str) -> None:
        dice = self.dice
        kind = dice.choice(["repeat", "repeat", "repeat dispensing", "acute"])
        elsewhere = dice.random() < 0.2
        status = dice.choice(["active", "active", "stopped", "completed"])
        started = self.day(100, 900)
        setting, org = dice.choice([("trust", TRUST), ("private", PRIVATE)]) if elsewhere else ("gp", PRACTICE)
        product, dose = self.product(), self.dose()
        quantity = self.maybe((dice.choice([28000, 56000, 500500]), dice.choice(["tablet", "ml", "pack of 3"])), 0.9) or (None, None)
        days = self.maybe(28)
        why = dice.choice([*_PROBLEMS, None])
        said = {"quantity_milli": quantity[0], "quantity_unit": quantity[1], "days_supply": days}
        self.add(
            "medication_plans",
            subject_id=subject,
            native_id=native,
            org_code=org,
            setting=setting,
            status=status,
            kind=kind,
            elsewhere=elsewhere,
            started_on=started,
            ended_on=self.day(1, 90) if status != "active" else None,
            review_on=self.maybe(TODAY + timedelta(days=dice.randint(-100, 200))),
            asserted_on=self.maybe(self.day(1, 90)) if elsewhere else None,
            intended_end_on=self.maybe(TODAY + timedelta(days=dice.randint(-50, 90)), 0.3),
            stop_reason="Side effects" if status == "stopped" else None,
            indication_code=why[1] if why else None,
            indication_text=why[2] if why else None,
            group_id=f"{native}-g",
            issues_authorised=self.maybe(6),
            **product,
            **dose,
            **said,
        )
        if elsewhere:
            return
        for count in range(dice.randint(0, 4)):
            own = said if dice.random() < 0.7 else said | {"quantity_milli": 14000, "quantity_unit": "tablet", "days_supply": None}
            self.add(
                "medication_issues",
                subject_id=subject,
                native_id=f"{native}-{count}",
                org_code=PRACTICE,
                setting="gp",
                status=dice.choice(["completed"] * 5 + ["active", "cancelled"]),
                plan_id=native,
                issued_on=self.day(1, 800),
                **product,
                **(self.dose() if dice.random() < 0.2 else dose),
                **own,
            )

    def product(self) -> dict[str, Any]:
        system, code, term = self.dice.choice(_PRODUCTS + (_ODD_PRODUCTS if self.codes else []))
        degraded = self.dice.random() < 0.05
        if degraded:
            system, code = "snomed", "196421000000109"
        found = parse_product(term)
        return {
            "code": code,
            "code_system": system,
            "term": term,
            "degraded": degraded,
            "term_name": found.term_name,
            "strength_ug": found.strength_ug,
            "unit": found.unit,
        }

    def dose(self) -> dict[str, Any]:
        text = self.dice.choice(_TEXTS)
        if text and self.dice.random() < 0.3:
            needed, low, high = self.dice.random() < 0.3, self.dice.choice([1000, 500]), 1000
            return {
                "dose_text": text,
                "dose_status": "structured",
                "dose_low_milli": 0 if needed else low,
                "dose_high_milli": high,
                "dose_unit": "tablet",
                "as_required": needed,
            }
        found = parse_dose(text)
        return {
            "dose_text": text,
            "dose_status": found.status,
            "dose_low_milli": found.low_milli,
            "dose_high_milli": found.high_milli,
            "dose_unit": found.unit,
            "as_required": found.as_required,
        }


def _unknown(table: str, names: set[str]) -> dict[str, Any]:
    raise AssertionError(f"{table} has no column {sorted(names)}")


def subset(whole: Mapping[str, pa.Table], keep: set[int]) -> dict[str, pa.Table]:
    """The same tables of these subjects only."""
    found = {}
    for name, rows in whole.items():
        own = "subject_id" in rows.column_names
        found[name] = rows.filter(pa.array([each in keep for each in rows["subject_id"].to_pylist()], pa.bool_())) if own else rows
    return found


def of_source(store: Store, source: str) -> dict[str, pa.Table]:
    """Every canonical record table of one source of a store."""
    found = {}
    for name in KEPT:
        rows = store.table(name)
        found[name] = rows.filter(pa.array([each == source for each in rows["source"].to_pylist()], pa.bool_()))
    return found


def comparable(found: Mapping[str, pa.Table | pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Tables with the local id of the person in place of the subject, without source and version, in one order."""
    frames = {name: rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows) for name, rows in found.items()}
    people = frames["patients"].select("subject_id", person="local_id")
    out = {}
    for name, frame in frames.items():
        rows = frame
        if "subject_id" in rows.columns:
            rows = rows.join(people, on="subject_id", how="left").drop("subject_id")
        rows = rows.drop([column for column in ("source", "version") if column in rows.columns])
        out[name] = rows.sort([column for column in ("person", "native_id") if column in rows.columns])
    return out


def differences(expected: Mapping[str, pl.DataFrame], found: Mapping[str, pl.DataFrame]) -> list[str]:
    """Every value that differs, in words; at most five a column."""
    told = []
    wanted, got = comparable(expected), comparable(found)
    # Organisations that no row names need not come.
    got["organisations"] = got["organisations"].join(wanted["organisations"], on="org_code", how="semi")
    wanted["organisations"] = wanted["organisations"].join(got["organisations"], on="org_code", how="semi")
    for name, left in wanted.items():
        right = got[name]
        keys = [column for column in ("person", "native_id") if column in left.columns]
        both = left.join(right, on=keys, how="full", suffix="__found", coalesce=True, nulls_equal=True)
        told += [f"{name} {row}: expected, not found" for row in left.join(right, on=keys, how="anti").select(keys).head(5).rows()]
        told += [f"{name} {row}: found, not expected" for row in right.join(left, on=keys, how="anti").select(keys).head(5).rows()]
        matched = both.join(left.select(keys), on=keys, how="semi").join(right.select(keys), on=keys, how="semi")
        for column in (column for column in left.columns if column not in keys):
            wrong = matched.filter(~pl.col(column).eq_missing(pl.col(f"{column}__found"))).select(*keys, column, f"{column}__found")
            told += [f"{name}.{column} {row}" for row in wrong.head(5).rows()]
    return told
