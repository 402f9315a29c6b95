"""Duties in words: presenters without a database."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from stepwell.web.core.actor import Actor
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty, DutyState, PersonRecord
from stepwell.web.ledger.pages import WorklistRow, address, query_of
from stepwell.web.ledger.people import search_name
from stepwell.web.ledger.presenters import DutyPresenter, daily_dose, dates, in_words, sentence, visit
from stepwell.web.ledger.worklist import Order, Query, Row, Tab, Whose

TODAY = date(2026, 6, 1)
GP = Actor(1, "Dr Amara Osei", "A81001", "Riverside Surgery", "practice", "gp", "GP")
NAMES = {"RX9": "Northside CMHT", "A81001": "Riverside Surgery"}


def duty(**values) -> DutyPresenter:
    given = {
        "person_id": 1,
        "rule_id": "lithium.level",
        "subject": "lithium",
        "point": "ongoing",
        "instance": 1,
        "kind": "monitor",
        "title": "Lithium level",
        "test": "lithium-level",
        "due_on": date(2026, 2, 1),
        "owner_org": "A81001",
        "owner_label": "shared care with Northside CMHT, agreed 2025-02-20",
        "rule_version": 1,
        "mark": "V",
        "because": [
            {"kind": "course", "label": "lithium since 2024-01-10", "on_date": "2024-01-10", "value": None},
            {"kind": "last result", "label": "Lithium level 0.6 mmol/L on 2025-11-01", "on_date": "2025-11-01", "value": 600},
            {"kind": "owner", "label": "shared care", "on_date": None, "value": None},
        ],
    }
    return DutyPresenter(Duty(**(given | values)), GP, TODAY, NAMES)


def test_the_heading_is_a_sentence_and_the_reason_another():
    found = duty(served_on=date(2025, 11, 1), due_on=date(2026, 2, 1))
    assert found.heading == "Lithium level is 4 months overdue" and found.tag is None
    assert found.reason.startswith("Lithium since 10-Jan-2024; last 0.6 mmol/L on 01-Nov-2025; every 3 months; yours: shared care")
    assert found.reason.endswith("agreed 20-Feb-2025.")


@pytest.mark.parametrize(
    ("values", "heading", "tag"),
    [
        ({"due_on": TODAY}, "Lithium level is due today", None),
        ({"due_on": TODAY + timedelta(7)}, "Lithium level", ("due 08-Jun-2026", "amber")),
        ({"due_on": TODAY + timedelta(70)}, "Lithium level", ("due 10-Aug-2026", "blue")),
        ({"kind": "review", "title": "Opioid review"}, "Opioid review is 4 months overdue", None),
        (
            {"kind": "agree", "title": "Agree who prescribes and monitors", "subject": "risperidone", "test": ""},
            "Agree who prescribes and monitors (risperidone): answer is 4 months overdue",
            None,
        ),
        ({"rule_id": "antipsychotic.weight", "title": "Weight", "point": "week 12"}, "Weight (week 12) is 4 months overdue", None),
        ({"rule_id": "antipsychotic.weight", "title": "Weight", "point": "baseline"}, "Weight (at the start) is 4 months overdue", None),
        ({"kind": "result", "title": "Lithium level above 1"}, "Lithium level above 1: action is 4 months overdue", None),
        (
            {"kind": "agree", "title": "Agree who", "subject": "risperidone", "due_on": TODAY + timedelta(7)},
            "Agree who (risperidone)",
            ("due 08-Jun-2026", "amber"),
        ),
    ],
)
def test_headings(values, heading, tag):
    found = duty(**values)
    assert (found.heading, found.tag) == (heading, tag)


def test_whose_it_is():
    assert (duty().owner, duty().whose) == ("You", "mine")
    assert (duty(owner_org="RX9").owner, duty(owner_org="RX9").whose) == ("Northside CMHT", "theirs")
    assert (duty(owner_org="nobody").owner, duty(owner_org="nobody").whose) == ("Nobody", "nobody")
    assert duty(owner_org="ZZ1").owner == "ZZ1"


def test_a_class_is_called_by_its_name():
    because = [{"kind": "course", "label": "antipsychotic-not-clozapine since 2023-04-01", "on_date": None, "value": None}]
    found = duty(subject="antipsychotic-not-clozapine", because=because, owner_label="")
    assert found.reason == "Antipsychotic other than clozapine since 01-Apr-2023."


def test_medicines_in_a_sentence_read_as_drugs():
    assert duty().reason_marked.startswith('<strong class="sw-drug">lithium</strong> since 10-Jan-2024; last 0.6')
    assert known.marked("Lithium & co-codamol <b>") == '<strong class="sw-drug">lithium</strong> &amp; co-codamol &lt;b&gt;'
    assert known.marked("Antipsychotic other than clozapine", "antipsychotic-not-clozapine") == "Antipsychotic other than clozapine"
    assert known.marked("lithiumlike, lithium-level") == "lithiumlike, lithium-level"
    assert known.medicine("olanzapine") == "olanzapine" and known.medicine("z-drug") == "Z-drug"


def test_a_row_of_the_worklist_names_no_medicine_twice():
    def row(*duties: DutyPresenter) -> str:
        found = WorklistRow(Row(PersonRecord(person_id=1), [each.duty for each in duties]), GP, TODAY, NAMES)
        return found.medicines

    agree = duty(kind="agree", title="Agree who", subject="lithium", test="")
    weight = duty(title="Weight", test="weight", subject="olanzapine")
    review = duty(kind="review", title="Yearly review", subject="antipsychotic-not-clozapine", test="")
    assert row(agree) == "" and row(agree, weight) == "olanzapine"
    assert row(weight, review) == "olanzapine" and row(review) == "antipsychotic other than clozapine"
    assert row(duty(title="Weight", subject="opioid"), duty(kind="review", title="Opioid review", subject="opioid")) == ""


def test_tags_beside_the_heading():
    found = duty(escalate_on=TODAY, shown_from=TODAY + timedelta(1), second_look=True, needs_approval=True)
    assert [text for text, _ in found.notes] == [
        "escalated 01-Jun-2026",
        "put off until 02-Jun-2026",
        "rule changed: look again",
        "needs local approval",
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": DutyState.MET, "ended_on": TODAY, "ended_by": "result"}, "Done: result of 01-Jun-2026"),
        ({"state": DutyState.MET, "ended_on": TODAY, "ended_by": "done", "ended_why": "reviewed"}, "Done: on 01-Jun-2026. reviewed"),
        ({"state": DutyState.DECLINED, "ended_why": "said no on 2026-05-01"}, "Declined by the patient. said no on 01-May-2026"),
        ({"state": DutyState.NOT_APPLICABLE, "ended_why": "abroad", "until": TODAY}, "Not applicable. abroad (until 01-Jun-2026)"),
        ({"state": DutyState.SUPERSEDED, "ended_why": "No current course"}, "No longer owed. No current course"),
    ],
)
def test_how_it_was_closed(values, words):
    assert duty(**values).ended == words


def test_why_names_rule_source_and_mark():
    why = duty().why
    assert why.rule and why.sources and why.mark_words == "read in the cited text"
    assert [fact.text for fact in why.facts] == ["Lithium since 10-Jan-2024", "Lithium level 0.6 mmol/L on 01-Nov-2025"]
    gone = duty(rule_id="no.such-rule").why
    assert "no longer in the knowledge pack" in gone.rule


def test_one_visit_settles_what_can_be_done_together():
    weight = duty(test="weight", title="Weight")
    both = visit([duty(), weight], by=TODAY)
    assert both is not None and both.words == "one visit settles two" and [t.test for t in both.tests] == ["lithium-level", "weight"]
    blood = visit([duty(), duty(test="hba1c")], by=TODAY)
    assert blood is not None and blood.words == "one blood visit settles two"
    assert visit([duty(), duty(test="medication-review")], by=TODAY) is None
    assert visit([duty(), duty(test="weight", due_on=TODAY + timedelta(1))], by=TODAY) is None


@pytest.mark.parametrize(
    ("micrograms", "provenance", "words"),
    [
        (14_286, "structured", "about 14.3 mg"),  # a depot's dose over its days
        (7_143, "text", "about 7.14 mg"),
        (28_571, "estimated", "about 29 mg"),
        (1_125, "structured", "1.125 mg"),
        (137, "structured", "137 micrograms"),
        (400_000, "structured", "400 mg"),
        (None, "unknown", ""),
    ],
)
def test_a_daily_dose_claims_no_more_than_is_known(micrograms, provenance, words):
    assert daily_dose({"daily_ug": micrograms, "dose_provenance": provenance}) == words


def test_small_words():
    assert [in_words(n) for n in (0, 1, 12, 13, 1200)] == ["no", "one", "twelve", "13", "1,200"]
    assert dates("since 2024-02-30 or 2024-02-29") == "since 2024-02-30 or 29-Feb-2024"
    assert sentence(["lithium since 2024.", "", "last 0.6; "]) == "Lithium since 2024; last 0.6." and sentence([]) == ""
    assert search_name("O'Neill-Smith", "  Zoë  Ann") == "oneill smith zoe ann"


@pytest.mark.parametrize(
    ("evidence", "due", "words"),
    [
        (date(2025, 11, 1), date(2026, 2, 1), "every 3 months"),
        (date(2025, 11, 1), date(2026, 5, 1), "every 6 months"),
        (date(2025, 11, 1), date(2026, 5, 2), ""),
        (None, date(2026, 5, 1), ""),
    ],
)
def test_how_often(evidence, due, words):
    assert known.interval("lithium.level", "ongoing", evidence, due) == words


def test_addresses_hold_the_query_and_nothing_else():
    asked = {"tab": "nobody", "register": "lithium", "whose": "me", "order": "due", "page": "3", "size": "50", "deferred": "yes"}
    query = query_of(asked)
    assert query == Query(Tab.NOBODY, "lithium", whose=Whose.ME, order=Order.DUE, deferred=True, page=3, size=50)
    assert query_of({"tab": "x", "kind": "x", "whose": "x", "order": "x", "page": "-1", "size": "7"}) == Query()
    assert address(Query()) == "?" and address(Query(), tab=Tab.DONE) == "?tab=done"
    assert query_of(dict(part.split("=") for part in address(query)[1:].split("&"))) == query
