"""Why one person has the duties they have: registers, medicines, loads, duties and visits, each with what it was read from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from stepwell.engine import Evaluation, evaluate
from stepwell.engine.bundles import Visit, visits
from stepwell.errors import Refused

if TYPE_CHECKING:
    from stepwell.knowledge import Knowledge
    from stepwell.records.store import Store

# How far ahead a duty counts as due rather than upcoming, and a visit gathers: a habit of lists, not of medicine.
SOON_DAYS = 28

_STATE_ORDER = ("overdue", "due", "upcoming", "lapsed", "met", "declined", "not applicable", "superseded")


def find_person(store: Store, patient: str) -> int:
    """The person meant by a person id, an NHS number (spaces allowed) or `source/local id`. Refused when nobody is meant."""
    links = store.table("links")
    links = links.filter(pc.is_null(links["undone_at"]))
    if "/" in patient:
        source, local_id = (part.strip() for part in patient.split("/", 1))
        found = links.filter(pc.and_(pc.equal(links["source"], source), pc.equal(links["local_id"], local_id)))
        hint = f"no record of organisation '{source}' has that local id; known organisations: {_some(links['source'].unique().to_pylist())}"
        return _only(found, hint)
    number = re.sub(r"[\s-]", "", patient)
    if not number.isdigit():
        raise Refused("give --patient as a person id (a whole number), an NHS number (ten digits) or ORGANISATION/LOCAL-ID")
    if len(number) == 10:
        patients = store.table("patients")
        subjects = patients.filter(pc.equal(patients["nhs_number"], number))["subject_id"]
        found = links.filter(pc.is_in(links["subject_id"], subjects.combine_chunks()))
        if found.num_rows:
            return _only(found, "")
    found = links.filter(pc.equal(links["person_id"], int(number))) if len(number) <= 18 else links.slice(0, 0)
    return _only(found, "nobody in this store has that id or NHS number; import their records first, or give ORGANISATION/LOCAL-ID")


def _only(found: pa.Table, hint: str) -> int:
    persons = sorted(found["person_id"].unique().to_pylist())
    if not persons:
        raise Refused(hint)
    if len(persons) > 1:
        raise Refused(f"{len(persons)} people have it (person ids {_some(persons)}): give one person id")
    return int(persons[0])


def _some(items: Iterable[Any], most: int = 8) -> str:
    words = sorted(str(item) for item in items)
    return ", ".join(words[:most]) + (" …" if len(words) > most else "") if words else "none"


def explain(store: Store, knowledge: Knowledge, person_id: int, as_of: date, *, soon_days: int = SOON_DAYS) -> dict[str, Any]:
    """Everything the engine says about one person, as plain data for JSON (dates stay `date`)."""
    return told(evaluate(store, knowledge, as_of, person_ids=[person_id]), knowledge, person_id, soon_days=soon_days)


def told(evaluation: Evaluation, knowledge: Knowledge, person_id: int, *, soon_days: int = SOON_DAYS) -> dict[str, Any]:
    """The same from an evaluation that holds the person."""
    as_of = evaluation.as_of
    rows = {name: [row for row in table.to_pylist() if row["person_id"] == person_id] for name, table in evaluation.tables.items()}
    samples = {name: test.sample for name, test in knowledge.tests.items()}
    return {
        "patient": person_id,
        "as_of": as_of,
        "pack": {"name": evaluation.pack, "version": evaluation.pack_version},
        "store_version": evaluation.store_version,
        "registers": [_register(row, knowledge) for row in rows["registers"]],
        "register_spells": [_spell(row, knowledge) for row in rows["register_spells"]],
        "medicines": [_medicine(row, knowledge, as_of) for row in rows["medicines"]],
        "totals": [_total(row, knowledge) for row in rows["totals"]],
        "interactions": [_interaction(row, knowledge) for row in rows["interactions"]],
        "duties": list(_duties(rows, knowledge, as_of, soon_days)),
        "visits": [_visit(visit) for visit in visits(rows["needs"], samples, as_of, soon_days)],
        "results": [_result(row, knowledge) for row in rows["results"]],
        "priority": {
            "points": sum(row["points"] for row in rows["priority"]),
            "reasons": [_without_person(row) for row in rows["priority"]],
        },
    }


def _without_person(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "person_id"}


def _register(row: Mapping[str, Any], knowledge: Knowledge) -> dict[str, Any]:
    # By a condition there are no medicines that put them there.
    substances = row["substances"].split("+") if row["substances"] else []
    return {**_without_person(row), "label": _register_label(row["register"], knowledge), "substances": substances}


def _register_label(register: str, knowledge: Knowledge) -> str:
    known = knowledge.registers.get(register)
    return known.label if known else register


def _spell(row: Mapping[str, Any], knowledge: Knowledge) -> dict[str, Any]:
    return {**_without_person(row), "label": _register_label(row["register"], knowledge)}


def _total(row: Mapping[str, Any], knowledge: Knowledge) -> dict[str, Any]:
    """A load in its own unit, as a decimal number in words; `at_least` when a dose that counts in it is not known."""
    known = knowledge.loads.get(row["load"])
    scale = next((each["scale"] for each in knowledge.tables()["k_load"].to_pylist() if each["load"] == row["load"]), 1)
    return {
        "load": row["load"],
        "label": known.label if known else row["load"],
        "value": scaled(row["value"], scale),
        "prescribed": scaled(row["prescribed"], scale),
        "unit": known.unit if known else None,
        "at_least": row["unknown"] > 0,
        "unknown": row["unknown"],
        "since": row["from_on"],
        "medicines": row["parts"].split("+"),
    }


def _interaction(row: Mapping[str, Any], knowledge: Knowledge) -> dict[str, Any]:
    known = knowledge.interactions.get(row["interaction"])
    return {
        "interaction": row["interaction"],
        "severity": row["severity"],
        "medicines": row["substances"].split("+"),
        "since": row["from_on"],
        "harm": known.harm if known else None,
        "action": known.action if known else None,
        "source": [_source(source, knowledge) for source in known.source] if known else [],
        "mark": known.mark if known else None,
    }


def _medicine(row: Mapping[str, Any], knowledge: Knowledge, as_of: date) -> dict[str, Any]:
    known = knowledge.substances.get(row["substance"])
    return {
        "medicine": row["substance"],
        "label": known.label if known else row["substance"],
        "dose": dose_words(row["daily_ug"]),
        "daily_ug": row["daily_ug"],
        "dose_provenance": row["dose_provenance"],
        "as_required": row["as_required"],
        "counted": dose_words(row["counted_ug"]),
        "counted_ug": row["counted_ug"],
        "as_written": {"product": row["term"], "instruction": row["dose_text"]},
        "started": row["started_on"],
        "duration": duration_words(row["started_on"], as_of),
        "months": row["months"],
        "covered_percent": row["covered_percent"],
        "early_issues": row["early_issues"],
        "last_change": row["last_change_on"],
        "last_issued": row["last_issued_on"],
        "supply_ends": row["supply_ends_on"],
        "status": row["status"],
        "supplied_by": row["supplied_by"],
        "licence": row["licence"],
        "indication": row["indication"],
        "indication_from": row["indication_from"],
        "intended_end": row["intended_end_on"],
        "owner": {"org": row["owner_org"], "role": row["owner_role"], "basis": row["owner_basis"], "label": row["owner_label"]},
    }


def _duties(rows: Mapping[str, list[dict[str, Any]]], knowledge: Knowledge, as_of: date, soon_days: int) -> Iterator[dict[str, Any]]:
    why: dict[tuple[str, str, str], list[str]] = {}
    for reason in rows["because"]:
        if reason["kind"] != "owner":
            why.setdefault((reason["rule_id"], reason["subject"], reason["point"]), []).append(reason["label"])
    stated = [(duty_state(need, as_of, soon_days), need) for need in rows["needs"]]
    for state, need in sorted(
        stated, key=lambda each: (_STATE_ORDER.index(each[0]), each[1]["due_on"], each[1]["rule_id"], each[1]["subject"])
    ):
        rule = knowledge.rules.get(need["rule_id"])
        yield {
            "rule": need["rule_id"],
            "kind": need["kind"],
            "what": need["title"],
            "subject": need["subject"],
            "point": need["point"],
            "test": need["test"],
            "owner": {"org": need["owner_org"], "role": need["owner_role"], "basis": need["owner_basis"], "why": need["owner_label"]},
            "due": need["due_on"],
            "state": state,
            "opens": need["opens_on"],
            "escalate": need["escalate_on"],
            "served": {"on": need["served_on"], "by": need["served_by"]} if need["served_on"] else None,
            "why": why.get((need["rule_id"], need["subject"], need["point"]), []),
            "because": rule.because if rule else None,
            "source": [_source(source, knowledge) for source in (knowledge.basis(need["rule_id"], need["point"])[0] if rule else ())],
            "mark": need["mark"],
            "needs_approval": need["needs_approval"],
            "priority": need["priority"],
        }


def _source(source: str, knowledge: Knowledge) -> dict[str, str]:
    known = knowledge.sources.get(source)
    return {"id": source, "title": known.title if known else source}


def duty_state(need: Mapping[str, Any], as_of: date, soon_days: int = SOON_DAYS) -> str:
    """An open need is overdue (its due date has passed), due (within `soon_days`) or upcoming; the others say their state."""
    if need["state"] != "open":
        return str(need["state"])
    if need["due_on"] < as_of:
        return "overdue"
    return "due" if need["due_on"] <= as_of + timedelta(days=soon_days) else "upcoming"


def _visit(visit: Visit) -> dict[str, Any]:
    return {
        "samples": list(visit.samples),
        "tests": list(visit.tests),
        "from": visit.from_on,
        "by": visit.by_on,
        "settles": [
            {"rule": need["rule_id"], "subject": need["subject"], "point": need["point"], "what": need["title"], "owner": need["owner_org"]}
            for need in visit.needs
        ],
    }


def _result(row: Mapping[str, Any], knowledge: Knowledge) -> dict[str, Any]:
    known = knowledge.tests.get(row["test"])
    return {
        "test": row["test"],
        "label": known.label if known else row["test"],
        "on": row["effective_on"],
        "value": None if row["value_milli"] is None else thousandths(row["value_milli"]),
        "comparator": row["comparator"],
        "unit": known.unit if known else None,
    }


def scaled(value: int, scale: int) -> str:
    """`value` ÷ `scale` (1, 10, 100 ...) as a decimal number without trailing zeros: 11250 at 100 → "112.5"."""
    whole, part = divmod(abs(value), scale)
    digits = f"{part:0{len(str(scale)) - 1}d}".rstrip("0") if part else ""
    return f"{'-' if value < 0 else ''}{whole}" + (f".{digits}" if digits else "")


def thousandths(value: int) -> str:
    """Thousandths as a decimal number without trailing zeros: 410 → "0.41"."""
    return scaled(value, 1000)


def dose_words(daily_ug: int | None) -> str | None:
    """A daily dose in the clinical format: milligrams, micrograms written out below one ("15 mg", "62.5 mg", "500 micrograms")."""
    if daily_ug is None:
        return None
    if 0 < daily_ug < 1000:
        return f"{daily_ug} microgram{'s' * (daily_ug != 1)}"
    whole, part = divmod(daily_ug, 1000)
    return f"{whole:,}" + (f".{part:03d}".rstrip("0") if part else "") + " mg"


def duration_words(start: date, end: date) -> str:
    """Whole years and months between two days, or days below one month: "2 years 3 months"."""
    months = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    if months < 1:
        return _count((end - start).days, "day")
    years, rest = divmod(months, 12)
    return " ".join(_count(number, unit) for number, unit in ((years, "year"), (rest, "month")) if number)


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'s' * (number != 1)}"
