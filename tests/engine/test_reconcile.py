"""The life of a duty: what reconcile does with each kind of news, and what no news may ever do."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stepwell.engine import contract
from stepwell.engine.reconcile import ENDINGS, ONGOING, ChangeKind, Duty, Key, Ledger, Mark, Need, Reason, reconcile, why_gone
from stepwell.engine.reconcile_tables import duties_from_table, duties_to_table, needs_from_tables, reconcile_tables
from stepwell.errors import Refused

DAY = date(2026, 1, 15)
LEVEL = Key(1, "lithium.level", "lithium", ONGOING)
BASELINE = Key(1, "antipsychotic.weight", "olanzapine", "baseline")


def need(key: Key = LEVEL, state: str = "open", **values) -> Need:
    return Need(key, state, **({"due_on": date(2026, 7, 15), "owner_org": "A00001", "title": "Lithium level"} | values))


def after(ledger: Ledger, *needs: Need) -> list:
    changes = reconcile(ledger.duties.values(), needs)
    ledger.apply(changes)
    return changes


def kinds(changes) -> list[str]:
    return [change.kind.value for change in changes]


def test_an_open_need_opens_the_first_instance_and_then_nothing_happens():
    ledger = Ledger()
    assert kinds(after(ledger, need(served_on=DAY))) == ["opened"]
    assert after(ledger, need(served_on=DAY)) == []
    assert [d.instance for d in ledger.duties.values()] == [1]


def test_what_was_met_before_anybody_looked_is_not_opened():
    assert after(Ledger(), need(BASELINE, "met", served_on=DAY), need(BASELINE, "lapsed")) == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"due_on": date(2026, 4, 15)}, "due_on"),
        ({"owner_org": "RXX"}, "owner_org"),
        ({"owner_role": "nurse"}, "owner_role"),
        ({"because": (Reason("condition", "last level 0.9 mmol/L"),)}, "because"),
    ],
)
def test_a_new_date_owner_or_reason_never_closes_a_duty(values, field):
    ledger = Ledger()
    after(ledger, need(served_on=DAY))
    (change,) = after(ledger, need(served_on=DAY, **values))
    assert (change.kind, [f.field for f in change.fields], change.second_look) == (ChangeKind.CHANGED, [field], False)
    assert ledger.duties[(LEVEL, 1)].is_open


def test_a_new_version_of_the_rule_asks_for_a_second_look():
    ledger = Ledger()
    after(ledger, need())
    (change,) = after(ledger, need(rule_version=2))
    assert change.second_look and ledger.duties[(LEVEL, 1)].is_open


def test_wording_and_points_are_refreshed_without_an_event():
    ledger = Ledger()
    after(ledger, need(priority=3))
    assert kinds(after(ledger, need(priority=9, title="Lithium level (serum)"))) == ["refreshed"]
    assert ledger.duties[(LEVEL, 1)].need.priority == 9


def test_later_evidence_closes_an_ongoing_duty_and_opens_the_next():
    ledger = Ledger()
    after(ledger, need(served_on=DAY))
    later = date(2026, 7, 1)
    closing, opening = after(ledger, need(served_on=later, served_by="result", due_on=date(2027, 1, 1)))
    assert (closing.kind, closing.evidence_on, closing.evidence_by) == (ChangeKind.MET, later, "result")
    assert (opening.kind, opening.instance, opening.carries) == (ChangeKind.OPENED, 2, None)


def test_the_first_evidence_ever_closes_an_ongoing_duty():
    ledger = Ledger()
    after(ledger, need())
    assert kinds(after(ledger, need(served_on=DAY, served_by="done"))) == ["met", "opened"]


def test_declined_ends_the_cycle_with_the_answer_as_reason():
    ledger = Ledger()
    after(ledger, need())
    said = (Reason("answer", "declined on 2026-01-15: needle phobia", DAY),)
    closing, _ = after(ledger, need(served_on=DAY, served_by="declined", because=said))
    assert (closing.kind, closing.reason) == (ChangeKind.DECLINED, said[0].label)


def test_a_late_older_result_changes_nothing():
    ledger = Ledger()
    after(ledger, need(served_on=DAY))
    assert after(ledger, need(served_on=DAY)) == []


def test_a_point_is_met_once_and_opens_again_only_as_the_next_instance():
    ledger = Ledger()
    after(ledger, need(BASELINE))
    (closing,) = after(ledger, need(BASELINE, "met", served_on=DAY, served_by="result"))
    assert (closing.kind, closing.evidence_on) == (ChangeKind.MET, DAY)
    assert after(ledger, need(BASELINE, "met", served_on=DAY, served_by="result")) == []
    (again,) = after(ledger, need(BASELINE, anchor_on=date(2026, 3, 1)))
    assert (again.kind, again.instance, again.carries) == (ChangeKind.OPENED, 2, None)


def test_withdrawn_evidence_brings_back_what_was_arranged():
    ledger = Ledger()
    after(ledger, need(BASELINE, anchor_on=DAY))
    after(ledger, need(BASELINE, "met", served_on=DAY, served_by="result", anchor_on=DAY))
    (again,) = after(ledger, need(BASELINE, anchor_on=DAY))
    assert (again.instance, again.carries) == (2, 1) and "no longer in the record" in again.reason


def test_withdrawn_evidence_that_returns_closes_nothing_a_second_time():
    ledger = Ledger()
    after(ledger, need(served_on=date(2025, 7, 1)))
    after(ledger, need(served_on=DAY, served_by="result"))
    (back,) = after(ledger, need(served_on=date(2025, 7, 1), due_on=date(2026, 1, 1)))
    assert (back.kind, back.instance, back.carries) == (ChangeKind.CHANGED, 2, 1)
    (again,) = after(ledger, need(served_on=DAY, served_by="result"))
    assert again.kind is ChangeKind.CHANGED
    duty = ledger.duties[(LEVEL, 2)]
    assert (duty.is_open, duty.base_on, duty.withdrawn_on) == (True, DAY, None)
    assert kinds(after(ledger, need(served_on=date(2026, 6, 1), served_by="result"))) == ["met", "opened"]


def test_a_need_that_is_gone_is_superseded_and_comes_back_with_what_was_arranged():
    ledger = Ledger()
    after(ledger, need())
    (closing,) = reconcile(ledger.duties.values(), [], tell_gone=why_gone(stopped={"lithium"}))
    assert (closing.kind, closing.reason) == (ChangeKind.SUPERSEDED, "No current course of lithium on record")
    ledger.apply([closing])
    (again,) = after(ledger, need())
    assert (again.instance, again.carries) == (2, 1)


def test_the_words_for_a_need_that_is_gone():
    duty = Duty(LEVEL, 1, need())
    assert why_gone(rules={"other"})(duty) == "The rule is no longer in the knowledge pack"
    assert why_gone(rules={"lithium.level"})(duty).startswith("No longer owed")
    assert why_gone()(Duty(LEVEL, 1, need(kind="agree"))).startswith("Somebody now owns it")


def test_a_lapsed_point_closes_as_superseded_by_its_rule_and_carries_nothing():
    ledger = Ledger()
    after(ledger, need(BASELINE))
    (closing,) = after(ledger, need(BASELINE, "lapsed"))
    assert (closing.kind, closing.evidence_by) == (ChangeKind.SUPERSEDED, "lapsed")
    (again,) = after(ledger, need(BASELINE))
    assert (again.instance, again.carries) == (2, None)


def test_not_applicable_holds_until_its_end():
    ledger = Ledger()
    after(ledger, need())
    until = date(2026, 9, 1)
    (closing,) = after(ledger, need(state="not applicable", until=until, because=(Reason("answer", "abroad until September"),)))
    assert (closing.kind, closing.until, closing.reason) == (ChangeKind.NOT_APPLICABLE, until, "abroad until September")
    assert after(ledger, need(state="not applicable", until=until)) == []
    (again,) = after(ledger, need())
    assert (again.instance, again.carries) == (2, None)


def test_an_older_evaluation_may_not_follow_a_newer_one():
    applied = Mark(5, 10, DAY)
    assert Mark(5, 10, DAY).may_follow(applied) and Mark(6, 12, DAY + timedelta(1)).may_follow(applied)
    assert Mark(1, 0, DAY).may_follow(None)
    for older in (Mark(4, 10, DAY), Mark(5, 9, DAY), Mark(5, 10, DAY - timedelta(1)), Mark(9, 9, DAY + timedelta(9))):
        assert not older.may_follow(applied)


def test_a_change_that_does_not_fit_is_refused():
    ledger = Ledger()
    changes = after(ledger, need())
    with pytest.raises(ValueError, match="opened before"):
        ledger.apply(changes)
    after(ledger, need(state="met", served_on=DAY))
    with pytest.raises(ValueError, match="closed"):
        ledger.apply(reconcile([Duty(LEVEL, 1, need())], []))


# ---- whole tables


def tables_of(*rows: Need) -> tuple[pa.Table, pa.Table]:
    names = contract.TABLES["needs"].names
    needs = [{name: getattr(n, name, None) if hasattr(n, name) else getattr(n.key, name, None) for name in names} for n in rows]
    because = [
        {
            **{name: getattr(n.key, name) for name in ("person_id", "rule_id", "subject", "point")},
            "seq": i,
            "kind": r.kind,
            "label": r.label,
        }
        for n in rows
        for i, r in enumerate(n.because, 1)
    ]
    return (
        pa.Table.from_pylist(needs, schema=contract.TABLES["needs"].arrow_schema()),
        pa.Table.from_pylist(because, schema=contract.TABLES["because"].arrow_schema()),
    )


def test_tables_hold_everything_the_next_run_needs():
    first = [
        need(served_on=DAY, because=(Reason("course", "lithium since 2024-01-10"), Reason("owner", "Riverside"))),
        need(BASELINE),
    ]
    duties, changes = reconcile_tables(None, *tables_of(*first), mark=Mark(1, 0, DAY))
    assert changes["change"].to_pylist() == ["opened", "opened"]
    second = [need(served_on=date(2026, 2, 1), served_by="result")]
    duties, changes = reconcile_tables(duties, *tables_of(*second), mark=Mark(2, 0, DAY), previous_mark=Mark(1, 0, DAY))
    assert sorted(changes["change"].to_pylist()) == ["met", "opened", "superseded"]
    assert sorted(zip(duties["rule_id"].to_pylist(), duties["state"].to_pylist(), strict=True)) == [
        ("antipsychotic.weight", "superseded"),
        ("lithium.level", "met"),
        ("lithium.level", "open"),
    ]
    assert duties_to_table(duties_from_table(duties)).equals(duties)


def test_an_older_run_is_refused_with_what_to_do():
    with pytest.raises(Refused, match="leave --previous out"):
        reconcile_tables(None, *tables_of(need()), mark=Mark(1, 0, DAY), previous_mark=Mark(2, 0, DAY))


def test_the_end_of_a_not_applicable_comes_from_the_answer_in_force():
    rows = [
        {"kind": "not applicable", "until": date(2026, 9, 1), "on_date": DAY},
        {"kind": "not applicable", "until": date(2025, 9, 1), "on_date": DAY},
        {"kind": "declined", "until": None, "on_date": DAY},
    ]
    keyed = [row | {"person_id": 1, "rule_id": LEVEL.rule_id, "subject": "lithium", "point": ONGOING} for row in rows]
    (found,) = needs_from_tables(*tables_of(need(state="not applicable")), pa.Table.from_pylist(keyed), as_of=DAY)
    assert found.until == date(2026, 9, 1)


# ---- no history of evaluations, in whatever order, loses a duty or an arrangement

days = st.integers(0, 400).map(lambda n: date(2025, 1, 1) + timedelta(n))
ongoing = st.builds(
    need,
    st.just(LEVEL),
    st.sampled_from(["open", "open", "open", "not applicable"]),
    served_on=st.none() | days,
    served_by=st.sampled_from(["result", "done", "declined"]),
    due_on=days,
    anchor_on=days,
    owner_org=st.sampled_from(["A00001", "RXX", "nobody"]),
    rule_version=st.integers(1, 2),
)
pointed = st.builds(
    need,
    st.just(BASELINE),
    st.sampled_from(["open", "open", "met", "declined", "lapsed", "not applicable"]),
    served_on=days,
    anchor_on=days,
)


class History(RuleBasedStateMachine):
    """Evaluations arrive, people arrange things on whatever is open; every arrangement must still have its place."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.arranged: dict[tuple[Key, int], str] = {}
        self.closed_before: dict[tuple[Key, int], Duty] = {}

    @rule(one=st.none() | ongoing, other=st.none() | pointed)
    def evaluate(self, one: Need | None, other: Need | None) -> None:
        changes = reconcile(self.ledger.duties.values(), [n for n in (one, other) if n])
        self.ledger.apply(changes)
        for change in changes:
            source = (change.key, change.carries)
            if change.carries is not None and source in self.arranged:
                self.arranged.setdefault((change.key, change.instance), self.arranged[source])
        assert [c for c in reconcile(self.ledger.duties.values(), [n for n in (one, other) if n])] == []

    @rule(name=st.sampled_from(["Priya", "Tom"]))
    def arrange(self, name: str) -> None:
        for place, duty in self.ledger.duties.items():
            if duty.is_open:
                self.arranged[place] = name

    @invariant()
    def nothing_vanishes_and_nothing_reopens(self) -> None:
        for place, duty in self.closed_before.items():
            assert self.ledger.duties[place] == duty
        for place, duty in self.ledger.duties.items():
            if not duty.is_open:
                assert duty.ending in ENDINGS
                assert duty.ended_on is not None or duty.ended_why is not None or duty.ending is ChangeKind.NOT_APPLICABLE
                self.closed_before[place] = duty

    @invariant()
    def instances_are_numbered_without_holes_and_one_is_open(self) -> None:
        for key in (LEVEL, BASELINE):
            mine = sorted((d for (k, _), d in self.ledger.duties.items() if k == key), key=lambda d: d.instance)
            assert [d.instance for d in mine] == list(range(1, len(mine) + 1))
            assert all(not d.is_open for d in mine[:-1])

    @invariant()
    def an_arrangement_ends_only_with_an_answer(self) -> None:
        for (key, instance), name in self.arranged.items():
            duty = self.ledger.duties[(key, instance)]
            following = self.ledger.duties.get((key, instance + 1))
            if duty.ending is ChangeKind.SUPERSEDED and duty.ended_by == "gone" and following is not None:
                assert (key, instance + 1) in self.arranged, f"{name} lost {key}"


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.none() | ongoing, st.none() | pointed), max_size=8))
def test_tables_and_objects_agree(history):
    ledger, table, mark = Ledger(), None, Mark(1, 0, DAY)
    for step in history:
        needs = [n for n in step if n]
        after(ledger, *needs)
        table, _ = reconcile_tables(table, *tables_of(*needs), mark=mark)
    if table is not None:
        assert duties_to_table(ledger.duties.values()).equals(table)


