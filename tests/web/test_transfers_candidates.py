"""Who may be ready to step down: what the records tell is told, what they cannot tell is never taken as good."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pytest

from ledger_world import PRACTICE, TODAY, TRUST, World
from stepwell import knowledge
from stepwell.records.schema import TABLES
from stepwell.web.transfers import figures, services
from stepwell.web.transfers.candidates import Answer, Contact, Facts, Verdict, candidates_for, judge

LONG = date(2020, 1, 10)
OLANZAPINE = {"substance": "olanzapine", "last_change_on": "2024-03-01", "daily_ug": 10_000, "owner_org": TRUST}
REVIEW = "Outpatient review"
STABLE = Facts(
    TRUST,
    LONG,
    [Contact(date(2025, 9, 1), TRUST, REVIEW), Contact(date(2026, 3, 1), TRUST, REVIEW)],
    [],
    True,
    [OLANZAPINE],
    [],
    [],
)


def told(facts: Facts) -> dict[str, Answer]:
    return {finding.criterion: finding.answer for finding in judge(facts, TODAY)[0]}


def test_somebody_settled_whom_the_team_sees_twice_a_year_may_be_ready():
    findings, verdict = judge(STABLE, TODAY)
    assert verdict is Verdict.CANDIDATE
    assert [finding.criterion for finding in findings] == list(figures.criteria())
    visits = next(finding for finding in findings if finding.criterion == "visits")
    assert visits.words == "2 visits: 01-Mar-2026, 01-Sep-2025"


AGAINST = {
    "caseload": replace(STABLE, since=TODAY - timedelta(200)),
    "visits": replace(STABLE, contacts=[Contact(TODAY - timedelta(30 * month), TRUST, REVIEW) for month in (5, 3, 1)]),
    "admissions": replace(STABLE, stays=[(date(2025, 11, 1), date(2025, 11, 20))]),
    "crises": replace(STABLE, contacts=[*STABLE.contacts, Contact(date(2026, 4, 1), "A&E1", "Seen by the crisis team")]),
    "steady": replace(STABLE, medicines=[OLANZAPINE | {"last_change_on": "2026-04-01"}]),
    "results": replace(STABLE, out_of_range=["Act on HbA1c"]),
    "specialist": replace(STABLE, medicines=[OLANZAPINE | {"substance": "clozapine"}]),
}


@pytest.mark.parametrize("criterion", AGAINST)
def test_one_thing_against_is_enough(criterion):
    assert told(AGAINST[criterion])[criterion] is Answer.AGAINST
    assert judge(AGAINST[criterion], TODAY)[1] is Verdict.NOT_NOW


UNKNOWN = {
    "caseload": replace(STABLE, since=None),
    "visits": replace(STABLE, contacts=[Contact(date(2026, 3, 1), PRACTICE, "Blood test")]),
    "admissions": replace(STABLE, stays_known=False),
    "crises": replace(STABLE, contacts=[]),
    "steady": replace(STABLE, medicines=[OLANZAPINE | {"daily_ug": None}]),
    "results": replace(STABLE, overdue=["HbA1c"]),
    "specialist": replace(STABLE, restricted=1),
}


@pytest.mark.parametrize("criterion", UNKNOWN)
def test_what_the_records_cannot_tell_is_never_good(criterion):
    assert told(UNKNOWN[criterion])[criterion] is Answer.UNKNOWN
    assert judge(UNKNOWN[criterion], TODAY)[1] is Verdict.UNKNOWN


def test_seen_only_for_prescriptions_is_enough_however_often():
    often = [Contact(TODAY - timedelta(30 * month), TRUST, "Depot injection") for month in (9, 7, 5, 3, 1)]
    facts = replace(STABLE, contacts=often)
    assert told(facts)["visits"] is Answer.AGAINST and told(facts)["prescriptions"] is Answer.HOLDS
    assert judge(facts, TODAY)[1] is Verdict.CANDIDATE
    unsaid = replace(facts, contacts=[*often, Contact(TODAY - timedelta(3), TRUST, "")])
    assert judge(unsaid, TODAY)[1] is Verdict.UNKNOWN


def test_every_figure_has_a_source_of_the_pack_and_a_mark():
    sources = {*knowledge.load().sources, "P", "K"}
    for each in figures.everything():
        assert each.source and set(each.source) <= sources
        assert each.mark == "V" or "needs local approval" in each.basis
    for name in ("step_down_visits", "step_down_months", "step_down_steady_months", "transfer_answer_days", "rapid_return_days"):
        assert set(knowledge.load().parameters[name].source) <= {*sources, "ruling 3"}


# Read from the store and the ledger


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    settled = [
        "on the caseload of trust from 2021-05-01",
        "diagnosis bipolar on 2018-02-01",
        "lamotrigine 200 mg daily from 2022-01-01 every 28 days by trust",
    ]
    world.tell(
        {
            "Ada": settled,
            "Ben": [*settled, "in hospital from 2026-02-01 to 2026-02-20"],
            "Cy": settled,
            "Dee": ["sertraline 50 mg daily from 2025-04-01 every 28 days"],
        }
    )
    see(world, {"Ada": [date(2025, 10, 1)], "Ben": [date(2025, 10, 1)]})
    world.catch_up()
    return world


def see(world: World, visits: dict[str, list[date]]) -> None:
    """The trust's contacts, as its records tell them."""
    subjects = {name: world.store.refresh().person_subjects([world.ids[name]])[world.ids[name]][0] for name in visits}
    common = {"source": PRACTICE, "version": "1", "org_code": TRUST, "kind": REVIEW, "term": REVIEW}
    days = [(subjects[name], on) for name, visited in visits.items() for on in visited]
    rows = [common | {"subject_id": subject, "native_id": f"{subject} {on}", "on_date": on} for subject, on in days]
    schema, buckets = TABLES["contacts"].arrow_schema(), world.store.manifest.buckets
    with world.store.importing() as writer:
        for bucket in range(buckets):
            own = [row for row in rows if row["subject_id"] % buckets == bucket]
            writer.put("contacts", PRACTICE, bucket, pa.Table.from_pylist(own, schema=schema))
        writer.commit()


