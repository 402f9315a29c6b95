"""Whose a medicine and a need is, by hand, on the plain-Python engine."""

from __future__ import annotations

from datetime import date

import pytest
from builders import evaluate, point, rule, small_knowledge

PRACTICE, TRUST = "A81001", "RX9"


def medicine(*happened, as_of="2026-06-01", name="alpha"):
    row = evaluate(list(happened), as_of).one("medicines", substance=name)
    return row["owner_org"], row["owner_basis"]


@pytest.mark.parametrize(
    ("happened", "owner"),
    [
        (["alpha from 2024-01-01 every 28 days"], PRACTICE),
        (["alpha from 2024-01-01 every 28 days by trust"], "nobody"),
        (["alpha from 2024-01-01 every 28 days", "alpha on 2026-05-01 by trust"], "nobody"),
        # supplied by the practice, begun by the trust less than a year ago, or more
        (["alpha on 2025-06-02 by trust", "alpha from 2025-07-01 every 28 days"], "nobody"),
        (["alpha on 2025-06-01 by trust", "alpha from 2025-07-01 every 28 days"], PRACTICE),
        (["alpha from 2025-07-01 every 28 days", "letter from trust on 2025-10-01"], "nobody"),
        (["alpha from 2025-07-01 every 28 days", "letter from trust on 2025-10-02"], PRACTICE),
        (["alpha from 2025-07-01 every 28 days", "letter from practice on 2025-07-01"], PRACTICE),
        (["alpha from 2025-07-01 every 28 days"], PRACTICE),
    ],
)
def test_a_medicine_that_specialists_start(happened, owner):
    assert medicine(*happened) == (owner, "ruling")


@pytest.mark.parametrize(
    ("happened", "owner"),
    [
        (["beta from 2024-01-01 every 28 days"], PRACTICE),
        (["beta from 2024-01-01 every 28 days by trust"], TRUST),
        (["beta from 2024-01-01 every 28 days by trust", "beta on 2026-05-01"], PRACTICE),
        (["beta prescribed elsewhere from 2026-01-01"], "nobody"),
    ],
)
def test_a_medicine_that_anybody_starts(happened, owner):
    assert medicine(*happened, name="beta") == (owner, "ruling")


TAKING = "alpha from 2024-01-01 every 28 days by trust"


@pytest.mark.parametrize(
    ("lines", "owner"),
    [
        (["agreement alpha all: practice from 2026-06-01"], (PRACTICE, "agreement")),
        (["agreement alpha all: practice from 2026-06-02"], ("nobody", "ruling")),
        (["agreement alpha all: practice from 2025-01-01 to 2026-06-01"], ("nobody", "ruling")),
        (["agreement alpha all: practice from 2025-01-01", "agreement alpha prescribe: trust from 2025-01-01"], (TRUST, "agreement")),
        (["agreement alpha level: practice from 2025-01-01"], ("nobody", "ruling")),
        (["alpha taken on by practice from 2025-01-01"], (PRACTICE, "assertion")),
        (["alpha taken on by practice from 2025-01-01", "agreement alpha all: trust from 2025-01-01"], (TRUST, "agreement")),
        # who asks to share keeps it until the agreement is in force, and keeps it when it was refused
        (["trust asked practice to share alpha from 2026-06-01"], (TRUST, "request")),
        (["trust asked practice to share alpha from 2026-06-02"], ("nobody", "ruling")),
        (["trust asked practice to share alpha from 2025-01-01 to 2026-06-01"], ("nobody", "ruling")),
        (
            ["trust asked practice to share alpha from 2025-01-01", "agreement alpha level: practice from 2025-01-01"],
            (TRUST, "request"),
        ),
        (["trust asked practice to share alpha from 2025-01-01", "alpha taken on by practice from 2024-01-01"], (PRACTICE, "assertion")),
    ],
)
def test_agreement_then_assertion_then_request_then_ruling(lines, owner):
    assert medicine(TAKING, *lines) == owner


def test_the_closest_line_of_an_agreement_owns_the_need():
    lines = ["agreement alpha all: trust from 2025-01-01", "agreement alpha level: practice from 2025-01-01"]
    outcome = evaluate([TAKING, *lines], "2026-06-01")
    assert {row["owner_org"] for row in outcome.rows("needs", rule_id="alpha.level")} == {PRACTICE}
    assert outcome.one("medicines")["owner_org"] == TRUST
    closest = evaluate([TAKING, *lines, "agreement alpha alpha.level: hospital from 2024-01-01"], "2026-06-01")
    assert {row["owner_org"] for row in closest.rows("needs", rule_id="alpha.level")} == {"RTR"}


