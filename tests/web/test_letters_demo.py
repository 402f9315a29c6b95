"""The demo's letters, told of a few worked people."""

from __future__ import annotations

import pytest

from ledger_world import IRIS, World
from stepwell.web.demo import letters as demo
from stepwell.web.letters import selectors
from stepwell.web.letters.models import Letter

pytestmark = pytest.mark.django_db

LITHIUM = ["diagnosis bipolar on 2018-02-01", "lithium 800 mg daily from 2024-06-10 every 28 days by trust"]


def test_the_demo_has_letters_in_every_state(settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS, "Ada": LITHIUM, "Ben": LITHIUM, "Cy": LITHIUM})
    world.catch_up()
    staff = {"lena.hart": world.actor("psychiatrist"), "amara.osei": world.actor("gp")}
    assert demo.letters(world.today, lambda name, on: staff[name]) == 3
    assert selectors.counts(staff["amara.osei"]) == {"new": 1, "waiting": 1, "read": 2}
    assert selectors.unnoted(staff["lena.hart"]) == 1
    assert len(selectors.drafts_for(staff["lena.hart"])) == 1
    enough = Letter.objects.order_by("pk").first()
    assert enough.percent > Letter.objects.order_by("pk").last().percent
    assert selectors.judgement_of(enough).answer == "yes"
