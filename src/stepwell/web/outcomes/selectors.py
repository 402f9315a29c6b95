"""Reads of outcomes: cases of a period, what is issued no longer, what was reinvested, and the box beside a plan.

Who opens people's records sees cases of people they may open, without what is restricted from them; who sees numbers only, those of
everything below their organisation, rounded, and no person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from stepwell import knowledge
from stepwell.knowledge.tapering import ServiceResult, TaperService, rule_of
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.outcomes import counting
from stepwell.web.outcomes.choices import choices, prices
from stepwell.web.outcomes.counting import Case, Freed, Recorded, Rounding
from stepwell.web.outcomes.models import Reinvestment
from stepwell.web.preparation import selectors as preparation
from stepwell.web.privacy import restrict
from stepwell.web.reviews import selectors as reviews
from stepwell.web.reviews.models import Decided
from stepwell.web.tapers import selectors as tapers
from stepwell.web.tapers import support
from stepwell.web.tapers.models import PlanState, TaperPlan

OTHER = "other"  # medicines that no rule of reducing covers
STEP_BACK = "step back"
_NOBODY_KNOWS = (PlanState.LEFT, PlanState.DECLINED)  # after these ends the plan tells no dose


@dataclass(frozen=True, slots=True)
class Span:
    """A period, both days in it."""

    since: date
    until: date


def span_of(months: int | None, today: date) -> Span:
    """The last so many months until today; as many as `choices` says where none of its periods was asked for."""
    chosen = months if months in choices().periods else choices().months
    return Span(_months_before(today, chosen or choices().months), today)


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, 28))


def counts_only(actor: Actor) -> bool:
    """Whether the actor sees numbers and no person."""
    return not actor.may(Permission.VIEW_PATIENT)


def rounding_for(actor: Actor) -> Rounding | None:
    return file_rounding() if counts_only(actor) else None


def file_rounding() -> Rounding:
    """Of everything that leaves as a file."""
    return Rounding(choices().smallest, choices().rounded)


def organisations_of(actor: Actor) -> list[str]:
    if counts_only(actor):
        return sorted({actor.organisation, *accounts.below(actor.organisation, clock.today())})
    return list(actor.organisations)


def class_key(substance: str) -> str:
    rule = rule_of(knowledge.load(), substance)
    return rule.taper_rule if rule is not None else OTHER


def class_labels() -> dict[str, str]:
    return {key: rule.label for key, rule in knowledge.load().taper_rules.items()} | {OTHER: "Other medicines"}


# Cases


@dataclass(frozen=True, slots=True)
class Found:
    """Cases of a period, one of each medicine of a person, and every plan. `people` by key, cut for the actor (empty for who sees numbers
    only). `unread`: records whose doses over time were not read because there are too many."""

    cases: tuple[Case, ...]
    plans: tuple[Case, ...]
    people: Mapping[int, PersonRecord]
    unread: int = 0


def cases_for(actor: Actor, span: Span, kind: str = "") -> Found:
    """Of every medicine that was reviewed in the period, or whose reduction was proposed or went on in it, how it came out by today.
    `kind`: of one class only."""
    plans, decided = _plans(actor, span), reviews.decided_at(organisations_of(actor), span.since, span.until)
    if kind:
        plans = [row for row in plans if class_key(row.substance) == kind]
        decided = [row for row in decided if class_key(row.substance) == kind]
    plans, decided, people = _for_reader(actor, plans, decided)
    reader = _Doses()
    checks, backs = tapers.check_ins_in(row.pk for row in plans), tapers.steps_back_in(row.pk for row in plans)
    found = [_of_plan(row, people[row.person_id], checks.get(row.pk, ()), backs.get(row.pk, 0)) for row in plans]
    planned = {(case.person_id, case.substance) for case in found}
    rest = {(row.person_id, row.substance): row for row in decided if (row.person_id, row.substance) not in planned}
    reviewed = [_of_review(row, people[row.person_id], reader) for row in rest.values()]
    return Found(tuple(counting.one_each([*found, *reviewed])), tuple(found), {} if counts_only(actor) else people, reader.left)


def _plans(actor: Actor, span: Span) -> list[TaperPlan]:
    rows = tapers.plans_at(organisations_of(actor)).filter(proposed_on__lte=span.until)
    return [row for row in rows if row.ended_on is None or row.ended_on >= span.since]


def _for_reader(
    actor: Actor, plans: Sequence[TaperPlan], decided: Sequence[Decided]
) -> tuple[list[TaperPlan], list[Decided], dict[int, PersonRecord]]:
    people = {row.person_id: row.person for row in plans} | {row.person_id: row.person for row in decided}
    if counts_only(actor):
        return list(plans), list(decided), people
    may = set(ledger.visible_ids(actor, clock.today()).filter(person_id__in=list(people)))
    people = {key: person for key, person in people.items() if key in may}
    cuts = restrict.cut_for(actor, list(people.values()))
    keeps: Callable[[Any], bool] = lambda row: row.person_id in people and not cuts[row.person_id].hides_medicine(row.substance)  # noqa: E731
    return [row for row in plans if keeps(row)], [row for row in decided if keeps(row)], people


def _of_plan(row: TaperPlan, person: PersonRecord, checks: Sequence[Any], back: int) -> Case:
    today = clock.today()
    now = tapers.standing(row).dose_ug if row.started_on else row.from_ug
    facts = counting.PlanFacts(row.outcome if row.ended_on else "", row.started_on is not None, row.from_ug, now)
    outcome = counting.of_plan(facts, knowledge.load().taper_outcomes)
    again = watched = None
    if outcome == counting.STOPPED and row.ended_on is not None:
        again = counting.supplied_again(recorded(person, row.substance), row.ended_on, choices().again_days)
        watched = (today - row.ended_on).days >= choices().again_days
    return Case(
        row.person_id, row.substance, class_key(row.substance), row.org_code, row.started_on or row.proposed_on, outcome, "plan", row.pk,
        row.from_ug, None if outcome == counting.UNKNOWN else now, row.unit, counting.weeks_between(row.started_on, row.ended_on),
        again, bool(watched), sum(_is_severe(row.substance, each.rating) for each in checks), back, PlanState(row.state).label,
    )  # fmt: skip


def _is_severe(substance: str, rating: int) -> bool:
    return rule_of(knowledge.load(), substance) is not None and support.read_rating(substance, rating).advice == STEP_BACK


def _of_review(row: Decided, person: PersonRecord, reader: _Doses) -> Case:
    told = recorded(person, row.substance)
    then = partial(reader.dose_on, row.person_id, row.substance, row.held_on)
    outcome = counting.of_review(row.decision, row.held_on, told, then)
    now = told.daily_ug if told is not None and told.current else None
    return Case(
        row.person_id, row.substance, class_key(row.substance), row.review.org_code, row.held_on, outcome, "review", row.review_id,
        now_ug=now, unit="mg", state=row.label,
    )  # fmt: skip


def recorded(person: PersonRecord, substance: str) -> Recorded | None:
    """What the person's record says of the medicine today; None where it is not on it."""
    row = next((each for each in person.medicines if each["substance"] == substance), None)
    if row is None:
        return None
    return Recorded(
        row["status"] == "current", _day(row["started_on"]), _day(row["last_change_on"]), _day(row["last_issued_on"]), row["daily_ug"]
    )


