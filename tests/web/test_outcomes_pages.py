"""Outcomes as pages: figures that open their people, numbers only for whoever sees no names, what was released and reinvested."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger_world import OTHER_PRACTICE, PRACTICE, TODAY, World
from privacy_support import join
from reviews_world import ADA, Still, review
from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.web.accounts import services as accounts
from stepwell.web.accounts.models import Organisation
from stepwell.web.core.actor import Actor
from stepwell.web.ledger import selectors as ledger
from stepwell.web.outcomes import selectors, services
from stepwell.web.outcomes.models import Reinvestment
from stepwell.web.privacy import services as privacy
from stepwell.web.tapers import checkins
from stepwell.web.tapers import services as tapers
from stepwell.web.tapers.checkins import Given
from taper_world import DEE, SAM, START, one_taper_world, reducing

pytestmark = pytest.mark.django_db
END = START + timedelta(days=70)


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    """Dee has stopped, Sam goes down and had a hard week, Ada was reviewed and nothing was issued since."""
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("outcomes"), {"Dee": DEE, "Sam": SAM, "Ada": ADA}) as world:
        setup = Actor.system("tests")
        board = accounts.create_organisation(setup, code="QX1", name="Northvale Integrated Care Board", kind="icb")
        for code in (PRACTICE, OTHER_PRACTICE):
            accounts.make_part_of(setup, whole=board, part=Organisation.objects.get(code=code), from_on=TODAY)
        join(world, "commissioner", "Ola Byrne", "QX1", "commissioner")
        join(world, "far gp", "Dr Iris Farr", OTHER_PRACTICE, "gp")
        patch = pytest.MonkeyPatch()
        Still(patch)
        review(world)
        patch.undo()
        world.plans = {"Dee": reducing(world, "Dee")}
        world.today = TODAY
        world.plans["Sam"] = reducing(world, "Sam", medicine="sertraline")
        world.today = END
        checkins.record(world.actor("gp"), world.plans["Sam"], Given(rating=9, decided=checkins.STEP_BACK, words="Shaking, no sleep"))
        world.today = END
        tapers.reach_end(world.actor("gp"), world.plans["Dee"], why="Off it, and well")
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = END, str(made.store.path)
    made.settings = settings
    return made


def _plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def names(world: World, who: str, query: str) -> set[str]:
    response = world.client(who).get(f"/outcomes/people?{query}")
    assert response.status_code == 200
    return {name for name in ("Dee", "Sam", "Ada") if f"WORKED, {name}" in response.content.decode()}


def test_each_figure_opens_the_people_behind_it(world):
    page = world.client("gp").get("/outcomes")
    words = _plain(page.content.decode())
    assert "Of 3 medicines reviewed or reduced: 1 stopped, 1 reduced, 1 not known" in words
    assert "median 10 weeks (10 to 10), 1 plan" in words
    assert names(world, "gp", "outcome=stopped") == {"Dee"}
    assert names(world, "gp", "outcome=reduced&kind=antidepressant") == {"Sam"}
    assert names(world, "gp", "outcome=not+known") == {"Ada"}
    assert names(world, "gp", "noted=severe") == names(world, "gp", "noted=back") == {"Sam"}
    assert names(world, "gp", f"org={PRACTICE}") == {"Dee", "Sam", "Ada"}
    assert names(world, "gp", "org=elsewhere") == set()
    assert names(world, "gp", "released=diazepam") == {"Dee"}


def test_published_services_stand_beside_with_denominator_source_and_mark(world):
    html = world.client("gp").get("/outcomes").content.decode()
    words = _plain(html)
    assert "Not comparable one to one" in words
    for service in knowledge.load().taper_services.values():
        assert service.place in words
    assert "252 of 657 eligible to be reviewed (38 %)" in words
    results = [result for service in knowledge.load().taper_services.values() for result in service.results]
    assert html.count("mark S") >= len(results) + len(knowledge.load().taper_outcomes)


def test_a_commissioner_sees_numbers_that_are_not_small_and_no_person(world):
    client = world.client("commissioner")
    for address in ("/outcomes", "/outcomes/released"):
        page = client.get(address)
        words = _plain(page.content.decode())
        assert page.status_code == 200
        assert "/outcomes/people" not in page.content.decode()
        assert "WORKED" not in words
    words = _plain(client.get("/outcomes").content.decode())
    assert "fewer than 5" in words
    assert "too few to show how they came out" in words
    assert " 0 " not in words[: words.index("What other services published")]
    assert "median" not in words
    assert "1 stopped" not in words
    assert "left out, with fewer than 5 plans each" in _plain(client.get("/outcomes/released").content.decode())
    assert client.get("/outcomes/people?outcome=stopped").status_code == 403


def test_only_people_whom_the_reader_may_open_are_counted(world):
    assert "No medicine was reviewed or reduced" in _plain(world.client("far gp").get("/outcomes").content.decode())
    assert world.client("nurse").get("/outcomes").status_code == 403


def test_what_is_restricted_from_the_reader_is_not_counted(world):
    def counted(who: str) -> set[str]:
        return {case.substance for case in selectors.cases_for(world.actor(who), selectors.span_of(12, END)).cases}

    assert "diazepam" in counted("pharmacist")
    subject = ledger.subject_of(world.ids["Dee"])
    privacy.mark_sensitive(world.actor("gp"), subject, kind="medicine", key="diazepam", organisations=[PRACTICE], why="asked for")
    assert counted("pharmacist") == counted("gp") - {"diazepam"}
    assert names(world, "pharmacist", "outcome=stopped") == set()
    assert [row.substance for row in selectors.released_for(world.actor("pharmacist"), selectors.span_of(12, END))] == ["sertraline"]


def test_the_file_is_rounded_for_everybody_and_audited(world):
    from stepwell.web.core.models import AuditEntry

    response = world.client("gp").get("/outcomes/figures?months=12")
    rows = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    assert '"all","","Stopped","fewer than 5"' in rows
    assert not any(re.search(r'"[1-4]"$', row) for row in rows)
    entry = AuditEntry.objects.filter(subject_id="outcomes as csv").latest("pk")
    assert entry.evidence == "months=12"


def test_what_is_released_by_the_plans_with_price_source_and_what_it_leaves_out(world):
    words = _plain(world.client("gp").get("/outcomes/released").content.decode())
    assert "than before, by the plans" in words
    assert "priced as Diazepam" in words
    assert "£1.30" in words
    for told in ("Prescription Cost Analysis", "England 2024", "Open Government Licence", "discounts", "dispensing fees"):
        assert told in words
    rows = {row.substance: row for row in selectors.released_for(world.actor("gp"), selectors.span_of(12, END))}
    assert rows["diazepam"].now == 0 < rows["diazepam"].before


def test_what_it_was_put_into_is_written_down_and_taken_back(world):
    client = world.client("gp")
    body = {"what": "Half a day of a pharmacist", "pounds": "1200.50", "on-day": "1", "on-month": "8", "on-year": "2026"}
    assert client.post("/outcomes/released/reinvested", body | {"pounds": ""}).status_code == 422
    assert client.post("/outcomes/released/reinvested", body).status_code == 302
    page = _plain(client.get("/outcomes/released").content.decode())
    assert "£1,200.50 put elsewhere by Riverside Surgery" in page
    row = Reinvestment.objects.get()
    assert world.client("far gp").get(f"/outcomes/released/reinvested/{row.pk}/error").status_code == 404
    assert client.post(f"/outcomes/released/reinvested/{row.pk}/error", {"why": "Counted twice"}).status_code == 302
    assert "Nothing is written down as reinvested" in _plain(client.get("/outcomes/released").content.decode())
    assert Reinvestment.objects.count() == 2
    with pytest.raises(Refused):
        services.take_back(world.actor("gp"), row.pk, why="Again")


@pytest.mark.parametrize(
    ("what", "pence", "days"),
    [("", 100, 0), ("Training", 0, 0), ("Training", 100, 1), ("x" * 301, 100, 0)],
    ids=["words", "amount", "day", "long"],
)
def test_a_reinvestment_that_says_too_little_is_refused(world, what, pence, days):
    with pytest.raises(Refused):
        services.record_reinvestment(world.actor("gp"), on=END + timedelta(days), pence=pence, what=what)


def test_the_box_beside_a_plan(world):
    with CaptureQueriesContext(connection) as asked:
        box = selectors.box_for(world.actor("gp"), "benzodiazepine")
    assert (box.total, box.parts, box.going) == (1, (("Stopped", 1),), 0)
    assert len(asked) <= 2  # it stands on every plan's page: one over the plans, one whether anything is hidden
    assert selectors.box_for(world.actor("gp"), "antidepressant").going == 1
    assert selectors.box_for(world.actor("far gp"), "benzodiazepine").total == 0
    assert {each.service for each in box.services} == {"rest", "bows"}
    assert selectors.box_for(world.actor("nurse"), "benzodiazepine") is None
    assert selectors.box_for(world.actor("commissioner"), "benzodiazepine") is None
    assert selectors.box_for(world.actor("gp"), "no such class") is None
