"""The demo's reviews and reductions: reviews closed and begun, answers given beforehand, and plans in every state.

What happened in the past is done on its day: the demo's day moves there and back, and everybody is evaluated once at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any

import msgspec
import yaml
from django.conf import settings
from django.db import transaction

from stepwell import knowledge
from stepwell.clinical.tapering.model import Request
from stepwell.errors import Refused
from stepwell.knowledge.tapering import guards_of
from stepwell.records.synthetic.stories import TWO_OWNERS
from stepwell.web.core.actor import Actor
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.evaluation import evaluated_later
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.portal import services as portal
from stepwell.web.portal.choices import choices as portal_choices
from stepwell.web.preparation.models import Way
from stepwell.web.preparation.selectors import history_of
from stepwell.web.preparation.services import record_answers
from stepwell.web.privacy import restrict
from stepwell.web.reviews import asks, facts, prefill
from stepwell.web.reviews import selectors as reviewed
from stepwell.web.reviews import services as reviews
from stepwell.web.tapers import checkins, own, pack_sending, planning, selectors, studio_facts, support
from stepwell.web.tapers import services as tapers
from stepwell.web.tapers.models import PlanState
from stepwell.web.tapers.said import PlanWords

PEOPLE = 300
SKIPPED = 30  # people at the top of the list have their own stories: asked last
TRIES = 6  # of people whom a plan is tried for: guards refuse some
CALM = timedelta(days=14)  # after a step back, somebody asks again
BEGINS_AFTER = timedelta(days=3)
Staff = Callable[[str, date], Actor]


class _Reviewed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    days: int
    by: str
    decision: str
    reason: str
    change: str = ""
    monitoring: str = ""


class _Answered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    days: int
    matters: str
    concerns: str
    words: str


class _Reduced(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See `reducing.yaml`."""

    substances: list[str]
    days: int
    by: str
    reviewed: bool = False
    lapsed: bool = False
    halfway: bool = False
    told: bool = False
    state: str = "reducing"
    ratings: list[int] = []
    end: str = ""
    end_days: int = 0
    why: str = ""


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    matters: list[str]
    own_words: list[str]
    symptoms: list[str]
    end_plan: str
    indication: str
    drafts: int
    reviews: list[_Reviewed]
    answers: list[_Answered]
    plans: list[_Reduced]
    diary: str
    ring: str
    rung: str
    slower: str


