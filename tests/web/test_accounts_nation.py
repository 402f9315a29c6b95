"""Whose bank holidays an organisation keeps, and under which number patients reach it: set by its own managers."""

from __future__ import annotations

from datetime import date

import pytest

import web_support
from stepwell.errors import Refused
from stepwell.web.accounts import selectors, services
from stepwell.web.core.gate import AccessRefused
from stepwell.web.core.nations import calendar_of, nation_of
from stepwell.web.week.days import bank_holidays

pytestmark = pytest.mark.django_db
ST_ANDREW = date(2026, 11, 30)


@pytest.fixture(autouse=True)
def day(settings):
    settings.AS_OF = web_support.TODAY


def test_an_organisation_is_in_england_until_it_says_otherwise(network):
    assert nation_of("P1") == nation_of("unknown") == "ENG"
    assert calendar_of("P1").is_working(ST_ANDREW)


def test_a_manager_sets_it_for_their_own_organisation_and_clocks_follow(network, signed_in):
    manager = signed_in("manager")
    assert "bank holidays of England" in manager.get("/staff").content.decode()
    with web_support.recorded() as trail:
        response = manager.post("/staff/nation", {"nation": "SCT"})
    assert response.status_code == 302
    assert [(entry.action, entry.subject_id) for entry in trail.writes()] == [("set nation", "P1")]
    assert "bank holidays of Scotland" in manager.get(response["Location"]).content.decode()
    assert (nation_of("P1"), nation_of("P2")) == ("SCT", "ENG")
    assert not calendar_of("P1").is_working(ST_ANDREW)
    assert ST_ANDREW in bank_holidays("P1", ST_ANDREW, ST_ANDREW)
    assert not bank_holidays("P2", ST_ANDREW, ST_ANDREW)


def test_nobody_else_sets_it(network, signed_in):
    assert signed_in("gp").post("/staff/nation", {"nation": "SCT"}).status_code == 403
    with pytest.raises(AccessRefused):
        services.set_nation(network.actor("nurse"), "WLS")
    assert nation_of("P1") == "ENG"


def test_what_is_no_nation_is_refused(network, signed_in):
    assert signed_in("manager").post("/staff/nation", {"nation": "FRA"}).status_code == 400
    with pytest.raises(Refused, match="Choose England"):
        services.set_nation(network.actor("manager"), "")


def test_a_manager_enters_the_number_that_patients_ring(network, signed_in):
    manager = signed_in("manager")
    assert "No number is held" in manager.get("/staff").content.decode()
    with web_support.recorded() as trail:
        response = manager.post("/staff/telephone", {"phone": " 01632  960101, option 2 "})
    assert response.status_code == 302
    assert [(entry.action, entry.subject_id) for entry in trail.writes()] == [("set telephone", "P1")]
    assert "told to ring 01632 960101, option 2." in manager.get(response["Location"]).content.decode()
    assert (selectors.phone_of_organisation("P1"), selectors.phone_of_organisation("P2")) == ("01632 960101, option 2", "")
    # Told again by the plan that made the organisations, its own number stays.
    kept = services.create_organisation(network.actor("manager"), code="P1", name=selectors.organisation_names()["P1"],
                                        kind="practice", phone="01632 960199")  # fmt: skip
    assert kept.phone == "01632 960101, option 2"
    assert services.set_phone(network.actor("manager"), "").phone == ""


@pytest.mark.parametrize("typed", ["ask at the desk", "0" * 41])
def test_what_is_no_number_is_refused_and_kept_on_the_page(signed_in, typed):
    response = signed_in("manager").post("/staff/telephone", {"phone": typed})
    assert response.status_code == 422
    page = response.content.decode()
    assert f'value="{typed}"' in page and "Error: Staff" in page


def test_nobody_else_enters_the_number(network, signed_in):
    assert signed_in("gp").post("/staff/telephone", {"phone": "01632 960101"}).status_code == 403
    with pytest.raises(AccessRefused):
        services.set_phone(network.actor("nurse"), "01632 960101")
