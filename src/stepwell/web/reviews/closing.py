"""What closing a review would do: what is still missing, which open duties it answers, which duties it opens. Nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from stepwell import knowledge
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known
from stepwell.web.ledger.acts import others_words
from stepwell.web.ledger.models import Duty
from stepwell.web.ledger.options import options_of
from stepwell.web.reviews import asks, facts
from stepwell.web.reviews.asks import Ask, Kind, MedicineAsks, Option, Sheet, Values
from stepwell.web.reviews.choices import choices
from stepwell.web.reviews.facts import MedicineFacts

REVIEW_KINDS = ("review", "finding")
# Kinds of review that nobody else can hold.
SPECIALIST = ("psychiatrist",)
BRIEF = "brief"
NAMED = 3  # of more medicines than these a note says how many
# The test of rules that ask for an offer to reduce: a decision to go on as before is no offer.
OFFER = "taper-offer"
STOP, CONTINUE, REFER, MONITOR = "stop", "continue", "refer", "start-monitoring"
FOLLOWING, REDUCTION, PRESCRIBE, ROUTE, TESTS = "follow-up", "reduction", "prescribe", "route", "monitoring"
TITLES = {
    FOLLOWING: "Follow up a medicine review",
    REDUCTION: "Make the reduction plan that a medicine review decided",
    PRESCRIBE: "Prescribe what a medicine review decided",
    ROUTE: "Refer as a medicine review decided",
    TESTS: "Arrange the tests that a medicine review decided",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to be put right before the review is closed, and the field where."""

    text: str
    name: str = ""

    @property
    def href(self) -> str:
        return f"#{self.name.replace('.', '-')}" if self.name else ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a draft decides about one medicine."""

    substance: str
    option: Option
    reason: str
    change: str
    monitoring: str
    follow_up: date | None
    answers: Mapping[str, Any]

    @property
    def decision(self) -> str:
        return self.option.key

    @property
    def reduces(self) -> bool:
        return "reduction" in self.option.needs

    @property
    def prescribes(self) -> bool:
        return bool({"dose", "medicine"} & set(self.option.needs)) or self.decision == STOP


def decided(sheet: Sheet, values: Values) -> list[Chosen]:
    """The decisions of a draft, by medicine; medicines without one are not among them."""
    return [found for medicine in sheet.medicines if (found := _chosen(medicine, values)) is not None]


def _chosen(medicine: MedicineAsks, values: Values) -> Chosen | None:
    ask = medicine.get(asks.DECISION)
    options = ask.chosen(values) if ask is not None else []
    if not options:
        return None
    own = asks.of_medicine(values, medicine.substance)
    text = {key: str(own.get(key, "")) for key in (asks.REASON, asks.CHANGE, asks.MONITORING)}
    day = asks.kept_day(values, asks.field_name(medicine.substance, asks.FOLLOW_UP))
    return Chosen(medicine.substance, options[0], text[asks.REASON], text[asks.CHANGE], text[asks.MONITORING], day, own)


# What is missing


def problems(sheet: Sheet, values: Values, medicines: Iterable[MedicineFacts], today: date) -> list[Problem]:
    """What keeps the review from being closed, in the order of the page; each says what to do."""
    by_substance = {each.substance: each for each in medicines}
    found = [problem for ask in sheet.general for problem in _of_field(ask, values, must=ask.required)]
    held = asks.kept_day(values, asks.HELD_ON)
    if held is not None and held > today:
        found.append(Problem("The review cannot have been held in the future: give today or the day it was", asks.HELD_ON))
    made = decided(sheet, values)
    if not made:
        first = sheet.medicines[0].get(asks.DECISION) if sheet.medicines else None
        found.append(Problem("Choose a decision for at least one medicine", first.name if first else ""))
    chosen = {each.substance: each for each in made}
    for medicine in sheet.medicines:
        one = chosen.get(medicine.substance)
        for ask in medicine.asks:
            found += _of_field(ask, values, must=one is not None and ask.required)
        if one is not None:
            found += _of_decision(medicine, one, by_substance.get(medicine.substance), held or today)
    return found


def _of_field(ask: Ask, values: Values, *, must: bool) -> list[Problem]:
    name = f"{ask.label} ({known.medicine(ask.substance)})" if ask.substance else ask.label
    value = values.get(ask.name, "")
    if must and not value:
        verb = "choose" if ask.kind in (Kind.ONE, Kind.MANY) else "give" if ask.kind is Kind.DAY else "write"
        return [Problem(f"{name}: {verb} it", ask.name)]
    if ask.kind is Kind.DAY and value and asks.kept_day(values, ask.name) is None:
        return [Problem(f"{name}: write a day like 01-Dec-2026, or a time like 3 months", ask.name)]
    if isinstance(value, str) and ask.longest and len(value) > ask.longest:
        return [Problem(f"{name}: {len(value) - ask.longest} characters too long, at most {ask.longest:,}", ask.name)]
    return []


def _of_decision(medicine: MedicineAsks, one: Chosen, known_facts: MedicineFacts | None, held: date) -> list[Problem]:
    name, needs, found = known.medicine(one.substance), set(one.option.needs), []

    def missing(key: str, text: str) -> None:
        found.append(Problem(f"{text} ({name})", asks.field_name(one.substance, key)))

    if not one.reason and ("words" in needs or one.decision != CONTINUE):
        missing(asks.REASON, f"Say why: {one.option.label.lower()}")
    if not one.change:
        if "dose" in needs:
            missing(asks.CHANGE, "Write the new dose")
        elif "medicine" in needs:
            missing(asks.CHANGE, "Write the medicine and dose it is switched to")
        elif "route" in needs:
            missing(asks.CHANGE, "Write the service that is asked")
    if one.decision == MONITOR and not one.monitoring:
        missing(asks.MONITORING, "Write the tests to arrange")
    typed = one.answers.get(asks.FOLLOW_UP)
    if not typed and "follow-up" in needs:
        missing(asks.FOLLOW_UP, "Give the day of the follow-up")
    if one.follow_up is not None and one.follow_up <= held:
        missing(asks.FOLLOW_UP, "The follow-up must come after the review")
    if stops_abruptly(one, known_facts):
        if not one.answers.get(asks.ABRUPT):
            missing(asks.ABRUPT, "Choose to reduce it step by step, or say why it is stopped at once")
        elif problem := too_long_for_brief(one, known_facts, held):
            missing(asks.ABRUPT, problem)
    if stays_in_spite(one, known_facts) and not one.answers.get(asks.CLINICAL):
        missing(asks.CLINICAL, "It stays in spite of a risk: choose the clinical reason")
    if stays_in_spite(one, known_facts) and not one.reason and "words" not in needs:
        missing(asks.REASON, "It stays in spite of a risk: say why in words")
    return found


def stops_abruptly(one: Chosen, known_facts: MedicineFacts | None) -> bool:
    """Stopping a medicine that the knowledge base reduces in steps, from a dose at which it may not be stopped directly."""
    rule = knowledge.load().taper_rule_of(one.substance)
    if one.decision != STOP or rule is None:
        return False
    daily = known_facts.daily_ug if known_facts is not None else None
    return rule.stop_directly is None or daily is None or daily > rule.stop_directly.ug


def too_long_for_brief(one: Chosen, known_facts: MedicineFacts | None, held: date) -> str:
    """Why "it was taken only briefly" does not hold by the record; empty where it does, or where the start is not known."""
    rule = knowledge.load().taper_rule_of(one.substance)
    since = known_facts.since if known_facts is not None else None
    if one.answers.get(asks.ABRUPT) != BRIEF or rule is None or since is None:
        return ""
    for row in knowledge.load().taper_support.values():
        days = row.figure if row.part == BRIEF and (not row.classes or rule.taper_rule in row.classes) else None
        if days is not None and days.unit == "days" and (held - since).days > days.whole:
            limit = f"briefly is up to {days.whole} days ({asks.basis(days)})"
            return f"By the record it is taken since {clinician.date(since)}; {limit}. Reduce it step by step, or say what the emergency is"
    return ""


def stays_in_spite(one: Chosen, known_facts: MedicineFacts | None) -> bool:
    """An antipsychotic that goes on as before although an open duty tells of a risk."""
    return one.decision == CONTINUE and asks.is_antipsychotic(one.substance) and known_facts is not None and bool(known_facts.risks)


# Which duties it answers


@dataclass(frozen=True, slots=True)
class Answer:
    """Open duties that one statement closes: all that wait for the same test, or one duty. `proposed`: the kind of review answers it;
    `note`: what to think of before it is ticked; `elsewhere`: why it is not closed here."""

    key: str
    duties: tuple[Duty, ...]
    proposed: bool
    note: str = ""
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """What of a person is open when a review is closed: duties, of them the follow-ups of earlier reviews (duty → medicines), and the
    medicines that are taken now."""

    duties: Sequence[Duty]
    follow_ups: Mapping[int, Sequence[str]]
    taken: frozenset[str]


def answers(actor: Actor, kind: str, made: Sequence[Chosen], standing: Open, held: date) -> list[Answer]:
    """The open review duties about the medicines that were decided, those that this review answers first; follow-ups of earlier reviews
    among them. A duty whose time had not begun when the review was held is not answered by it."""
    by_substance = {each.substance: each for each in made}
    found = {each.key: each for each in _followed(standing, set(by_substance))}
    answerable = {rule for row in facts.kinds().values() for rule in row.rules}
    open_duties = [duty for duty in standing.duties if duty.opens_on is None or duty.opens_on <= held]
    for duty in open_duties:
        about = known.members(duty.subject) & by_substance.keys()
        test = known.test(duty.test) if duty.test else None
        asks_review = duty.kind in REVIEW_KINDS or duty.rule_id in answerable
        if not asks_review or not about or (test is not None and test.unit is not None):
            continue
        key = f"test.{duty.test}" if test is not None else f"duty.{duty.pk}"
        if key in found:
            continue
        together = tuple(each for each in open_duties if test is not None and each.test == duty.test) or (duty,)
        chosen = [by_substance[substance] for substance in sorted(about)]
        answer = _answer(actor, kind, key, together, chosen)
        rest = {name for each in together for name in known.members(each.subject) & standing.taken} - by_substance.keys()
        found[key] = replace(answer, proposed=False, note=_also(rest)) if answer.proposed and rest else answer
    return sorted(found.values(), key=lambda each: (bool(each.elsewhere), not each.proposed))


def _also(rest: Iterable[str]) -> str:
    """What else a duty is about: then the reviewer says whether it is answered."""
    names = sorted(known.medicine(name) for name in rest)
    told = ", ".join(names[:NAMED]) + (f" and {count(len(names) - NAMED, 'other medicine')}" if len(names) > NAMED else "")
    return f"It is also about {told}, which this review did not decide."


def _followed(standing: Open, now: set[str]) -> list[Answer]:
    """What earlier reviews asked to be looked at again, where it was."""
    found = []
    for duty in standing.duties:
        about = set(standing.follow_ups.get(duty.pk, ()))
        if about & now:
            rest = about - now
            found.append(Answer(f"{FOLLOWING}.{duty.pk}", (duty,), not rest, _also(rest) if rest else ""))
    return found


def _answer(actor: Actor, kind: str, key: str, together: tuple[Duty, ...], chosen: Sequence[Chosen]) -> Answer:
    duty = together[0]
    if options_of(duty.rule_id):
        return Answer(key, together, False, elsewhere="It asks what was done from a list: answer it on its own page.")
    if not duty.test and (problem := others_words(actor, duty)):
        return Answer(key, together, False, elsewhere=problem)
    rules = {each.rule_id for each in together}
    rows = [row for row in facts.kinds().values() if rules & set(row.rules)]
    if duty.test == OFFER and not any(each.reduces or each.decision == STOP for each in chosen):
        return Answer(key, together, False, note="Tick it if reducing was offered.")
    own = [row for row in rows if row.review_kind == kind and (actor.role in row.who or row.who != SPECIALIST)]
    # A review of a class is answered by whoever reviews its medicines; one of all medicines together only by such a review.
    if own or any(row.sets and actor.role in row.who for row in rows):
        return Answer(key, together, True)
    if rows:
        who = " or ".join(dict.fromkeys(role for row in rows for role in row.who))
        return Answer(key, together, False, note=f"Tick it if it was done; usually by a {who}.")
    return Answer(key, together, False, note="Tick it if it was done too.")


# Which duties it opens


@dataclass(frozen=True, slots=True)
class Opening:
    """A duty that a decision asks for. `about`: the medicines, for the reader who may see them; the title names none. `key`: the same
    duty over versions of the review."""

    what: str
    key: str
    due_on: date
    about: tuple[str, ...]

    @property
    def title(self) -> str:
        return TITLES[self.what]


def openings(made: Iterable[Chosen], held: date, today: date) -> list[Opening]:
    """What the decisions ask for, each once a medicine; one follow-up a day for all that meet on it."""
    found: list[Opening] = []
    meetings: dict[date, list[str]] = {}
    for one in made:
        wanted = [
            (REDUCTION, one.reduces),
            (PRESCRIBE, one.prescribes),
            (ROUTE, "route" in one.option.needs),
            (TESTS, bool(one.monitoring)),
        ]
        for what, is_wanted in wanted:
            if is_wanted:
                due = max(held + timedelta(days=choices().days[what]), today)
                found.append(Opening(what, f"{what}.{one.substance}", due, (one.substance,)))
        if one.follow_up is not None:
            meetings.setdefault(one.follow_up, []).append(one.substance)
    for day, substances in sorted(meetings.items()):
        found.append(Opening(FOLLOWING, f"{FOLLOWING}.{day.isoformat()}", day, tuple(substances)))
    return found


def points(wanted: Sequence[Opening], before: Sequence[Mapping[str, Any]]) -> list[tuple[Opening, str]]:
    """Each opening with its point in the ledger: the one it had in the version before, else the next free number of its kind."""
    had = {row["key"]: row["point"] for row in before}
    taken = set(had.values())
    found = []
    for each in wanted:
        point = had.get(each.key, "")
        number = 1
        while not point:
            proposed = f"{each.what} {number}"
            if proposed not in taken:
                point = proposed
            number += 1
        taken.add(point)
        found.append((each, point))
    return found


def summary(made: Sequence[Chosen], kind_label: str) -> str:
    """What came of the review, for the history of the duties it closes; it names no medicine."""
    told: dict[str, int] = {}
    for one in made:
        told[one.option.label] = told.get(one.option.label, 0) + 1
    said = ", ".join(f"{label.lower()} ({number})" if number > 1 else label.lower() for label, number in told.items())
    days = sorted({one.follow_up for one in made if one.follow_up is not None})
    after = f"; follow up {clinician.date(days[0])}" if days else ""
    return f"{kind_label}, {count(len(made), 'medicine')}: {said}{after}"
