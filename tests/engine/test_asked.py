"""Duties that people's work raised (docs/engine.md 18): worked by hand on both engines, and none is ever lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
from agreement import disagreement
from builders import small_knowledge
from hypothesis import given, settings
from hypothesis import strategies as st
from spark_machine import QUICK

from stepwell.engine import Evaluation, run
from stepwell.engine.explain import told
from stepwell.engine.inputs import Inputs
from stepwell.engine.reconcile import ENDINGS, ChangeKind, Ledger, reconcile
from stepwell.engine.reconcile_tables import needs_from_tables
from stepwell.engine.worked import WorkedPatient, worked
from stepwell.records.schema import WORKFLOW

AS_OF = date(2026, 6, 1)
KNOWN = small_knowledge()
ASK = 'advice 7 asks practice: "take the level again" by level as bloods on 2026-05-01, due 2026-05-15'
CALL = 'service request 3 asks trust: "call back" as answer on 2026-05-04, due 2026-05-22'


def of(*sentences: str, as_of: date = AS_OF) -> Inputs:
    inputs, _ = worked([WorkedPatient("Ada", ["born 1960-01-01", *sentences])], KNOWN, as_of)
    return inputs


@dataclass
class Said:
    need: dict[str, Any]
    why: list[tuple[str, str]]


def asked(*sentences: str, engine: str = "reference", as_of: date = AS_OF) -> Said:
    """The one raised need of these sentences, and its reasons."""
    tables = run(of(*sentences, as_of=as_of), as_of, engine)
    (need,) = [row for row in tables["needs"].to_pylist() if row["kind"] == "asked"]
    key = ("rule_id", "subject", "point")
    rows = [row for row in tables["because"].to_pylist() if all(row[name] == need[name] for name in key)]
    return Said(need, [(row["kind"], row["label"]) for row in sorted(rows, key=lambda row: row["seq"])])


@pytest.mark.parametrize("engine", QUICK)
def test_what_was_asked_is_owed_with_its_words(engine):
    found = asked(ASK, engine=engine)
    need = found.need
    assert (need["rule_id"], need["subject"], need["point"], need["rule_version"]) == ("asked.advice", "7", "bloods", 1)
    assert (need["title"], need["test"], need["state"], need["priority"]) == ("take the level again", "level", "open", 1)
    assert (need["anchor_on"], need["opens_on"], need["due_on"]) == (date(2026, 5, 1), date(2026, 5, 1), date(2026, 5, 15))
    assert (need["owner_org"], need["owner_basis"], need["owner_label"]) == ("A81001", "asked", "asked on 2026-05-01")
    assert (need["mark"], need["needs_approval"]) == (None, False)
    assert found.why == [
        ("asked", "take the level again, please (on 2026-05-01)"),
        ("no result", "no Level on record"),
        ("owner", "asked on 2026-05-01"),
    ]


CASES: list[tuple[list[str], str, tuple[date | None, str | None]]] = [
    # a result of its test closes it from the day it opens on, of the several the earliest
    (["level 0.7 on 2026-05-10"], "met", (date(2026, 5, 10), "result")),
    (["level 0.7 on 2026-05-01"], "met", (date(2026, 5, 1), "result")),
    (["level 0.7 on 2026-04-30"], "open", (None, None)),
    (["level 0.7 on 2026-05-20", "level 0.9 on 2026-05-12"], "met", (date(2026, 5, 12), "result")),
    (["weight 70 on 2026-05-10"], "open", (None, None)),
    # an answer closes it whatever day it is of; on one day it goes before the result
    (["done asked.advice of 7, bloods on 2026-04-20"], "met", (date(2026, 4, 20), "done")),
    (["declined asked.advice of 7, bloods on 2026-05-10", "level 0.7 on 2026-05-10"], "declined", (date(2026, 5, 10), "declined")),
    (["done asked.advice of 7, bloods on 2026-05-10", "level 0.7 on 2026-05-10"], "met", (date(2026, 5, 10), "done")),
    (["declined asked.advice of 7, bloods on 2026-05-11", "level 0.7 on 2026-05-10"], "met", (date(2026, 5, 10), "result")),
    (["not applicable asked.advice of 7, bloods on 2026-05-10"], "not applicable", (None, None)),
    (["not applicable asked.advice of 7, bloods on 2026-05-10 until 2026-06-02"], "not applicable", (None, None)),
    (["not applicable asked.advice of 7, bloods on 2026-05-10 until 2026-06-01"], "open", (None, None)),
    # another's answer is another's
    (["done asked.advice of 8, bloods on 2026-05-10"], "open", (None, None)),
    (["done asked.advice of 7, call on 2026-05-10"], "open", (None, None)),
    # the work itself closes it
    (["advice 7 settles bloods as done on 2026-05-10"], "met", (date(2026, 5, 10), "done")),
    (["advice 7 settles bloods as superseded on 2026-05-10"], "superseded", (date(2026, 5, 10), "withdrawn")),
    (["advice 7 settles bloods as done on 2026-06-02"], "open", (None, None)),
    (
        ["advice 7 settles bloods as superseded on 2026-05-10", "level 0.7 on 2026-05-05"],
        "superseded",
        (date(2026, 5, 10), "withdrawn"),
    ),
    # a death ends what was asked before it
    (["died 2026-05-20"], "superseded", (None, None)),
    (["died 2026-05-01"], "superseded", (None, None)),
    (["died 2026-04-30"], "open", (None, None)),
    (["died 2026-06-02"], "open", (None, None)),
    (["died 2026-05-20", "level 0.7 on 2026-05-10"], "met", (date(2026, 5, 10), "result")),
]


@pytest.mark.parametrize(("lines", "state", "served"), CASES)
def test_what_closes_it(lines, state, served):
    need = asked(ASK, *lines).need
    assert (need["state"], (need["served_on"], need["served_by"])) == (state, served)


def test_both_engines_say_the_same_of_all_of_these():
    people = [WorkedPatient(str(number), ["born 1960-01-01", ASK, CALL, *lines]) for number, (lines, _, _) in enumerate(CASES)]
    inputs, _ = worked(people, KNOWN, AS_OF)
    assert disagreement(inputs, AS_OF) is None


def test_why_it_ended_is_told():
    settled = asked(ASK, "advice 7 settles bloods as superseded on 2026-05-10", "done asked.advice of 7, bloods on 2026-05-12")
    assert settled.why[2:4] == [
        ("answer", "done on 2026-05-12: done as answered"),
        ("answer", "superseded, as settled"),
    ]
    assert ("answer", "died on 2026-05-20") in asked(ASK, "died 2026-05-20").why


def test_it_does_not_vanish_with_a_registration():
    assert asked(ASK, "registered with practice from 2020-01-01 to 2026-05-10").need["state"] == "open"


def test_what_was_said_last_holds_and_what_comes_later_is_not_read():
    moved = ASK.replace("practice", "trust").replace("2026-05-01", "2026-05-08").replace("2026-05-15", "2026-05-29")
    now, before = asked(ASK, moved).need, asked(ASK, moved, as_of=date(2026, 5, 7)).need
    assert (now["owner_org"], now["due_on"], now["anchor_on"], now["rule_version"]) == ("RX9", date(2026, 5, 29), date(2026, 5, 1), 1)
    assert (before["owner_org"], before["due_on"]) == ("A81001", date(2026, 5, 15))


def test_of_nobody_it_is_visible_and_asks_for_no_agreement():
    need = asked(ASK.replace("practice", "nobody")).need
    assert (need["owner_org"], need["state"]) == ("nobody", "open")


def test_it_counts_like_any_other_duty_that_is_late():
    tables = run(of(CALL.replace("due 2026-05-22", "due 2025-12-01")), AS_OF, "reference")
    assert {row["reason"] for row in tables["priority"].to_pylist()} == {
        row["reason"] for row in KNOWN["k_priority"].to_pylist() if row["kind"] == "overdue"
    }


def test_explain_tells_of_a_duty_that_no_rule_asks_for():
    class Nothing:
        rules: dict[str, Any] = {}  # noqa: RUF012
        tests = loads = substances = registers = interactions = sources = rules

    tables = run(of(CALL), AS_OF, "reference")
    (duty,) = told(Evaluation(tables, AS_OF, 1, "small", "1"), Nothing(), 1)["duties"]  # type: ignore[arg-type]
    assert (duty["rule"], duty["kind"], duty["state"], duty["because"], duty["source"]) == (
        "asked.service request", "asked", "overdue", None, [],
    )  # fmt: skip


# The ledger


def followed(*steps: tuple[date, tuple[str, ...]]) -> tuple[Ledger, list[ChangeKind]]:
    """The ledger after evaluations on these days with these sentences, and what happened to its duties."""
    ledger, kinds = Ledger(), []
    for day, sentences in steps:
        tables = run(of(*sentences, as_of=day), day, "reference")
        changes = reconcile(ledger.duties.values(), needs_from_tables(tables["needs"], tables["because"], as_of=day))
        ledger.apply(changes)
        kinds += [change.kind for change in changes]
    return ledger, kinds


def test_asked_again_once_it_was_closed_is_a_new_duty_even_on_the_same_day():
    done = "advice 7 settles bloods as done on 2026-05-01"
    day = date(2026, 5, 1)
    ledger, kinds = followed((day, (ASK,)), (day, (ASK, done)), (day, (ASK, done, ASK)))
    assert kinds == [ChangeKind.OPENED, ChangeKind.MET, ChangeKind.OPENED]
    first, second = sorted(ledger.duties.values(), key=lambda duty: duty.instance)
    assert (first.ended_by, first.is_open, second.is_open) == ("done", False, True)
    ledger, kinds = followed((day, (ASK,)), (day, (ASK, done, ASK)))
    assert kinds == [ChangeKind.OPENED, ChangeKind.SUPERSEDED, ChangeKind.OPENED]
    assert [(duty.ended_why, duty.is_open) for duty in ledger.duties.values()] == [("It was asked anew", False), (None, True)]


def test_taken_back_is_superseded_with_its_words_and_comes_not_back_by_itself():
    taken_back = "advice 7 settles bloods as superseded on 2026-05-10"
    ledger, kinds = followed((date(2026, 5, 2), (ASK,)), (AS_OF, (ASK, taken_back)), (AS_OF + timedelta(60), (ASK, taken_back)))
    (duty,) = ledger.duties.values()
    assert kinds == [ChangeKind.OPENED, ChangeKind.SUPERSEDED]
    assert (duty.ended_by, duty.ended_why, duty.ended_on) == ("withdrawn", "superseded, as settled", date(2026, 5, 10))


def test_a_death_recorded_by_mistake_brings_it_back_with_what_was_arranged():
    steps = ((date(2026, 5, 2), (ASK,)), (AS_OF, (ASK, "died 2026-05-20")), (AS_OF, (ASK,)))
    ledger, _ = followed(*steps)
    tables = run(of(ASK), AS_OF, "reference")
    before, _ = followed(*steps[:2])
    (change,) = reconcile(before.duties.values(), needs_from_tables(tables["needs"], tables["because"], as_of=AS_OF))
    assert (change.kind, change.carries) == (ChangeKind.OPENED, 1)
    assert [duty.ended_why for duty in ledger.duties.values()] == ["died on 2026-05-20", None]


RECORDS = of().records
KEYS = [("advice", "1", "read"), ("advice", "1", "bloods"), ("letter", "1", "read")]
STATEMENTS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(KEYS), st.sampled_from(["asked", "asked", "done", "superseded", "answered", "result"])),
    max_size=14,
)


def _history(statements: list[tuple[int, tuple[str, str, str], str]]) -> Inputs:
    """Statements and answers in the order of their days; what is settled is asked anew, and nothing is settled that was not asked."""
    rows: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    latest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for days, key, kind in sorted(statements, key=lambda each: each[0]):
        on = date(2026, 1, 1) + timedelta(days)
        source, source_id, point = key
        before = latest.get(key)
        if kind == "answered":
            answer = {"rule_id": f"asked.{source}", "subject": source_id, "point": point, "kind": "done", "on_date": on}
            answers.append({"person_id": 1, "until": None, "label": None, **answer})
            continue
        if kind == "result":
            results.append({"person_id": 1, "test": "level", "effective_on": on, "value_milli": 700, "label": "typed"})
            continue
        if kind != "asked" and (before is None or before["kind"] != "asked"):
            continue
        goes_on = before is not None and before["kind"] == "asked"
        asked_anew = kind == "asked" and not goes_on
        row = {
            **dict.fromkeys(WORKFLOW["asked"].names), "person_id": 1, "source": source, "source_id": source_id, "point": point,
            "seq": (before["seq"] if before else 0) + 1, "kind": kind, "stated_on": on, "title": "do it", "opens_on": on,
            "round": (before["round"] if before else 0) + asked_anew, "raised_on": before["raised_on"] if before and not asked_anew else on,
            "test": "level" if point == "bloods" else None, "due_on": on + timedelta(7), "owner_org": "A81001", "points": 1,
            "why": f"please, {on}", "label": "asked", "ended_on": on if kind != "asked" else None,
        }  # fmt: skip
        rows.append(row)
        latest[key] = row
    tables = {"asked": rows, "dispositions": answers, "recorded_results": results}
    workflow = {name: pa.Table.from_pylist(found, schema=WORKFLOW[name].arrow_schema()) for name, found in tables.items()}
    return Inputs(RECORDS, workflow, KNOWN)


@settings(max_examples=20, deadline=None)
@given(STATEMENTS)
def test_a_raised_duty_never_vanishes(statements):
    """On every day each key that was ever asked has a need; in the ledger it is open, or its last instance says what ended it."""
    inputs = _history(statements)
    ledger = Ledger()
    for days in (0, 10, 20, 41):
        as_of = date(2026, 1, 1) + timedelta(days)
        tables = run(inputs, as_of, "reference")
        needs = {
            (need.key.rule_id, need.key.subject, need.key.point): need
            for need in needs_from_tables(tables["needs"], tables["because"], as_of=as_of)
            if need.kind == "asked"
        }
        said = {
            (f"asked.{row['source']}", row["source_id"], row["point"])
            for row in inputs.workflow["asked"].to_pylist()
            if row["stated_on"] <= as_of
        }
        assert needs.keys() == said
        before = {place for place, duty in ledger.duties.items() if duty.is_open}
        changes = reconcile(ledger.duties.values(), needs.values())
        ledger.apply(changes)
        ended = {(change.key, change.instance): change for change in changes if change.kind in ENDINGS}
        still = {place for place, duty in ledger.duties.items() if duty.is_open}
        assert before - still == ended.keys() & before
        assert all(change.evidence_by and (change.evidence_on or change.reason) for change in ended.values())
        waiting = {(key.rule_id, key.subject, key.point) for key, _ in still}
        assert waiting == {key for key, need in needs.items() if need.state == "open"}