def _day(value: Any) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


class _Doses:
    """Doses over time, read from the record store for those few whose dose changed since a review, at most so many."""

    def __init__(self) -> None:
        self._read: dict[int, Any] = {}
        self.left = 0

    def dose_on(self, person_id: int, substance: str, day: date) -> int | None:
        if person_id not in self._read:
            if len(self._read) >= choices().most_read:
                self.left += 1
                return None
            self._read[person_id] = preparation.clinical_history(person_id, clock.today())
        doses = [dose for course in self._read[person_id].courses if course.substance == substance for dose in course.doses]
        return next((dose.daily_ug for dose in doses if dose.from_on <= day < dose.to_on), None)


# What is issued no longer


@dataclass(frozen=True, slots=True)
class Released:
    """By medicine: plans behind it, items a month before and now, items and pence not issued in the period; `pence` is None where the
    source has no price."""

    substance: str
    plans: tuple[int, ...]
    before: int
    now: int
    item_days: int
    pence: float | None

    @property
    def items(self) -> float:
        return counting.items_of(self.item_days, choices().items_a_month)


def released_for(actor: Actor, span: Span) -> list[Released]:
    """What plans on their way or at their end made unnecessary in the period, the most items first. A plan whose medicine the record shows
    supplied again counts until its end, one that is not followed here until
    then, and one whose calendar ran out to nothing until then."""
    plans = [row for row in _plans(actor, span) if row.started_on is not None]
    plans, _, people = _for_reader(actor, plans, [])
    rows: dict[str, list[Freed]] = {}
    for plan in plans:
        rows.setdefault(plan.substance, []).append(_freed(plan, people[plan.person_id], span))
    found = []
    for substance, freed in rows.items():
        days, price = sum(each.item_days for each in freed), prices().get(substance)
        pence = None if price is None else counting.items_of(days, choices().items_a_month) * price.average_pence
        keys = tuple(each.plan_id for each in freed)
        found.append(Released(substance, keys, sum(each.before for each in freed), sum(each.now for each in freed), days, pence))
    return sorted(found, key=lambda each: (-each.item_days, each.substance))


