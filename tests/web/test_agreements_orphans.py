"""What falls between two organisations, by the rule alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from stepwell.web.agreements.orphans import NOBODY, Caseload, Held, Kind, Missing, OnRecord, Taken, orphans

TODAY = date(2026, 6, 1)
STARTED = date(2024, 3, 1)
PRACTICE, TRUST = "A81001", "RX9"
HERE = Caseload(TRUST, date(2023, 1, 1), None)
LEFT = Caseload(TRUST, date(2023, 1, 1), date(2026, 3, 1))


def taken(**changes: Any) -> Taken:
    values = {
        "substance": "lithium",
        "started_on": STARTED,
        "owner_org": PRACTICE,
        "suppliers": frozenset({"gp"}),
        "supplier_orgs": (PRACTICE,),
    }
    return Taken(**(values | changes))


def held(**changes: Any) -> Held:
    values: dict[str, Any] = {
        "id": 7,
        "substance": "lithium",
        "specialist": TRUST,
        "from_on": date(2025, 1, 1),
        "review_on": TODAY + timedelta(100),
        "specialist_review_on": TODAY + timedelta(900),
    }
    return Held(**(values | changes))


def found(*medicines: Taken, caseloads: tuple[Caseload, ...] = (), agreements: tuple[Held, ...] = (), **ended: date):
    return orphans(OnRecord(1, PRACTICE, medicines, caseloads, agreements, ended), TODAY)


def test_somebody_the_practice_alone_looks_after_is_no_orphan():
    assert found(taken()) == []


@pytest.mark.parametrize("owner", [PRACTICE, NOBODY, TRUST])
def test_a_discharge_without_an_agreement_is_one_whoever_owns_it(owner):
    (one,) = found(taken(owner_org=owner), caseloads=(LEFT,))
    assert (one.kind, one.other, one.since, one.started_on) == (Kind.DISCHARGED, TRUST, date(2026, 3, 1), STARTED)


def test_the_last_discharge_counts_and_another_team_that_stays_ends_it():
    earlier = Caseload("RX1", date(2020, 1, 1), date(2025, 1, 1))
    assert found(taken(), caseloads=(LEFT, earlier))[0].other == TRUST
    assert found(taken(), caseloads=(LEFT, Caseload("RX1", None, None)))[0].kind is Kind.WITHOUT


@pytest.mark.parametrize(
    ("caseload", "is_one"),
    [
        (Caseload(TRUST, None, STARTED), True),
        (Caseload(TRUST, None, STARTED - timedelta(1)), False),  # discharged before it was started
        (Caseload(TRUST, None, TODAY), True),
        (Caseload(TRUST, None, TODAY + timedelta(1)), False),  # tomorrow
    ],
)
def test_on_the_edges_of_a_caseload(caseload, is_one):
    assert any(one.kind is Kind.DISCHARGED for one in found(taken(), caseloads=(caseload,))) == is_one


def test_a_medicine_of_unknown_start_was_taken_when_they_were_discharged():
    assert found(taken(started_on=None), caseloads=(LEFT,))[0].kind is Kind.DISCHARGED


def test_an_agreement_in_force_with_its_reviews_is_a_plan():
    assert found(taken(), caseloads=(LEFT,), agreements=(held(),)) == []


@pytest.mark.parametrize(
    ("medicine", "caseloads", "other"),
    [
        (taken(), (HERE,), TRUST),  # the practice looks after it while a team still sees them
        (taken(owner_org=NOBODY, suppliers=frozenset({"trust"}), supplier_orgs=(TRUST,)), (), TRUST),
        (taken(owner_org=NOBODY, suppliers=frozenset({"trust"}), supplier_orgs=()), (), ""),
        (taken(suppliers=frozenset({"gp", "trust"}), supplier_orgs=(PRACTICE, TRUST)), (), TRUST),
        (taken(owner_org=TRUST), (), TRUST),  # the trust owns what the practice issues
        (taken(owner_org=NOBODY), (), ""),
    ],
)
def test_two_that_share_it_or_nobody_who_owns_it_need_an_agreement(medicine, caseloads, other):
    (one,) = found(medicine, caseloads=caseloads)
    assert (one.kind, one.other, one.since) == (Kind.WITHOUT, other, STARTED)


def test_the_trust_that_does_everything_needs_none():
    assert found(taken(owner_org=TRUST, suppliers=frozenset({"trust"}), supplier_orgs=(TRUST,)), caseloads=(HERE,)) == []


def test_since_the_last_agreement_ended():
    (one,) = found(taken(), caseloads=(HERE,), lithium=date(2026, 5, 1))
    assert one.since == date(2026, 5, 1)


@pytest.mark.parametrize(
    ("changes", "missing", "since"),
    [
        ({"review_on": None}, ((Missing.NO_REVIEW, None),), date(2025, 1, 1)),
        ({"review_on": TODAY}, (), None),
        ({"review_on": TODAY - timedelta(1)}, ((Missing.REVIEW_PAST, TODAY - timedelta(1)),), TODAY - timedelta(1)),
        ({"specialist_review_on": None}, ((Missing.NO_SPECIALIST, None),), date(2025, 1, 1)),
        ({"specialist_review_on": date(2026, 2, 1)}, ((Missing.SPECIALIST_PAST, date(2026, 2, 1)),), date(2026, 2, 1)),
        (
            {"review_on": date(2026, 4, 1), "specialist_review_on": date(2026, 2, 1)},
            ((Missing.REVIEW_PAST, date(2026, 4, 1)), (Missing.SPECIALIST_PAST, date(2026, 2, 1))),
            date(2026, 2, 1),
        ),
    ],
)
def test_an_agreement_without_a_review_or_with_its_day_past(changes, missing, since):
    rows = found(taken(), agreements=(held(**changes),))
    assert [(row.kind, row.missing, row.since, row.agreement_id) for row in rows] == ([(Kind.REVIEW, missing, since, 7)] if missing else [])


def test_a_protocol_that_was_superseded():
    (one,) = found(taken(), agreements=(held(protocol="Lithium", newer_since=date(2026, 1, 1)),))
    assert (one.kind, one.since, one.protocol, one.other) == (Kind.PROTOCOL, date(2026, 1, 1), "Lithium", TRUST)


def test_each_medicine_is_looked_at_by_itself():
    olanzapine = taken(substance="olanzapine", owner_org=NOBODY)
    rows = found(taken(), olanzapine, agreements=(held(review_on=None),))
    assert [(row.substance, row.kind) for row in rows] == [("lithium", Kind.REVIEW), ("olanzapine", Kind.WITHOUT)]
