"""The planner by itself: order, days, later weeks, what cannot be placed, and that nothing is ever lost."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from stepwell.web.week.plan import WEEK, Coming, Fate, Pool, Rota, Work, in_order, monday_of, plan

MONDAY = date(2026, 6, 1)
NURSE, GP = Pool("A81001", "nurse"), Pool("A81001", "gp")
DAY = timedelta(days=1)


def work(person: int, minutes: int = 10, *, pool: Pool = NURSE, points: int = 0, due: date = MONDAY, **values) -> Work:
    return Work(person, pool.org_code, values.pop("task", "blood"), values.pop("share", ""), pool, minutes, 1, points, 0, due, **values)


def rota(minutes: list[int], *, usual: list[int] | None = None, pool: Pool = NURSE, **values) -> Rota:
    days = {MONDAY + number * DAY: each for number, each in enumerate(minutes)}
    return Rota({pool: days}, {pool: minutes if usual is None else usual}, **values)


def told(found) -> list[tuple[int, str, date | None]]:
    return [(each.work.person_id, each.fate.value, each.day or each.week) for each in found]


def test_the_list_is_cut_by_priority_and_the_rest_is_dated():
    found = plan([work(1, points=1), work(2, points=3), work(3, points=2), work(4), work(5)], rota([20, 0, 0, 0, 0, 0, 0]), MONDAY)
    assert told(found.fits) == [(2, "fits", MONDAY), (3, "fits", MONDAY)]
    assert told(found.overflow) == [(1, "later", MONDAY + WEEK), (4, "later", MONDAY + WEEK), (5, "later", MONDAY + 2 * WEEK)]


def test_a_tie_goes_to_the_higher_duty_then_to_what_has_been_due_longer():
    late, early, urgent = work(1), work(2, due=MONDAY - 9 * DAY), Work(3, "A81001", "blood", "", NURSE, 10, 1, 0, 5, MONDAY)
    found = plan([late, early, urgent], rota([10, 10, 10, 0, 0, 0, 0]), MONDAY)
    assert told(found.fits) == [(3, "fits", MONDAY), (2, "fits", MONDAY + DAY), (1, "fits", MONDAY + 2 * DAY)]


def test_what_is_too_long_for_one_day_goes_to_the_next_and_leaves_room_for_what_is_short():
    found = plan([work(1, 20, points=3), work(2, 20, points=2), work(3, 10, points=1)], rota([30, 20, 0, 0, 0, 0, 0]), MONDAY)
    assert told(found.fits) == [(1, "fits", MONDAY), (3, "fits", MONDAY), (2, "fits", MONDAY + DAY)]


def test_what_one_person_is_owed_stands_together():
    ada = [work(1, points=2, task="blood"), Work(1, "A81001", "check", "", NURSE, 10, 1, 2, 9, MONDAY), work(1, points=2, task="questions")]
    bo = Work(2, "A81001", "blood", "", NURSE, 10, 1, 2, 5, MONDAY)
    found = plan([ada[0], bo, ada[2], ada[1]], rota([60, 0, 0, 0, 0, 0, 0]), MONDAY)
    assert [(each.work.person_id, each.work.task) for each in found.fits] == [(1, "check"), (1, "blood"), (1, "questions"), (2, "blood")]


def test_roles_do_not_do_each_others_work():
    found = plan([work(1, pool=GP), work(2)], rota([10, 0, 0, 0, 0, 0, 0]), MONDAY)
    assert told(found.fits) == [(2, "fits", MONDAY)]
    assert told(found.overflow) == [(1, "no hours", None)]


def test_what_is_longer_than_any_day_says_so_and_holds_up_nobody():
    found = plan([work(1, 90, points=9), work(2, points=1), work(3)], rota([10, 0, 0, 0, 0, 0, 0]), MONDAY)
    assert told(found.overflow) == [(1, "too long", None), (3, "later", MONDAY + WEEK)]


def test_a_person_decides_before_the_order_does():
    decided = [work(1, points=9, not_before=MONDAY + 2 * WEEK), work(2, points=5), work(3, taken=True)]
    found = plan(decided, rota([10, 0, 0, 0, 0, 0, 0]), MONDAY)
    assert told(found.fits) == [(3, "fits", MONDAY)]
    assert told(found.overflow) == [(2, "later", MONDAY + WEEK), (1, "put off", MONDAY + 2 * WEEK)]


def test_put_off_within_the_week_waits_for_its_day():
    found = plan([work(1, not_before=MONDAY + 2 * DAY), work(2)], rota([10, 10, 10, 0, 0, 0, 0]), MONDAY)
    assert told(found.fits) == [(2, "fits", MONDAY), (1, "fits", MONDAY + 2 * DAY)]


def test_put_off_for_twenty_years_and_more_is_still_there():
    found = plan([work(1, not_before=date(2199, 1, 1))], rota([10, 0, 0, 0, 0, 0, 0]), MONDAY)
    assert told(found.overflow) == [(1, "put off", monday_of(date(2199, 1, 1)))]


def test_what_falls_due_later_takes_its_place_in_later_weeks():
    coming = [Coming(NURSE, 10, 1, 9, MONDAY + WEEK), Coming(NURSE, 10, 5, 0, MONDAY + WEEK)]
    found = plan([work(1), work(2, points=1)], rota([10, 0, 0, 0, 0, 0, 0]), MONDAY, arriving=coming)
    assert told(found.fits) == [(2, "fits", MONDAY)]
    assert told(found.overflow) == [(1, "later", MONDAY + 2 * WEEK)], "the more urgent newcomer has the next week, the other comes after"
    assert len(found.placed) == 2, "newcomers are not on the list"


def test_a_week_whose_hours_were_entered_counts_as_entered_and_holidays_have_none():
    usual = [10, 0, 0, 0, 0, 0, 0]
    closed = frozenset({MONDAY + WEEK})
    found = plan([work(1), work(2), work(3)], rota(usual, closed=closed), MONDAY)
    assert told(found.overflow) == [(2, "later", MONDAY + 2 * WEEK), (3, "later", MONDAY + 3 * WEEK)]
    entered = {MONDAY + WEEK: {NURSE: [0, 20, 0, 0, 0, 0, 0]}}
    found = plan([work(1), work(2), work(3)], rota(usual, closed=closed, entered=entered), MONDAY)
    assert told(found.overflow) == [(2, "later", MONDAY + WEEK), (3, "later", MONDAY + WEEK)]


def test_hours_in_one_later_week_only():
    entered = {MONDAY + 3 * WEEK: {NURSE: [10, 0, 0, 0, 0, 0, 0]}}
    found = plan([work(1), work(2)], rota([0] * 7, entered=entered), MONDAY)
    assert told(found.overflow) == [(2, "no hours", None), (1, "later", MONDAY + 3 * WEEK)]


def test_days_that_are_past_have_no_hours():
    days = {MONDAY + 4 * DAY: 10}
    found = plan([work(1), work(2)], Rota({NURSE: days}, {NURSE: [10] * 7}), MONDAY)
    assert told(found.placed) == [(1, "fits", MONDAY + 4 * DAY), (2, "later", MONDAY + WEEK)]


pieces = st.lists(
    st.tuples(
        st.sampled_from([5, 10, 15, 20, 30, 45, 90]),  # minutes
        st.integers(0, 6),  # points
        st.sampled_from([NURSE, GP, Pool("B82002", "pharmacist")]),
        st.integers(-400, 6),  # due, days from Monday
        st.one_of(st.none(), st.integers(-3, 40)),  # put off until
        st.booleans(),
    ),
    max_size=60,
)
weeks = st.dictionaries(
    st.sampled_from([NURSE, GP, Pool("B82002", "pharmacist")]), st.lists(st.sampled_from([0, 10, 30, 60, 240]), min_size=7, max_size=7)
)


def _work(rows) -> list[Work]:
    return [
        work(
            number, minutes, pool=pool, points=points, due=MONDAY + due * DAY, taken=taken,
            not_before=None if until is None or taken else MONDAY + until * DAY,
        )
        for number, (minutes, points, pool, due, until, taken) in enumerate(rows)
    ]  # fmt: skip


@given(pieces, weeks, weeks, weeks, st.frozensets(st.integers(7, 30), max_size=4), pieces)
def test_nothing_is_lost_and_nothing_is_overfilled(rows, this_week, usual, entered, closed, coming):  # noqa: PLR0917
    everything = _work(rows)
    newcomers = [Coming(each.pool, each.minutes, 1 + n % 3, each.points, MONDAY + WEEK + n * DAY) for n, each in enumerate(_work(coming))]
    days = {pool: {MONDAY + n * DAY: minutes for n, minutes in enumerate(week)} for pool, week in this_week.items()}
    later = {MONDAY + 2 * WEEK: entered} if entered else {}
    hours = Rota(days, usual, later, frozenset(MONDAY + n * DAY for n in closed))
    found = plan(everything, hours, MONDAY, arriving=newcomers)
    # Every piece exactly once, so the parts make the whole.
    assert Counter(each.work.key for each in found.placed) == Counter(each.key for each in everything)
    assert found.minutes() == sum(found.minutes(fate) for fate in Fate) == sum(each.minutes for each in everything)
    # No day and no later week holds more than its hours.
    for (pool, day), (_, minutes) in found.by_day.items():
        assert minutes <= days[pool][day]
    used: Counter[tuple[Pool, date]] = Counter()
    for each in found.overflow:
        if each.fate in (Fate.LATER, Fate.PUT_OFF):
            assert each.week is not None and each.week > MONDAY and each.week.weekday() == 0
            used[each.work.pool, each.week] += each.work.minutes
    for (pool, week), minutes in used.items():
        assert minutes <= sum(hours.week(pool, week))
    # What waits would not have fitted: no day had room for it once all that goes before it was placed.
    place = {each.key: number for number, each in enumerate(in_order(everything))}
    for each in found.of(Fate.LATER, Fate.NO_HOURS, Fate.TOO_LONG):
        for day, minutes in days.get(each.work.pool, {}).items():
            if each.work.not_before is not None and day < each.work.not_before:
                continue
            there = [other.work for other in found.fits if other.day == day and other.work.pool == each.work.pool]
            assert sum(other.minutes for other in there if place[other.key] < place[each.work.key]) + each.work.minutes > minutes
    # Nobody waits without a week where a usual day is long enough.
    for each in found.of(Fate.NO_HOURS, Fate.TOO_LONG):
        assert each.work.minutes > hours.longest_usual(each.work.pool)


@given(pieces, weeks, st.randoms(use_true_random=False))
def test_the_same_input_in_any_order_gives_the_same_plan(rows, usual, chance):
    everything = _work(rows)
    days = {pool: {MONDAY + n * DAY: minutes for n, minutes in enumerate(week)} for pool, week in usual.items()}
    hours = Rota(days, usual)
    shuffled = list(everything)
    chance.shuffle(shuffled)
    one, other = plan(everything, hours, MONDAY), plan(shuffled, hours, MONDAY)
    assert (one.fits, one.overflow) == (other.fits, other.overflow)


@given(pieces, weeks)
def test_more_hours_never_make_the_first_of_the_order_wait_longer(rows, usual):
    """The first piece of each pool that fits with few hours fits with more."""
    everything = [each for each in _work(rows) if each.not_before is None]
    few = {pool: {MONDAY + n * DAY: minutes for n, minutes in enumerate(week)} for pool, week in usual.items()}
    more = {pool: {day: minutes + 60 for day, minutes in week.items()} for pool, week in few.items()}
    placed_few = {each.work.key: each for each in plan(everything, Rota(few, usual), MONDAY).placed}
    placed_more = {each.work.key: each for each in plan(everything, Rota(more, usual), MONDAY).placed}
    for pool in few:
        first = next(iter(in_order([each for each in everything if each.pool == pool])), None)
        if first is not None and placed_few[first.key].fate is Fate.FITS:
            assert placed_more[first.key].fate is Fate.FITS