@pytest.mark.parametrize(
    ("kind", "subject", "words"),
    [
        ("supply", "olanzapine", "Supply of olanzapine is as expected"),
        ("supply", "lithium", "lithium was replaced, its end was answered, or it ended too long ago to wait for"),
        ("finding", "olanzapine", "What was found is no longer so"),
        ("finding", "lithium", "No current course of lithium on record"),
    ],
)
def test_words_for_supply_and_findings_that_are_gone(kind, subject, words):
    key = Key(1, "a rule", subject, "2026-01-15")
    ledger = Ledger()
    after(ledger, need(key, kind=kind))
    (change,) = reconcile(ledger.duties.values(), [], tell_gone=why_gone(stopped=["lithium"]))
    assert (change.kind, change.reason) == (ChangeKind.SUPERSEDED, words)


def test_supply_that_goes_on_meets_the_duty():
    key = Key(1, "supply.nobody", "lithium", "2026-01-15")
    ledger = Ledger()
    after(ledger, need(key, kind="supply"))
    (change,) = after(ledger, need(key, "met", kind="supply", served_on=DAY, served_by="supply"))
    assert (change.kind, change.evidence_by, change.evidence_on) == (ChangeKind.MET, "supply", DAY)


def test_an_answer_that_has_aged_is_owed_again_and_not_withdrawn():
    key = Key(1, "supply.both", "lithium", ONGOING)
    ledger = Ledger()
    after(ledger, need(key, kind="supply"))
    after(ledger, need(key, "met", kind="supply", served_on=DAY, served_by="done"))
    (change,) = after(ledger, need(key, kind="supply", served_on=DAY, served_by="done"))
    assert (change.kind, change.instance, change.reason, change.carries) == (ChangeKind.OPENED, 2, None, None)
