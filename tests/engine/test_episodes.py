"""Treatment episodes: worked by hand, and against a plain loop over each person's issues."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.engine import episodes, stage_files
from stepwell.engine.episodes import Decisions

START = date(2024, 1, 1)
MILLION = 10**6


@dataclass(frozen=True)
class Issue:
    chain: int
    on_day: int  # from START
    days: int
    dose: int | None  # thousandths

    @property
    def millionths(self) -> int | None:
        return None if self.dose is None else self.dose * 1000


@dataclass(frozen=True)
class Course:
    chain: int
    course: int
    start: int
    end: int
    gap: Fraction
    censored: bool


def by_sql(issues: list[Issue], decisions: Decisions) -> list[Course]:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute("CREATE TABLE issues (chain BIGINT, on_date DATE, days BIGINT, dose BIGINT, place BIGINT)")
        rows = [
            (each.chain, START + timedelta(each.on_day), each.days, each.millionths if decisions.dose_aware else 1, place)
            for place, each in enumerate(issues)
        ]
        connection.executemany("INSERT INTO issues VALUES (?, ?, ?, ?, ?)", rows)
        episodes.compute(connection, decisions)
        found = connection.execute("SELECT chain, course, start_on, end_on, gap, censored FROM courses ORDER BY ALL").fetchall()
    return [
        Course(chain, course, (start - START).days, (end - START).days, Fraction(gap).limit_denominator(MILLION), censored)
        for chain, course, start, end, gap, censored in found
    ]


def by_hand(issues: list[Issue], decisions: Decisions) -> list[Course]:
    """The definition, one issue after the other."""
    until = (decisions.until - START).days
    chains: dict[int, dict[int, list[Issue]]] = defaultdict(lambda: defaultdict(list))
    for issue in issues:
        chains[issue.chain][issue.on_day].append(issue)
    return [course for chain in sorted(chains) for course in _courses_of(chain, chains[chain], until, decisions)]


def _courses_of(chain: int, by_day: dict[int, list[Issue]], until: int, decisions: Decisions) -> list[Course]:
    events: list[tuple[int, Fraction, Fraction]] = []  # day, dose, units supplied
    doses = [_dose_of(rows, decisions) for _, rows in sorted(by_day.items())]
    known = next((dose for dose in doses if dose is not None), Fraction(1))
    for (day, rows), dose in zip(sorted(by_day.items()), doses, strict=True):
        known = dose if dose is not None else known
        if decisions.same_day == "regimen":
            units = max(row.days for row in rows) * known
        elif dose is None or not decisions.dose_aware:
            units = sum(row.days for row in rows) * known
        else:
            units = sum((row.days * Fraction(row.dose or 0) for row in rows), Fraction(0))
        events.append((day, known, units))
    made: list[Course] = []
    held, begun = Fraction(0), events[0][0]
    for place, (day, dose, units) in enumerate(events):
        last = place == len(events) - 1
        following = until if last else events[place + 1][0]
        stock = held + units
        left = stock - (following - day) * dose
        gap = max(Fraction(0), -left) / dose
        ended = gap > decisions.gap_days
        if ended or last:
            end = day + stock // dose if ended else until
            made.append(Course(chain, len(made) + 1, begun, int(end), gap, not ended))
            begun = following
        held = max(Fraction(0), left)
        if not last and decisions.carry_cap_days is not None:
            held = min(held, decisions.carry_cap_days * events[place + 1][1])
    return made


def _dose_of(rows: list[Issue], decisions: Decisions) -> Fraction | None:
    if not decisions.dose_aware:
        return Fraction(1)
    doses = [row.dose for row in rows]
    if None in doses:
        return None
    return Fraction(sum(doses)) if decisions.same_day == "regimen" else Fraction(doses[-1])


def decided(until: int, **changes: object) -> Decisions:
    base: dict[str, object] = {"gap_days": 60, "carry_cap_days": 28, "same_day": "regimen", "dose_aware": True}
    return Decisions(**(base | changes), until=START + timedelta(until))


def spans(issues: list[tuple[int, int, int | None]], decisions: Decisions) -> list[tuple[int, int, Fraction, bool]]:
    """(start, end, gap, censored) of one person's courses; both ways must say the same."""
    listed = [Issue(1, *issue) for issue in issues]
    found = by_sql(listed, decisions)
    assert found == by_hand(listed, decisions)
    return [(course.start, course.end, course.gap, course.censored) for course in found]


def test_a_gap_of_sixty_days_stays_and_of_sixty_one_ends_a_course() -> None:
    # 28 days from day 0 end on day 28; the next issue comes 60, or 61, days later.
    assert spans([(0, 28, 1), (88, 28, 1)], decided(120)) == [(0, 120, 4, True)]
    assert spans([(0, 28, 1), (89, 28, 1)], decided(120)) == [(0, 28, 61, False), (89, 120, 3, True)]


def test_the_last_course_is_censored_until_the_gap_has_fully_elapsed() -> None:
    assert spans([(0, 28, 1)], decided(20)) == [(0, 20, 0, True)]
    assert spans([(0, 28, 1)], decided(88)) == [(0, 88, 60, True)]
    assert spans([(0, 28, 1)], decided(89)) == [(0, 28, 61, False)]


def test_early_issues_are_carried_over_up_to_the_cap() -> None:
    # Four issues of 28 days a week apart: 21 days are left over each time, 63 at the last one.
    early = [(0, 28, 1), (7, 28, 1), (14, 28, 1), (21, 28, 1)]
    assert spans(early, decided(400, carry_cap_days=None)) == [(0, 112, 288, False)]
    assert spans(early, decided(400)) == [(0, 77, 323, False)]
    assert spans(early, decided(400, carry_cap_days=0)) == [(0, 49, 351, False)]