def verdicts(world: World, who: str) -> dict[str, Verdict]:
    return {each.person.given_name: each.verdict for each in candidates_for(world.actor(who), TODAY)}


def test_the_team_and_the_practice_see_the_same_people(world):
    found = verdicts(world, "psychiatrist")
    assert found["Ben"] is Verdict.NOT_NOW and found["Cy"] is Verdict.UNKNOWN and "Dee" not in found
    assert verdicts(world, "gp") == found
    assert verdicts(world, "other gp") == {}


def test_a_check_that_is_overdue_leaves_the_results_untold(world):
    ada = next(each for each in candidates_for(world.actor("psychiatrist"), TODAY) if each.person.given_name == "Ada")
    overdue = [duty for duty in world.duties("Ada", state="open", kind="monitor") if duty.due_on and duty.due_on <= TODAY]
    results = next(finding for finding in ada.findings if finding.criterion == "results")
    assert results.answer is (Answer.UNKNOWN if overdue else Answer.HOLDS)
    assert ada.verdict is (Verdict.UNKNOWN if overdue else Verdict.CANDIDATE)


def test_somebody_whose_transfer_is_under_way_is_not_suggested_again(world):
    plan = dict.fromkeys(figures.reviews(), PRACTICE)
    services.propose(world.actor("psychiatrist"), world.ids["Ada"], why="Settled", plan="Repeats", planned_on=TODAY, reviewers=plan)
    assert "Ada" not in verdicts(world, "psychiatrist")


def test_the_page_shows_what_was_looked_at_and_who_may_propose(world):
    page = world.client("psychiatrist").get("/transfers/candidates?tab=unknown").content.decode()
    assert "no contact with them is on record" in page and "WORKED, Cy" in page
    assert f"/patients/{world.ids['Cy']}/transfers/new" in page
    practice = world.client("manager").get("/transfers/candidates?tab=unknown").content.decode()
    assert "WORKED, Cy" in practice and "/transfers/new" not in practice
    assert world.client("link worker").get("/transfers/candidates").status_code == 403