def _freed(plan: TaperPlan, person: PersonRecord, span: Span) -> Freed:
    changes, lines = tapers.way_of(plan, span.until)
    until = span.until
    if plan.ended_on is None and changes and changes[-1][1] == 0:
        until = changes[-1][0] - timedelta(1)  # nobody has said yet that it has stopped
    if plan.ended_on is not None:
        again = counting.supplied_again(recorded(person, plan.substance), plan.ended_on, choices().again_days)
        if plan.state in _NOBODY_KNOWS or (plan.state == PlanState.STOPPED and again is not None):
            until = min(until, plan.ended_on)
    return Freed(plan.person_id, plan.substance, plan.pk, *counting.freed_days(changes, lines, span.since, until))


def reinvested(actor: Actor, span: Span | None = None) -> list[Reinvestment]:
    """What the actor's own organisation put where, the newest first; without what was entered in error."""
    rows = Reinvestment.objects.filter(org_code=actor.organisation, in_error_of__isnull=True, taken_back_by__isnull=True)
    if span is not None:
        rows = rows.filter(on__range=(span.since, span.until))
    return list(rows.order_by("-on", "-id"))


def reinvestment_row(actor: Actor, key: int) -> Reinvestment | None:
    return Reinvestment.objects.filter(pk=key, org_code=actor.organisation, in_error_of__isnull=True).first()


# Beside a plan


@dataclass(frozen=True, slots=True)
class Box:
    """How plans of a class ended here, and what services published. `parts`: (outcome in words, how many), those that occur; `total` of
    them ended, `going` are on their way."""

    label: str
    total: int
    parts: tuple[tuple[str, int], ...]
    going: int
    since: date
    until: date
    services: tuple[TaperService, ...]

    @property
    def published(self) -> list[tuple[str, ServiceResult, str]]:
        """(service, result, its figure in words): of those that worked with the class, who stopped or went down."""
        return [
            (service.label, result, counting.published_words(result))
            for service in self.services
            for result in service.results
            if result.outcome in (counting.STOPPED, counting.REDUCED)
        ]


def services_of(kind: str = "") -> list[TaperService]:
    """Published services that worked with the class, or with several; all without one."""
    found = knowledge.load().taper_services.values()
    return [each for each in found if not kind or not each.classes or kind in each.classes]


def box_for(actor: Actor, substance_class: str) -> Box | None:
    """`substance_class`: key of a taper rule. None for whoever may not see outcomes, or where nothing is known of the class. One query
    counts what the outcomes page tells one by one: it stands on every plan's page."""
    if not actor.may(Permission.VIEW_OUTCOMES) or counts_only(actor) or substance_class not in knowledge.load().taper_rules:
        return None
    span = span_of(None, clock.today())
    medicines = [each for each in knowledge.load().members[knowledge.load().taper_rules[substance_class].set]
                 if class_key(each) == substance_class]  # fmt: skip
    numbers, going = tapers.ended_and_going(actor, medicines, span.since, span.until)
    parts = tuple((each.label, numbers[key]) for key, each in knowledge.load().taper_outcomes.items() if numbers.get(key))
    return Box(
        class_labels()[substance_class], sum(numbers.values()), parts, going, span.since, span.until,
        tuple(each for each in services_of(substance_class) if substance_class in each.classes),
    )  # fmt: skip


def names_of(codes: Iterable[str]) -> dict[str, str]:
    names = accounts.organisation_names()
    return {code: names.get(code, code) for code in codes}