def test_a_gap_spends_what_was_left_and_is_not_made_good() -> None:
    # 14 days are missing before day 42; the supply of day 42 does not fill them.
    assert spans([(0, 28, 1), (42, 28, 1)], decided(200, carry_cap_days=None)) == [(0, 70, 130, False)]


def test_what_is_left_lasts_half_as_long_at_twice_the_dose() -> None:
    # 14 days at 10 are left on day 14: 7 days at 20.
    doubled = [(0, 28, 10), (14, 28, 20)]
    assert spans(doubled, decided(200)) == [(0, 49, 151, False)]
    assert spans(doubled, decided(200, dose_aware=False)) == [(0, 56, 144, False)]
    # 14 days at 20 are left: 28 days at 10, and 21 days at 20 would be 42 at 10, of which the cap leaves 28.
    assert spans([(0, 28, 20), (14, 28, 10)], decided(200)) == [(0, 70, 130, False)]
    assert spans([(0, 28, 20), (7, 28, 10)], decided(200)) == [(0, 63, 137, False)]
    assert spans([(0, 28, 20), (7, 28, 10)], decided(200, carry_cap_days=None)) == [(0, 77, 123, False)]


def test_a_part_of_a_day_is_kept_in_the_gap() -> None:
    # 1 day at 10 is left on day 27: a third of a day at 30. Supply runs out during day 55.
    assert spans([(0, 28, 10), (27, 28, 30)], decided(200)) == [(0, 55, Fraction(434, 3), False)]
    # 60 and a part of a day is more than 60; 59 and a part is not.
    assert len(spans([(0, 28, 10), (27, 28, 30), (116, 28, 30)], decided(130))) == 2
    assert len(spans([(0, 28, 10), (27, 28, 30), (115, 28, 30)], decided(130))) == 1


def test_two_rows_of_a_day_are_one_regimen_or_a_stack() -> None:
    two = [(0, 28, 5), (0, 21, 10)]
    assert spans(two, decided(200)) == [(0, 28, 172, False)]
    # 28 × 5 + 21 × 10 = 350, taken at the last row's 10 a day.
    assert spans(two, decided(200, same_day="stack")) == [(0, 35, 165, False)]
    assert spans(two, decided(200, same_day="stack", dose_aware=False)) == [(0, 49, 151, False)]
    # A regimen's dose is the sum: the 14 days at 15 left on day 14 are 21 at 10, under the cap.
    assert spans([(0, 28, 5), (0, 21, 10), (14, 28, 10)], decided(200)) == [(0, 63, 137, False)]
    # When doses do not count, a day is a day however many strengths it has.
    assert spans([(0, 7, 1), (0, 7, 1), (1, 7, 1), (15, 7, 1)], decided(15, gap_days=0, carry_cap_days=None, dose_aware=False)) == [
        (0, 14, 1, False),
        (15, 15, 0, True),
    ]
    # A stack is not capped within its day.
    assert spans([(0, 28, 1), (0, 28, 1), (0, 28, 1)], decided(200, same_day="stack")) == [(0, 84, 116, False)]


def test_an_unknown_dose_is_that_of_the_issue_before_else_after() -> None:
    known = spans([(0, 28, 20), (14, 28, 20), (28, 28, 10)], decided(200))
    assert spans([(0, 28, 20), (14, 28, None), (28, 28, 10)], decided(200)) == known
    assert spans([(0, 28, None), (14, 28, 20), (28, 28, 10)], decided(200)) == known
    assert spans([(0, 28, None), (14, 28, None)], decided(200)) == [(0, 56, 144, False)]


def test_the_cap_is_looked_at_only_where_it_binds() -> None:
    heard: list[str] = []
    with duckdb.connect() as connection:
        on_date = "DATE '2024-01-01' + CAST(n * 28 AS INTEGER)"
        connection.execute(f"CREATE TABLE issues AS SELECT 1 AS chain, {on_date} AS on_date, 28 AS days, 1 AS dose FROM range(40) AS r(n)")
        episodes.compute(connection, decided(2000), heard.append)
    assert "clamps" in heard and "clamp_pass" not in heard


ISSUES = st.lists(
    st.builds(
        Issue,
        st.integers(1, 4),
        st.one_of(st.integers(0, 60), st.integers(0, 500), st.integers(0, 40).map(lambda n: n * 7)),
        st.one_of(st.sampled_from([7, 14, 28, 56, 84]), st.integers(1, 400)),
        st.one_of(st.sampled_from([1, 2, 5, 10, 20, None]), st.integers(1, 5000)),
    ),
    min_size=1,
    max_size=60,
)


DECISIONS = st.fixed_dictionaries(
    {
        "gap_days": st.sampled_from([0, 1, 30, 60, 90]),
        "carry_cap_days": st.sampled_from([None, 0, 1, 28, 200]),
        "same_day": st.sampled_from(episodes.SAME_DAY),
        "dose_aware": st.booleans(),
    }
)


@settings(max_examples=120, deadline=None)
@given(issues=ISSUES, choices=DECISIONS, after=st.integers(0, 200))
def test_the_statements_do_what_the_loop_does(issues: list[Issue], choices: dict[str, object], after: int) -> None:
    decisions = decided(max(issue.on_day for issue in issues) + after, **choices)
    assert by_sql(issues, decisions) == by_hand(issues, decisions)


@pytest.mark.parametrize("file", sorted(Path(episodes.__file__).with_name("episode_stages").glob("*.sql")), ids=lambda file: file.stem)
def test_every_statement_states_its_contract(file: Path) -> None:
    stage = stage_files.parse(file.stem, file.read_text(encoding="utf-8"))
    assert stage.reads and stage.gives and stage.grain and stage.rule
