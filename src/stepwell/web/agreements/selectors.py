"""Reads of agreements: for the engine, for pages, for access. What an agreement is on a day is told by its events (`story.py`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from stepwell import knowledge
from stepwell.knowledge.shared_care import baseline_rules, protocol_of, responsibility_of, rules_about
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import clocks, protocol_use, story
from stepwell.web.agreements.clocks import Clock
from stepwell.web.agreements.models import Agreement, AgreementEvent, AgreementLine
from stepwell.web.agreements.protocol_use import InUse
from stepwell.web.agreements.story import ALL, ASKING, NOBODY, Event, Opening, Period, State, Story, Text
from stepwell.web.agreements.terms import Baseline, Missing, Terms, missing, responsibilities
from stepwell.web.core import clock, traces
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.ledger import known

_OPEN = Q(to_on__isnull=True)


# One agreement and what its events tell


def agreement_of(person_id: int, agreement_id: int) -> Agreement | None:
    return _whole(Agreement.objects.filter(person_id=person_id, pk=agreement_id)).first()


def find(agreement_id: int) -> Agreement | None:
    """By its number alone: whoever asks has still to open the person."""
    return _whole(Agreement.objects.filter(pk=agreement_id)).first()


def events_of(agreement: Agreement) -> QuerySet[AgreementEvent]:
    """In order, the oldest first, with who did it."""
    return AgreementEvent.objects.filter(agreement=agreement).select_related("by").order_by("id")


def last_event(agreement: Agreement) -> int:
    """Its number: what a form has seen."""
    return AgreementEvent.objects.filter(agreement=agreement).order_by("-id").values_list("id", flat=True).first() or 0


def story_of(agreement: Agreement) -> Story:
    """What its events add up to. Uses what was fetched with it (`_whole`)."""
    opening = None
    if not agreement.requested and agreement.from_on is not None:
        lines = tuple((line.line, line.owner_org, line.owner_role) for line in agreement.lines.all())
        opening = Opening(agreement.agreed_on or agreement.from_on, agreement.from_on, agreement.to_on, lines)
    return story.tell([told(row) for row in agreement.events.all()], opening)


def told(row: AgreementEvent) -> Event:
    """The event as the story reads it: on the ledger's own day."""
    moment = timezone.localtime(row.moment or row.at)
    by = row.by.display_name if row.by_id is not None and row.by is not None else ""
    return Event(row.pk, row.kind, moment.date(), moment, row.org_code, row.detail, row.why, by)


def state_on(agreement: Agreement, on: date | None = None) -> State:
    return story_of(agreement).state_on(on or clock.today())


def clock_of(agreement: Agreement, now: datetime | None = None) -> Clock | None:
    """The clock that runs now (on a hand-back, a proposal, else on the request), or the one that ran on the request; None for a
    draft and for an agreement that was recorded whole."""
    return clocks.running(story_of(agreement), agreement.and_org, now or clock.moment())


def versions_of(agreement: Agreement) -> list[Text]:
    """Every agreed text, the oldest first, with who proposed and who agreed it."""
    return list(story_of(agreement).texts)


def terms_of(agreement: Agreement) -> Terms:
    """The text as last written or agreed: of the draft while it is one, else of the latest version."""
    tale = story_of(agreement)
    kept = tale.text.terms if tale.text is not None else tale.draft.detail["terms"] if tale.draft is not None else {}
    return Terms.of(kept)


def shares_of(agreement: Agreement) -> dict[str, str]:
    """Who does what as last proposed or agreed: responsibility → organisation."""
    tale = story_of(agreement)
    kept = tale.text.shares if tale.text is not None else tale.draft.detail["shares"] if tale.draft is not None else {}
    return dict(kept)


@dataclass(frozen=True, slots=True)
class Responsible:
    """A line of who does what and whose it is that day; `owner_org` is `nobody` where it is nobody's."""

    key: str
    label: str
    owner_org: str


