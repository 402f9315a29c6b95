"""Two triagers answer the same request at the same moment: one answer holds, the other person reads what happened."""

from __future__ import annotations

from datetime import timedelta

import pytest
from test_accounts_at_once import at_once

from requests_world import TODAY, RequestsWorld
from stepwell.web.service_requests import selectors, services
from stepwell.web.service_requests.models import EventKind

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db, settings, tmp_path, monkeypatch):
    world = RequestsWorld(settings, tmp_path)
    world.quiet(monkeypatch)
    return world


def test_one_answer_holds(world):
    pk = world.ask(world.person("Ada"))
    seen = world.row(pk).version
    first, second = world.actor("psychiatrist"), world.actor("therapy nurse")
    answers = at_once(
        lambda: services.take_on(first, pk, outcome="accept", why="We ring", seen_by=TODAY + timedelta(3), version=seen),
        lambda: services.advise(second, pk, advice="Try this", version=seen),
    )
    assert sum(isinstance(answer, services.Changed) for answer in answers) == 1
    assert len(selectors.events_of(pk)) == 2


def test_accepting_and_taking_back_at_once_leaves_one_owner(world):
    pk = world.ask(world.person("Ada"))
    world.redirect(pk, "triage", "side")
    taker, owner = world.actor("side worker"), world.actor("psychiatrist")
    answers = at_once(lambda: services.take_over(taker, pk), lambda: services.take_back(owner, pk, why="No answer"))
    assert sum(isinstance(answer, services.Done) for answer in answers) == 1
    row = world.row(pk)
    last = selectors.events_of(pk)[-1]
    assert (row.owner_org == taker.organisation) == (last.kind == EventKind.TAKEN_OVER)
    assert row.offered_service is None and last.owner_service_id == row.owner_service_id
