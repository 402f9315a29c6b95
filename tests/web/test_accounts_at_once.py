"""Two at the same moment: a limit holds exactly, a link works once, and two managers cannot end each other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

import web_support
from stepwell.errors import Refused
from stepwell.web.accounts import selectors, services, staff
from stepwell.web.core import clock, limits
from stepwell.web.core.actor import Actor

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system("tests")


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each gives, or its refusal; they begin together, each on its own connection."""
    gate = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        try:
            gate.wait()
            return act()
        except Refused as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.fixture
def network(transactional_db):
    return web_support.build_network()


def test_a_limit_holds_exactly(transactional_db):
    taken = at_once(*[lambda: limits.take("k", "v", most=3, within=timedelta(minutes=1))] * 12)
    assert sorted(taken) == [False] * 9 + [True] * 3


def test_a_link_works_once(network):
    user, token = staff.invite(network.actor("manager"), username="x", name="X", role_key="nurse", from_on=clock.today())
    done = at_once(*[lambda: staff.use_invitation(token, "a long walk down the steps")] * 6)
    assert sum(given == user for given in done) == 1
    assert sum(isinstance(given, Refused) for given in done) == 5


def test_two_managers_cannot_end_each_other(network):
    practice, nurse = network.organisations["P1"], network.members["nurse"].user
    second = services.add_membership(
        SYSTEM, user=nurse, organisation=practice, role_key="practice manager", from_on=web_support.LONG_AGO
    )  # fmt: skip
    first, today = network.members["manager"], clock.today()
    actors = [selectors.actor_for(row, today) for row in (first, second)]
    done = at_once(
        lambda: services.end_membership(actors[0], second, to_on=today),
        lambda: services.end_membership(actors[1], first, to_on=today),
    )
    assert sum(isinstance(given, Refused) for given in done) == 1
    managing = [row for row in (first, second) if selectors.membership_in_force(row.user, row.pk, today)]
    assert len(managing) == 1


def test_a_practice_joins_one_pcn(network):
    networks = [services.create_organisation(SYSTEM, code=f"N{number}", name=f"PCN {number}", kind="pcn") for number in range(2, 6)]
    practice = network.organisations["P3"]
    done = at_once(
        *[lambda pcn=pcn: services.cover_practice(SYSTEM, pcn=pcn, practice=practice, from_on=clock.today()) for pcn in networks]
    )
    assert sum(isinstance(given, Refused) for given in done) == 3
    assert len(selectors.wholes_of("P3", clock.today())) == 1