def responsibilities_on(agreement: Agreement, on: date) -> list[Responsible]:
    """Each responsibility with its one owner on that day."""
    tale = story_of(agreement)
    return [Responsible(key, line.label, tale.owner_of(key, line.line or ALL, on)) for key, line in responsibilities().items()]


# Lists of one organisation


def inbox(actor: Actor) -> list[Agreement]:
    """What waits for an answer of the actor's organisation: requests, questions, hand-backs, proposals. The oldest first."""
    return list(_whole(Agreement.objects.filter(waits_on__in=actor.organisations).order_by("sent_on", "id")))


def sent(actor: Actor) -> list[Agreement]:
    """Where the actor's organisation waits for the other side."""
    found = _of(actor).exclude(waits_on="").exclude(waits_on__in=actor.organisations)
    return list(_whole(found.order_by("sent_on", "id")))


def all_of(actor: Actor) -> list[Agreement]:
    """Everything that the actor's organisation is party to; drafts of others are not."""
    found = _of(actor).exclude(Q(state=State.DRAFT.value) & ~Q(between_org__in=actor.organisations))
    return list(_whole(found.order_by("-id")))


def silent(actor: Actor, now: datetime | None = None) -> list[Agreement]:
    """Requests of and to the organisation whose last day has passed without an answer: silence is never consent."""
    waiting = _of(actor).filter(waits_for__in=("request", "question")).order_by("sent_on", "id")
    moment = now or clock.moment()
    clocked = [(row, clock_of(row, moment)) for row in _whole(waiting)]
    return [row for row, ran in clocked if ran is not None and ran.state is clocks.ClockState.SILENT]


def _of(actor: Actor) -> QuerySet[Agreement]:
    return Agreement.objects.filter(Q(between_org__in=actor.organisations) | Q(and_org__in=actor.organisations))


def _whole(found: QuerySet[Agreement]) -> QuerySet[Agreement]:
    events = AgreementEvent.objects.select_related("by").order_by("id")
    return found.prefetch_related("lines", Prefetch("events", queryset=events))


# One person


def agreements_of(person_id: int) -> QuerySet[Agreement]:
    """Those that were accepted or recorded: what has, had or will have owners."""
    if not traces.any_of(Agreement, person_id):
        return Agreement.objects.none()
    return Agreement.objects.filter(person_id=person_id, from_on__isnull=False).prefetch_related("lines")


def requests_of(person_id: int) -> list[Agreement]:
    """Requests that are not in force: asked, declined, accepted for later; no drafts, nothing that is over."""
    found = Agreement.objects.filter(_asking(clock.today()), person_id=person_id)
    return list(_whole(found.order_by("sent_on", "id")))


def drafts_of(actor: Actor, person_id: int) -> list[Agreement]:
    """Requests that the actor's organisation began to write."""
    found = Agreement.objects.filter(person_id=person_id, state=State.DRAFT.value, to_on=None, between_org__in=actor.organisations)
    return list(_whole(found.order_by("id")))


def any_agreement() -> bool:
    return Agreement.objects.exists()


def overlapping(person_id: int, substance: str, from_on: date, to_on: date | None) -> QuerySet[Agreement]:
    """Agreements about the same medicine that would be in force at the same time."""
    found = Agreement.objects.filter(person_id=person_id, substance=substance, from_on__isnull=False)
    found = found.filter(_OPEN | Q(to_on__gt=from_on))
    return found if to_on is None else found.filter(from_on__lt=to_on)


def open_request(person_id: int, substance: str) -> Agreement | None:
    """The request about this medicine that has been sent and is neither in force nor over."""
    return Agreement.objects.filter(_asking(clock.today()), person_id=person_id, substance=substance).order_by("id").first()


def begun(person_ids: Iterable[int], on: date) -> QuerySet[Agreement]:
    """Agreements of these people that have come into force by that day, those that are over included."""
    return Agreement.objects.filter(person_id__in=list(person_ids), from_on__lte=on)


def _in_force(day: date) -> Q:
    return Q(from_on__lte=day) & (_OPEN | Q(to_on__gt=day))


