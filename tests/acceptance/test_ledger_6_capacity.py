"""Acceptance line 6: 12 hours of capacity in a week and 40 hours of duties: the list fits, the rest is dated, the sum is the whole."""

from __future__ import annotations

import html
import re
from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_world import TODAY
from stepwell.web.ledger.models import Duty
from stepwell.web.week.plan import WEEK, Fate, Pool, Rota, Work, plan
from stepwell.web.week.selectors import duties_of
from week_world import MONDAY, WeekWorld

HOUR = 60
CAPACITY, DUE = 12 * HOUR, 40 * HOUR
# Three half days of a nurse: 12 hours.
DAYS = [4 * HOUR, 0, 4 * HOUR, 0, 4 * HOUR, 0, 0]


@pytest.fixture
def world(db, settings, tmp_path):
    """Eighty people, each owed a blood test, a physical check and questions: 30 minutes of a nurse, 40 hours in all."""
    world = WeekWorld(settings, tmp_path)
    for number in range(80):
        person = world.person(f"Person {number:02d}", points=number % 7)
        due = TODAY - timedelta(days=number % 40)
        for rule in ("antipsychotic.hba1c", "antipsychotic.lipids", "antipsychotic.weight", "antipsychotic.pulse", "antipsychotic.smoking"):
            world.duty(person, rule, subject="olanzapine", due=due)
    world.hours(DAYS)
    return world


def pages(client, listed):
    """Every page of one list of the week, as text."""
    address, found = f"/week?from={MONDAY}&list={listed}&size=100", []
    while address:
        response = client.get(address)
        assert response.status_code == 200
        found.append(" ".join(response.content.decode().split()))
        following = re.search(r'<a rel="next" href="([^"]+)">Next page', found[-1])
        address = f"/week{html.unescape(following.group(1))}" if following else ""
    return found


def rows(found):
    """(person, minutes, when) of every piece of work."""
    row = re.compile(r'class="sw-person"><strong>([^<]+)</strong>(.*?)data-label="(?:When|Reached)"><span class="[^"]*">([^<]+)</span>')
    piece = re.compile(r'<strong>[^<]+</strong> <span class="sw-quiet">(\d+)min</span>')
    return [
        (name, minutes, when) for page in found for name, between, when in row.findall(page) for minutes in piece.findall(between)
    ]  # fmt: skip


def test_the_list_shown_fits_the_rest_is_dated_and_the_sum_is_the_whole(world):
    client = world.client("manager")
    fits, rest = pages(client, "fits"), pages(client, "rest")
    heading = re.search(r"<h1>(.*?)</h1>", fits[0]).group(1)
    assert heading == "12hr of 40hr of work fit into the week of 01-Jun-2026; 28hr wait"
    assert "40hr due by Sun 07-Jun-2026 = 12hr this week + 28hr in later weeks" in fits[0]
    shown, waiting = rows(fits), rows(rest)
    # The list shown fits into the hours, day by day.
    assert sum(int(minutes) for _, minutes, _ in shown) == CAPACITY
    by_day = Counter()
    for _, minutes, day in shown:
        by_day[day] += int(minutes)
    assert by_day == {"Mon 01-Jun-2026": 4 * HOUR, "Wed 03-Jun-2026": 4 * HOUR, "Fri 05-Jun-2026": 4 * HOUR}
    # The rest is dated, each with the week in which 12 hours a week reach it.
    assert sum(int(minutes) for _, minutes, _ in waiting) == DUE - CAPACITY
    by_week = Counter()
    for _, minutes, week in waiting:
        by_week[week] += int(minutes)
    assert by_week == {"week of 08-Jun-2026": 12 * HOUR, "week of 15-Jun-2026": 12 * HOUR, "week of 22-Jun-2026": 4 * HOUR}
    # The sum is the whole: every person with every piece of work, once.
    assert len(shown) + len(waiting) == 240
    assert Counter(name for name, _, _ in shown + waiting) == {f"WEEK, Person {number:02d}": 3 for number in range(80)}
    assert Counter(minutes for _, minutes, _ in shown + waiting) == {"10": 240}
    # And everything that waits says who carries it until then.
    assert all(page.count('data-label="Risk">Riverside Surgery, practice nurse') == page.count('class="sw-person"') for page in rest)


def test_every_duty_is_in_exactly_one_piece(world):
    week = world.week()
    behind = duties_of(week.asked, [each.work.key for each in week.plan.placed])
    found = Counter(duty.pk for duties in behind.values() for duty in duties)
    assert found == {pk: 1 for pk in Duty.objects.values_list("pk", flat=True)}
    assert {key: len(duties) for key, duties in behind.items()} == {each.work.key: each.work.duties for each in week.plan.placed}


def test_who_has_more_points_is_seen_first(world):
    points = [each.work.points for each in sorted(world.week().plan.placed, key=lambda each: (each.fate is not Fate.FITS, each.week))]
    assert points == sorted(points, reverse=True)


NURSE = Pool("A81001", "nurse")


@st.composite
def forty_hours(draw):
    """Pieces of 5 to 60 minutes that add up to 40 hours."""
    pieces, left = [], DUE
    while left:
        pieces.append(min(left, draw(st.sampled_from([5, 10, 15, 20, 30, 60]))))
        left -= pieces[-1]
    return pieces


@settings(deadline=None, max_examples=60)
@given(forty_hours(), st.permutations([4 * HOUR, 3 * HOUR, 2 * HOUR, 2 * HOUR, HOUR, 0, 0]), st.randoms(use_true_random=False))
def test_of_any_forty_hours_twelve_are_shown_at_most_and_none_is_lost(pieces, hours, chance):
    work = [
        Work(number, NURSE.org_code, "blood", "", NURSE, minutes, 1, chance.randrange(9), 0, TODAY - timedelta(days=chance.randrange(400)))
        for number, minutes in enumerate(pieces)
    ]
    days: dict[date, int] = {MONDAY + timedelta(days=number): minutes for number, minutes in enumerate(hours)}
    found = plan(work, Rota({NURSE: days}, {NURSE: list(hours)}), MONDAY)
    assert found.hours_of(NURSE) == CAPACITY
    # Only the end of a day that is shorter than the shortest piece left can stay empty: here 4 x 60 minutes at the very most.
    assert CAPACITY - 5 * HOUR < found.minutes(Fate.FITS) <= CAPACITY
    assert found.minutes(Fate.FITS) + found.minutes(Fate.LATER) == found.minutes() == DUE
    assert all(each.week > MONDAY and (each.week - MONDAY) % WEEK == timedelta() for each in found.of(Fate.LATER))
    assert sorted(each.work.person_id for each in found.placed) == list(range(len(pieces)))
