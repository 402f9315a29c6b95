"""Running a service: its terms, who is on duty, and what two people who change the same see."""

from __future__ import annotations

import re
from datetime import time, timedelta

import pytest
from django.urls import reverse

from advice_world import Still, advice_world, ask, open_desk, terms
from ledger_world import TODAY
from stepwell.errors import Refused
from stepwell.web.advice import rota, running
from stepwell.web.advice.models import DutyDay, ServiceTerms
from stepwell.web.core.gate import AccessRefused

FORM = {
    "name": "Psychiatrist of the day", "role": "psychiatrist", "phone": "01632 960109", "amount": "1", "unit": "days",
    "weekdays": list("01234"), "opens": "9", "closes": "17.30", "fallback": "", "fallback_words": "Ring the duty team",
}  # fmt: skip


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    Still(monkeypatch)
    return advice_world(settings, tmp_path)


@pytest.fixture
def desk(world):
    return open_desk(world)


def days(*numbers: int) -> list:
    return [TODAY + timedelta(number) for number in numbers]


def test_a_service_is_opened_and_changed_by_its_manager(world):
    client = world.client("team manager")
    assert client.get("/advice/services/new").status_code == 200
    response = client.post("/advice/services/new", FORM)
    made = rota.desks_at([world.actor("team manager").organisation])[0]
    assert response.headers["Location"] == f"/advice/services/{made.id}/rota?said=opened"
    assert (made.clock.unit, made.clock.amount, made.clock.closes) == ("days", 1, time(17, 30)) and made.phone == "01632 960109"
    address = reverse("advice:change_service", args=[made.id])
    page = client.get(address).content.decode()
    assert 'value="17:30"' in page
    seen = re.search(r'name="seen" value="(\d+)"', page).group(1)
    assert client.post(address, FORM | {"amount": "2", "seen": seen}).status_code == 302
    assert rota.desk(made.id).clock.amount == 2 and ServiceTerms.objects.count() == 2  # what held before stays on record
    late = client.post(address, FORM | {"name": "Desk", "seen": seen})
    assert (
        late.status_code == 409
        and "Grace Adeyemi changed this service" in late.content.decode()
        and 'value="Desk"' in late.content.decode()
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": " "}, "name"),
        ({"amount": 0}, "within 1 to 80 working hours"),
        ({"unit": "days", "amount": 21}, "within 1 to 20 working days"),
        ({"weekdays": frozenset()}, "at least one day"),
        ({"closes": time(9)}, "close after it opens"),
        ({"fallback_words": ""}, "when nobody is on duty"),
        ({"role": "gp"}, "the role that answers"),
    ],
)
def test_terms_that_cannot_hold(world, given, told):
    with pytest.raises(Refused, match=told):
        running.open_service(world.actor("team manager"), terms(**given))
    assert not ServiceTerms.objects.exists()


def test_a_form_with_hours_that_cannot_be_read_says_so(world):
    response = world.client("team manager").post("/advice/services/new", FORM | {"opens": "early", "fallback_words": ""})
    page = response.content.decode()
    assert response.status_code == 422 and "for example 09:00" in page and "when nobody is on duty" in page


def test_new_terms_leave_what_was_promised(world, desk):
    question = ask(world, desk)
    running.change_service(world.actor("team manager"), desk.id, terms(unit="days", amount=5))
    promised = question.due_at
    question.refresh_from_db()
    assert question.due_at == promised


def test_only_its_own_manager_runs_a_service(world, desk):
    for who in ("psychiatrist", "pcn manager", "gp", "manager"):
        with pytest.raises(AccessRefused):
            running.change_service(world.actor(who), desk.id, terms())
        with pytest.raises(AccessRefused):
            running.set_duty_days(world.actor(who), desk.id, {TODAY: None})
        assert world.client(who).get(reverse("advice:change_service", args=[desk.id])).status_code == 403
        assert world.client(who).post(reverse("advice:plan_days", args=[desk.id]), {}).status_code == 403
    assert world.client("gp").get("/advice/services/new").status_code == 403


def test_the_rota_names_a_colleague_for_a_day_and_shows_the_gaps(world, desk):
    client, address = world.client("team manager"), reverse("advice:plan_days", args=[desk.id])
    page = client.get(address).content.decode()
    assert "19 days without anybody on duty" in page and page.count("nobody yet") == 19
    lena, max_ = world.members["psychiatrist"].user_id, world.members["second psychiatrist"].user_id
    tuesday, saturday = days(1, 5)
    seen = re.search(r'name="seen" value="(\d+)"', page).group(1)
    form = {f"day-{TODAY}": lena, f"day-{tuesday}": max_, "seen": seen}
    assert client.post(address, form).status_code == 302
    named = rota.on_duty([desk.id], TODAY, saturday)
    assert named == {(desk.id, TODAY): "Dr Lena Hart", (desk.id, tuesday): "Dr Max Klein"}
    assert f"day-{saturday}" not in page  # it does not work on Saturdays
    running.set_duty_days(world.actor("team manager"), desk.id, {TODAY: None})
    assert (desk.id, TODAY) not in rota.on_duty([desk.id], TODAY, TODAY) and DutyDay.objects.filter(day=TODAY).count() == 2


def test_a_second_manager_sees_what_changed_on_the_rota(world, desk):
    from privacy_support import join

    join(world, "deputy", "Ola Byrne", "RX9", "team manager")
    tuesday = days(1)[0]
    client, address = world.client("deputy"), reverse("advice:plan_days", args=[desk.id])
    seen = re.search(r'name="seen" value="(\d+)"', client.get(address).content.decode()).group(1)
    running.set_duty_days(world.actor("team manager"), desk.id, {tuesday: world.members["psychiatrist"].user_id})
    response = client.post(address, {f"day-{tuesday}": world.members["second psychiatrist"].user_id, "seen": seen})
    page = response.content.decode()
    assert response.status_code == 409 and "meanwhile Grace Adeyemi put Dr Lena Hart on Tue 02-Jun-2026" in page
    chosen = re.search(rf'name="day-{tuesday}".*?</select>', page, flags=re.S).group()
    assert re.search(r"selected>\s*Dr Max Klein", chosen)
    assert rota.on_duty([desk.id], tuesday, tuesday) == {(desk.id, tuesday): "Dr Lena Hart"}


def test_who_cannot_answer_is_not_named(world, desk):
    saturday = days(5)[0]
    wrong = [(TODAY, "gp", "somebody who answers"), (TODAY, "team manager", "who answers"), (saturday, "psychiatrist", "does not work")]
    for day, who, told in wrong:
        with pytest.raises(Refused, match=told):
            running.set_duty_days(world.actor("team manager"), desk.id, {day: world.members[who].user_id})


def test_everybody_sees_who_is_on_duty_and_what_to_do_when_nobody_is(world, desk):
    for who in ("gp", "link worker", "manager"):
        page = world.client(who).get("/advice/services").content.decode()
        assert "Dr Lena Hart" in page and "4 days of the next week without anybody on duty" in page
        assert "Open a service" not in page and "Change how it works" not in page
        assert world.client(who).get(reverse("advice:plan_days", args=[desk.id])).status_code == 200