def _asking(day: date) -> Q:
    waits = Q(state__in=[state.value for state in ASKING]) | Q(from_on__gt=day)
    return Q(requested=True, sent_on__lte=day) & waits & (_OPEN | Q(to_on__gt=day))


# Before a request is sent


def possible_parties(gp_org: str, suppliers: Iterable[str | None], names: Mapping[str, str], *, without: str) -> list[tuple[str, str]]:
    """Whom an agreement about this person may be with: the practice and whoever supplies first, then the others by name."""
    near = [gp_org, *(code for codes in suppliers for code in (codes or "").split("+"))]
    ordered = list(dict.fromkeys([*near, *sorted(names, key=lambda code: names[code].lower())]))
    return [(code, names.get(code, code)) for code in ordered if code and code != without]


def baseline_of(person_id: int, substance: str, without: Mapping[str, str] | None = None) -> list[Baseline]:
    """The tests that belong before shared care of this medicine, each with its latest result since three months before the start.

    A test that the rules ask of some people only belongs to it when the ledger has asked it of this person.
    """
    from stepwell.web.ledger import selectors as ledger

    record = ledger.person(person_id)
    row = next((each for each in record.medicines if each["substance"] == substance), None)
    since = _baseline_from(row["started_on"] if row else None)
    latest = {each["test"]: each for each in reversed(record.last_results)}
    asked = ledger.rules_asked(person_id)
    found: dict[str, Baseline] = {}
    for rule in baseline_rules(knowledge.load(), substance):
        key = rule.test or ""
        test = known.test(key)
        if test is None or key in found or ((rule.applies or rule.unless) and rule.rule not in asked):
            continue
        result = latest.get(key)
        unit = test.unit or ""
        if result is None or date.fromisoformat(result["effective_on"]) < since:
            found[key] = Baseline(key, test.label, unit, without=(without or {}).get(key, ""))
            continue
        on = date.fromisoformat(result["effective_on"])
        found[key] = Baseline(key, test.label, unit, on, result["value_milli"], result["comparator"] or "")
    return list(found.values())


def _baseline_from(started_on: str | None) -> date:
    """From when a result counts as a baseline; any day when the start is not known."""
    if started_on is None:
        return date.min
    return story.months_after(date.fromisoformat(started_on), -known.parameter("baseline_months"))


def gate_of(draft: Agreement) -> list[Missing]:
    """What keeps the request from being sent; nothing when it can be."""
    terms = terms_of(draft)
    baseline = baseline_of(draft.person_id, draft.substance, terms.baseline_without)
    return missing(terms, baseline, protocol_of(knowledge.load(), draft.substance), clock.today())


# The protocol library


def protocols_for(org_code: str, on: date | None = None) -> list[InUse]:
    """Every protocol of the library with the version that this organisation uses."""
    return protocol_use.in_use(org_code, on or clock.today())


def superseded_since(agreement: Agreement, on: date | None = None) -> date | None:
    """From when the practice's organisation uses another version of the protocol than the agreement was made under (a later one, or an
    earlier one that it went back to); None when it does not, or no protocol was named."""
    return protocol_use.superseded_since(agreement, on or clock.today())


def never_shared() -> frozenset[str]:
    """Medicines whose protocol says that shared care cannot be asked for."""
    pack = knowledge.load()
    closed = [protocol for protocol in pack.protocols.values() if not protocol.requestable.value]
    return frozenset(name for protocol in closed for name in pack.members.get(protocol.set, ()))


def rule_lines(substance: str) -> dict[str, list[str]]:
    """Responsibility → titles of the rules about this medicine whose duties it covers."""
    pack = knowledge.load()
    found: dict[str, list[str]] = {}
    for rule in rules_about(pack, substance):
        found.setdefault(responsibility_of(pack, rule).responsibility, []).append(rule.title)
    return found


# For the engine and for access