def test_a_request_gives_way_to_what_the_rule_always_says():
    knowledge = small_knowledge(
        rules=[rule("r", set_name="alpha", test="level", owner="practice"), rule("s", set_name="alpha", test="level")],
        points=[point("r", "ongoing", 1, "ongoing", every_days=1), point("s", "ongoing", 1, "ongoing", every_days=1)],
    )
    outcome = evaluate([TAKING, "trust asked practice to share alpha from 2026-01-01"], "2026-06-01", knowledge=knowledge)
    assert (outcome.one("needs", rule_id="r")["owner_org"], outcome.one("needs", rule_id="r")["owner_basis"]) == (PRACTICE, "always")
    assert (outcome.one("needs", rule_id="s")["owner_org"], outcome.one("needs", rule_id="s")["owner_basis"]) == (TRUST, "request")


def test_a_class_with_several_owners_is_the_practices():
    happened = ["alpha from 2024-01-01 every 28 days by trust", "gamma from 2024-01-01 every 28 days"]
    row = evaluate(happened, "2026-06-01").one("needs", rule_id="mixed")
    assert (row["owner_org"], row["owner_label"]) == (PRACTICE, "several owners: the practice brings them together")


def test_the_specialist_service_is_who_is_party_to_an_agreement_then_the_caseload_then_the_supplier():
    taking = ["delta from 2024-01-01 every 28 days", "beta from 2024-01-01 every 28 days", "female"]

    def specialist(*more):
        return evaluate([*taking, *more], "2026-06-01").one("needs", rule_id="greek.review")["owner_org"]

    assert specialist() == "nobody"
    assert specialist("delta on 2025-01-01 by trust") == TRUST
    assert specialist("delta on 2025-01-01 by trust", "on the caseload of hospital from 2024-01-01") == "RTR"
    assert specialist("on the caseload of hospital from 2024-01-01", "agreement delta level: trust from 2025-01-01") == TRUST


def test_what_is_nobodys_raises_agree_who():
    outcome = evaluate([TAKING], "2026-06-01")
    found = outcome.one("needs", rule_id="agree")
    assert (found["subject"], found["owner_org"], found["due_on"], found["state"]) == ("alpha", PRACTICE, date(2024, 1, 1), "open")
    ended = evaluate([TAKING, "agreement alpha all: practice from 2025-01-01 to 2026-03-01"], "2026-06-01").one("needs", rule_id="agree")
    assert ended["due_on"] == date(2026, 3, 1)
    withdrawn = evaluate([TAKING, "trust asked practice to share alpha from 2025-01-01 to 2026-04-01"], "2026-06-01")
    assert withdrawn.one("needs", rule_id="agree")["due_on"] == date(2026, 4, 1)
    assert evaluate([TAKING, "done agree of alpha, ongoing on 2026-05-01"], "2026-06-01").one("needs", rule_id="agree")["state"] == "open"
    assert evaluate([TAKING, "alpha taken on by trust from 2026-05-01"], "2026-06-01").rows("needs", rule_id="agree") == []


def test_one_open_need_that_is_nobodys_raises_agree_who():
    knowledge = small_knowledge(
        rules=[rule("r", set_name="alpha", test="level", owner="specialist"), rule("agree", kind="agree", set_name="alpha")],
        points=[point("r", "ongoing", 1, "ongoing", every_days=1)],
    )
    outcome = evaluate(["alpha from 2024-01-01 every 28 days"], "2026-06-01", knowledge=knowledge)
    assert outcome.one("medicines")["owner_org"] == PRACTICE
    assert outcome.one("needs", rule_id="r")["owner_org"] == "nobody"
    assert outcome.one("needs", rule_id="agree")["owner_org"] == PRACTICE


@pytest.mark.parametrize(
    ("approved_on", "version", "asks"), [("2026-06-01", "1", False), ("2026-06-02", "1", True), ("2026-06-01", "2", True)]
)
def test_a_figure_that_is_not_verified_waits_for_the_practice_to_approve_the_pack(approved_on, version, asks):
    approval = {"org_code": PRACTICE, "pack": "small", "version": version, "approved_on": date.fromisoformat(approved_on)}
    outcome = evaluate(["alpha from 2024-01-01 every 28 days"], "2026-06-01", extra={"approvals": [approval]})
    assert {row["needs_approval"] for row in outcome.rows("needs", mark="P")} == {asks}
    assert {row["needs_approval"] for row in outcome.rows("needs", mark="V")} == {False}
