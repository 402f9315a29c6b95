"""How often something may be done: counted per person and thing, forgotten in time, keeping no name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

import web_support
from stepwell.web.core import limits
from stepwell.web.core.models import RateUse

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_so_many_and_no_more_until_time_has_passed():
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(3):
            assert limits.take("k", "v", most=3, within=MINUTE)
            clock.shift(timedelta(seconds=10))
        assert not limits.take("k", "v", most=3, within=MINUTE)
        assert limits.take("k", "w", most=3, within=MINUTE)
        assert limits.take("other", "v", most=3, within=MINUTE)
        clock.shift(timedelta(seconds=30))
        assert limits.take("k", "v", most=3, within=MINUTE)  # the first is a minute old
        assert not limits.take("k", "v", most=3, within=MINUTE)


def test_what_was_refused_does_not_count_against_the_next():
    with time_machine.travel(START, tick=False) as clock:
        limits.take("k", "v", most=1, within=MINUTE)
        for _ in range(20):
            assert not limits.take("k", "v", most=1, within=MINUTE)
        clock.shift(MINUTE)
        assert limits.take("k", "v", most=1, within=MINUTE)


def test_a_limit_refuses_with_words_and_is_recorded(network):
    actor = network.actor("gp")
    limits.limit(actor, "export", most=1, within=timedelta(hours=1))
    with web_support.recorded() as trail, pytest.raises(limits.TooMany, match="1 times in 60 minutes"):
        limits.limit(actor, "export", most=1, within=timedelta(hours=1))
    assert [(entry.user_name, entry.action) for entry in trail.refusals()] == [("Dr Amara Osei", "export")]
    limits.limit(network.actor("nurse"), "export", most=1, within=timedelta(hours=1))


def test_nothing_of_whom_or_what_is_kept(network):
    limits.take("code", "amara.osei 9990000018", most=5, within=MINUTE)
    assert "amara" not in str(list(RateUse.objects.values()))
    assert len(RateUse.objects.get().key) == 64


def test_old_rows_go_and_forgetting_begins_anew():
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(4):
            limits.take("k", "v", most=5, within=MINUTE)
        clock.shift(timedelta(days=1, seconds=1))
        limits.take("k", "v", most=5, within=MINUTE)
        assert RateUse.objects.count() == 1
        limits.take("k", "v", most=2, within=MINUTE)
        limits.forget("k", "v")
        assert limits.take("k", "v", most=1, within=MINUTE)


def test_searching_again_and_again_stops_and_says_so(signed_in, settings):
    settings.SEARCHES_MOST = 2
    client = signed_in("gp")
    for _ in range(2):
        assert client.post("/search", {"family": "Nobody"}).status_code == 200
    with web_support.recorded() as trail:
        response = client.post("/search", {"family": "Nobody"})
    assert response.status_code == 429
    assert "You have done this 2 times in 10 minutes" in response.content.decode()
    assert "Nobody" not in response.content.decode()
    assert [entry.action for entry in trail.refusals()] == ["search for patients"]
    assert client.get("/search").status_code == 200