@cache
def _told() -> _Told:
    text = resources.files("stepwell.web.demo").joinpath("reducing.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), _Told)


@contextmanager
def _on(day: date) -> Iterator[None]:
    """The demo plays on this day, for as long as something of that day is done."""
    before, settings.AS_OF = settings.AS_OF, day
    try:
        yield
    finally:
        settings.AS_OF = before


def reduce(as_of: date, staff: Staff) -> int:
    """Plans, then reviews and answers of other people; gives how many of all of them there are."""
    used: set[int] = set()
    with evaluated_later():
        plans = sum(_plan(number, each, as_of, staff, used) for number, each in enumerate(_told().plans))
        _own_pages(staff("amara.osei", as_of), as_of)
        closed = sum(_review(each, as_of, staff, used) for each in _told().reviews)
        drafts = sum(_draft(staff(name, as_of), as_of, used) for name in ("amara.osei", "tom.reed")[: _told().drafts])
        answers = _answers(as_of, staff("amara.osei", as_of), used)
    return plans + closed + drafts + answers


def _people(actor: Actor, as_of: date, used: set[int]) -> Iterator[PersonRecord]:
    given, family = TWO_OWNERS
    rows = ledger.visible_to(actor, as_of).filter(death_date__isnull=True).exclude(gp_org="")
    rows = rows.exclude(given_name=given, family_name=family).order_by("-points", "person_id")
    return (record for record in (*rows[SKIPPED:PEOPLE], *rows[:SKIPPED]) if record.person_id not in used)


# Reductions


@dataclass(frozen=True, slots=True)
class _Taker:
    """Somebody with a medicine and what is taken of it a day by the record."""

    record: PersonRecord
    substance: str
    dose_ug: int


def _plan(number: int, each: _Reduced, as_of: date, staff: Staff, used: set[int]) -> bool:
    """One plan, of the first person who can be reduced so."""
    told = _told()
    words = PlanWords(told.matters[number % len(told.matters)], told.own_words[number % len(told.own_words)])
    for taker in islice(_takers(each, staff(each.by, as_of), as_of, used), TRIES):
        try:
            with transaction.atomic():
                _reduced(each, words, taker, as_of, staff)
        except Refused:
            continue
        used.add(taker.record.person_id)
        return True
    return False


def _takers(each: _Reduced, actor: Actor, as_of: date, used: set[int]) -> Iterator[_Taker]:
    """Who takes one of the medicines since before the plan; for `lapsed`, those whose supply has ended come first."""
    begun = as_of - timedelta(days=each.days)
    found: list[tuple[tuple[bool, int, int], _Taker]] = []
    for record in _people(actor, as_of, used):
        for row in record.medicines:
            started, lapsed = row["started_on"], row["status"] == "lapsed"
            if row["substance"] not in each.substances or not started or date.fromisoformat(started) >= begun:
                continue
            if row["as_required"] or row["dose_provenance"] == "estimated" or not row["daily_ug"] or (lapsed and not each.lapsed):
                continue
            rank = (lapsed != each.lapsed, each.substances.index(row["substance"]), len(found))
            found.append((rank, _Taker(record, row["substance"], row["daily_ug"])))
    ranked = sorted(found, key=lambda one: one[0])
    return (taker for _, taker in ranked if studio_facts.unit_of(taker.substance) == studio_facts.MG)


def _reduced(each: _Reduced, words: PlanWords, taker: _Taker, as_of: date, staff: Staff) -> None:
    """Proposed, agreed, begun and lived with, each on its day. Refused: by a guard, or by what the record holds."""
    day, person = as_of - timedelta(days=each.days), taker.record
    with _on(day):
        actor = staff(each.by, day)
        request = _request(each, taker, day)
        plan = planning.planned(request)
        review = _Reviewed(each.days, each.by, "taper", words.matters)
        review_id = _closed(actor, person, taker.substance, review, day) if each.reviewed else None
        plan_id = tapers.propose(actor, person.person_id, request, plan, words=words, review_id=review_id)
        if each.state == "proposed":
            return
        with_whom = f"{person.given_name} and {actor.display_name}"
        tapers.agree(actor, plan_id, clinician_id=reviews.user_of(actor), decided_with=with_whom)
    if each.state == "agreed":
        return
    begins = plan.steps[0].on
    with _on(begins):
        tapers.start(staff(each.by, begins), plan_id, on=begins)
        if each.told:
            _tell(staff(each.by, begins), plan_id)
    _check_ins(each, plan_id, as_of, staff)
    _end(each, plan_id, as_of, staff)


def _tell(actor: Actor, plan_id: int) -> None:
    """The letters of the plan as it begins; later versions are not sent, so that its page says so."""
    places = pack_sending.recipients(actor, _row(plan_id))
    for copy in pack_sending.KINDS:
        for place in places.places(copy)[:1]:
            pack_sending.send(actor, plan_id, copy, place.code)


def _request(each: _Reduced, taker: _Taker, day: date) -> Request:
    """As the knowledge base proposes for this medicine. What only a person can tell was asked, and the answer was no to all."""
    guards = guards_of(knowledge.load(), taker.substance)
    asked = frozenset(flag.flag for guard in guards for flag in (guard.flag, guard.lifted_by) if flag is not None)
    history = msgspec.structs.replace(history_of(taker.record.person_id, taker.substance, day), answered=asked)
    to_ug, start_on = _to(each, taker.substance, taker.dose_ug), day + BEGINS_AFTER
    return Request(medicine=taker.substance, dose_ug=taker.dose_ug, to_ug=to_ug, start_on=start_on, history=history)


def _to(each: _Reduced, substance: str, dose_ug: int) -> int:
    """Nothing, or the dose nearest to half that can be built."""
    ends = studio_facts.ends(substance, dose_ug) if each.halfway else []
    return min(ends, key=lambda end: abs(2 * end - dose_ug), default=0)


def _check_ins(each: _Reduced, plan_id: int, as_of: date, staff: Staff) -> None:
    """One at each step: what the rating means is decided, and the plan goes on when it is better."""
    last = _last_day(each, plan_id, as_of)
    day = _row(plan_id).started_on or last
    for number, rating in enumerate(each.ratings):
        with _on(day):
            now = selectors.standing(_row(plan_id))
        day = now.next.on if now.next is not None and not now.still else day + CALM
        if day > last:
            return
        with _on(day):
            row = _row(plan_id)
            advice = support.read_rating(row.substance, rating).advice or checkins.GO_ON
            known = {symptom.support for symptom in support.symptoms(row.substance)}
            noticed = tuple(key for key in _told().symptoms if key in known)[: 1 + number % 2] if rating > 1 else ()
            given = checkins.Given(rating=rating, symptoms=noticed, decided=advice, sleep="" if rating < 2 else "wakes at four")
            checkins.record(staff(each.by, day), plan_id, given)


def _last_day(each: _Reduced, plan_id: int, as_of: date) -> date:
    """When it ended; an end that was reached, as soon as the plan was there."""
    day = as_of - timedelta(days=each.end_days)
    return min(day, selectors.version_of(_row(plan_id)).steps[-1].on) if each.end == "reached" else day


def _end(each: _Reduced, plan_id: int, as_of: date, staff: Staff) -> None:
    day = _last_day(each, plan_id, as_of)
    verbs = {"hold": tapers.hold, "plateau": tapers.plateau, "decline": tapers.decline}
    if each.end:
        with _on(day):
            actor = staff(each.by, day)
            if each.end == "reached":
                tapers.reach_end(actor, plan_id, on=day, why=each.why)
            else:
                verbs[each.end](actor, plan_id, why=each.why)


def _own_pages(actor: Actor, as_of: date) -> None:
    """Of the people of one practice who are on their way with steps to come, the first has the code that the guide tells, has written in
    their diary and was rung; the next has asked today to slow down and waits for an answer."""
    told = _told()
    going = [row for row in selectors.plans_at([actor.organisation]) if row.state == PlanState.REDUCING and _has_steps(row, as_of)]
    for row in going[:1]:
        me = Actor.themselves(row.person_id)
        if settings.DEMO:
            portal.give(actor, row.person_id, demo_code=portal_choices().demo_code)
        checkins.record_own(me, row.pk, checkins.Given(rating=2, words=told.diary))
        own.ring_me(me, row.pk, told.ring, wrong=False)
        own.answer(actor, row.pk, why=told.rung)
    for row in going[1:2]:
        portal.give(actor, row.person_id)
        own.slow_down(Actor.themselves(row.person_id), row.pk, told.slower)


def _has_steps(row: selectors.TaperPlan, as_of: date) -> bool:
    now = selectors.standing(row, as_of)
    return now.next is not None and now.dose_ug > 0


def _row(plan_id: int) -> selectors.TaperPlan:
    found = selectors.plan_row(plan_id)
    if found is None:
        raise ValueError(f"no plan {plan_id}")
    return found


# Reviews


def _review(each: _Reviewed, as_of: date, staff: Staff, used: set[int]) -> bool:
    day = as_of - timedelta(days=each.days)
    with _on(day):
        actor = staff(each.by, day)
        for record, substance in islice(_to_review(actor, as_of, used), TRIES):
            try:
                with transaction.atomic():
                    _closed(actor, record, substance, each, day)
            except Refused:
                continue
            used.add(record.person_id)
            return True
    return False


def _to_review(actor: Actor, as_of: date, used: set[int]) -> Iterator[tuple[PersonRecord, str]]:
    return ((record, substance) for record in _people(actor, as_of, used) if (substance := _reviewable(record)))


def _reviewable(record: PersonRecord) -> str:
    """The first medicine that reviews are about, one that can be reduced before others."""
    listed = [row["substance"] for row in record.medicines if facts.covered(row["substance"]) and row["status"] != "lapsed"]
    return next((name for name in listed if knowledge.load().taper_rule_of(name) is not None), listed[0] if listed else "")


def _begun(actor: Actor, record: PersonRecord, substance: str, on: date) -> tuple[reviews.Saved, dict[str, asks.Value]]:
    """A draft as the page would open it, of the kind that fits this medicine."""
    cut = restrict.cut_for(actor, [record])[record.person_id]
    every = facts.of_record(record, reviewed.last_reviews_of(record.person_id), [], {})
    medicines = [each for each in every if facts.covered(each.substance)]
    kind = _kind(actor, facts.suggested([substance], cut.shown(ledger.open_duties_of(record.person_id))), substance)
    values = dict(prefill.initial(record, kind, medicines, on, cut))
    return reviews.begin(actor, record.person_id, kind=kind, values=values), values


def _kind(actor: Actor, suggested: str, substance: str) -> str:
    """What the duties ask for, where it is this reviewer's to hold."""
    held = [suggested, *(row.review_kind for row in facts.offered([substance]))]
    return next(key for key in held if actor.role in facts.kinds()[key].who)


def _closed(actor: Actor, record: PersonRecord, substance: str, each: _Reviewed, on: date) -> int:
    """Closed with what its page proposes; gives its key."""
    saved, values = _begun(actor, record, substance, on)
    own = {asks.DECISION: each.decision, asks.REASON: each.reason, asks.CHANGE: each.change, asks.MONITORING: each.monitoring}
    own[asks.FOLLOW_UP] = str(values.get(asks.field_name(substance, asks.FOLLOW_UP), (on + timedelta(days=182)).isoformat()))
    if each.decision == "taper" and (due := facts.clock_while_reducing(substance, on)) is not None:
        own[asks.FOLLOW_UP] = due.on.isoformat()
    if asks.is_antipsychotic(substance):
        own["antipsychotic-indication"] = str(values.get(asks.field_name(substance, "antipsychotic-indication"), _told().indication))
        own["antipsychotic-end-plan"] = _told().end_plan
    said: dict[str, asks.Value] = {asks.field_name(substance, key): value for key, value in own.items() if value}
    said |= {asks.CONSENT: "given", "capacity": "capacity-has"}
    saved = reviews.save(actor, saved.review_id, values | said, carried=list(said), seen=saved.seen)
    draft = reviewed.review_row(saved.review_id)
    if draft is None or draft.draft is None:
        raise ValueError(f"no draft {saved.review_id}")
    view = reviews.view_of(actor, draft, draft.draft)
    done = [answer.key for answer in view.answers if answer.proposed]
    reviews.close(actor, saved.review_id, seen=saved.seen, done=done, left={})
    return saved.review_id


def _draft(actor: Actor, as_of: date, used: set[int]) -> bool:
    for record, substance in islice(_to_review(actor, as_of, used), 1):
        _begun(actor, record, substance, as_of)
        used.add(record.person_id)
        return True
    return False


def _answers(as_of: date, actor: Actor, used: set[int]) -> int:
    """People who wait for a review have answered the questions at the practice."""
    written = 0
    for record, each in zip(_people(actor, as_of, used), _told().answers, strict=False):
        given: dict[str, dict[str, Any]] = {
            "matters": {"chosen": [each.matters]},
            "concerns": {"chosen": [each.concerns], "words": each.words},
        }
        day = as_of - timedelta(days=each.days)
        record_answers(actor, record.person_id, given, way=Way.values[0], answered_on=day, by_person=False)
        written += 1
    return written