def workflow_rows(person_ids: Collection[int] | None = None) -> list[dict[str, Any]]:
    """Rows of the workflow table `agreement_lines`, of everybody or of these people: a period in which the same owners hold is an
    agreement of its own."""
    names = accounts.organisation_names()
    rows = []
    for agreement, tale in _told(person_ids):
        periods = [period for period in tale.periods() if period.basis == "agreement"]
        for place, period in enumerate(periods, start=1):
            rows += [
                {
                    "person_id": agreement.person_id,
                    "agreement_id": str(agreement.pk) if place == 1 else f"{agreement.pk}/{place}",
                    "substance": agreement.substance,
                    "line": line,
                    "owner_org": owner,
                    "owner_role": role or None,
                    "from_on": period.from_on,
                    "to_on": period.to_on,
                    "label": _label(agreement, period, names),
                }
                for line, owner, role in period.lines
            ]
    return rows


def request_rows(person_ids: Collection[int] | None = None) -> list[dict[str, Any]]:
    """Rows of the workflow table `owner_requests`: who asked has the medicine until an agreement is in force, also after a refusal."""
    names, today = accounts.organisation_names(), clock.today()
    rows = []
    for agreement, tale in _told(person_ids):
        periods = [period for period in tale.periods() if period.basis == "request"]
        if periods:
            begun = [period for period in periods if period.from_on <= today] or periods[:1]
            rows.append(
                {
                    "person_id": agreement.person_id,
                    "request_id": str(agreement.pk),
                    "substance": agreement.substance,
                    "owner_org": periods[0].owner,
                    "asked_org": agreement.and_org or None,
                    "from_on": periods[0].from_on,
                    "to_on": periods[-1].to_on,
                    "label": _label(agreement, begun[-1], names),
                }
            )
    return rows


def _told(person_ids: Collection[int] | None) -> Iterable[tuple[Agreement, Story]]:
    found = Agreement.objects.exclude(state=State.DRAFT.value).order_by("id")
    if person_ids is not None:
        found = found.filter(person_id__in=list(person_ids))
    lines = AgreementLine.objects.order_by("id")
    events = AgreementEvent.objects.order_by("id").select_related("by")
    for agreement in found.prefetch_related(Prefetch("lines", queryset=lines), Prefetch("events", queryset=events)):
        yield agreement, story_of(agreement)


def _label(agreement: Agreement, period: Period, names: Mapping[str, str]) -> str:
    """Why the owners are what they are, for the duties."""
    since, other = clinician.date(period.from_on), names.get(agreement.and_org, agreement.and_org)
    owner = names.get(period.owner, period.owner)
    match period.state:
        case State.ACTIVE:
            return agreement.label
        case State.SUSPENDED:
            return f"shared care is suspended since {since}: {owner} has all of it"
        case State.RETURNED:
            return f"{owner} took it back on {since}"
        case State.DECLINED:
            return f"{other} declined to share care on {since}: {owner} keeps it"
        case State.ACCEPTED:
            return f"{other} has accepted shared care and takes over on {clinician.date(agreement.from_on)}"
        case _:
            asked = clinician.date(agreement.sent_on or period.from_on)
            return f"{owner} asked {other or 'the practice'} on {asked} to share care, and keeps it until that is accepted"


def parties(day: date, person_ids: Collection[int] | None = None) -> dict[int, list[tuple[str, int, date | None, date | None]]]:
    """Organisations that are party to an agreement in force or to an open request: person → (code, agreement, from, to)."""
    agreements = Agreement.objects.filter(_in_force(day) | _asking(day))
    if person_ids is not None:
        agreements = agreements.filter(person_id__in=list(person_ids))
    found: dict[int, list[tuple[str, int, date | None, date | None]]] = {}
    for agreement in agreements.order_by("from_on", "id").prefetch_related("lines"):
        codes = {agreement.between_org, agreement.and_org} | {line.owner_org for line in agreement.lines.all()}
        days = [each for each in (agreement.sent_on, agreement.from_on) if each is not None]
        for code in sorted(codes - {"", NOBODY}):
            found.setdefault(agreement.person_id, []).append((code, agreement.pk, min(days), agreement.to_on))
    return found
