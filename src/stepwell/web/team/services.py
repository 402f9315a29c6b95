"""Verbs of the team: record somebody, and say that they are no longer involved. Each writes its events and the audit at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.acts import lock_person, needs_words
from stepwell.web.team import choices, selectors
from stepwell.web.team.choices import AGENCY, AGREED, COORDINATOR, NOT_ASKED, REFUSED
from stepwell.web.team.models import Act, TeamEvent

REPLACED = "another coordinator was named"


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody to record. `link`: a link of who-is-who instead of a typed name, organisation and number."""

    kind: str
    code: str = ""
    name: str = ""
    organisation: str = ""
    phone: str = ""
    link: int | None = None
    sharing: str = ""
    words: str = ""
    from_on: date | None = None
    until: date | None = None


class Changed(Refused):
    """Somebody else wrote meanwhile."""


def record(actor: Actor, person_id: int, entry: Entry, *, seen: int | None = None) -> TeamEvent:
    """Put somebody into the team. There is one coordinator: naming another ends the one before.

    An agency says whether anything may be shared with it; what may be told stands beside it only when the person agreed.
    """
    require(actor, Permission.RECORD_ADJUSTMENTS, ledger.subject_of(person_id))
    entry = _tidy(person_id, entry)
    with transaction.atomic():
        lock_person(person_id)
        rows = selectors.in_force([person_id]).get(person_id, [])
        if seen is not None and selectors.last_event(person_id) > seen:
            raise Changed(
                "Nothing was saved: the team was changed after you opened this. It is shown as it is now; save again if you still want to."
            )
        if any((row.kind, row.code, row.name.lower()) == (entry.kind, entry.code, entry.name.lower()) for row in rows):
            raise Refused(f"{entry.name} is in the team already.")
        if entry.kind == COORDINATOR:
            for row in rows:
                if row.kind == COORDINATOR:
                    _append(actor, person_id, Act.ENDED, _entry(row), about=row, why=REPLACED)
        event = _append(actor, person_id, Act.RECORDED, entry)
        audit.record_write(actor, "record team", person_id=person_id, subject_type="team", subject_id=event.pk, reason=entry.kind)
    return event


def end(actor: Actor, event_id: int, *, in_error: bool, why: str) -> TeamEvent:
    """No longer involved, or recorded in error: another event says so; the first one stays."""
    found = selectors.recorded(event_id)
    if found is None:
        raise Refused("There is no such entry.")
    require(actor, Permission.RECORD_ADJUSTMENTS, ledger.subject_of(found.person_id))
    words = needs_words(why, "Say why.")
    with transaction.atomic():
        lock_person(found.person_id)
        closed = TeamEvent.objects.filter(about=found).select_related("by").first()
        if closed is not None:
            raise Refused(f"{closed.by.display_name} ended this on {clinician.date(closed.at)}. Nothing was changed.")
        act = Act.IN_ERROR if in_error else Act.ENDED
        event = _append(actor, found.person_id, act, _entry(found), about=found, why=words)
        audit.record_write(actor, f"team {act.value}", person_id=found.person_id, subject_type="team", subject_id=found.pk)
    return event


def _tidy(person_id: int, entry: Entry) -> Entry:
    if entry.kind not in choices.kinds():
        raise Refused("This is not one of the choices.")
    if choices.options(entry.kind) and choices.choice(entry.kind, entry.code) is None:
        raise Refused("Choose what they are to this person.")
    today = clock.today()
    name, organisation, phone = (" ".join(text.split()) for text in (entry.name, entry.organisation, entry.phone))
    if entry.link is not None:
        link = next((line for line in selectors.callable_for(person_id, today) if line.id == entry.link), None)
        if link is None:
            raise Refused("This number is no longer in who is who: choose again, or write the name.")
        name, organisation, phone = link.name, link.organisation_name, ""
    if not name:
        raise Refused("Give the name of the person, or of the agency's contact.")
    sharing = entry.sharing if entry.kind == AGENCY else ""
    if entry.kind == AGENCY and sharing not in (AGREED, REFUSED, NOT_ASKED):
        raise Refused("Say whether this person agreed that something is shared with the agency.")
    words = " ".join(entry.words.split())
    if sharing == AGREED and not words:
        raise Refused("Say what may be told to them.")
    if sharing in (REFUSED, NOT_ASKED):
        words = ""
    if entry.until is not None and entry.until < today:
        raise Refused("The last day cannot be past.")
    return Entry(entry.kind, entry.code, name, organisation, phone, entry.link, sharing, words, entry.from_on or today, entry.until)


def _entry(row: TeamEvent) -> Entry:
    return Entry(row.kind, row.code, row.name, row.organisation, row.phone, row.link, row.sharing, row.words, row.from_on, row.until)


def _append(
    actor: Actor, person_id: int, act: Act, entry: Entry, *, about: TeamEvent | None = None, why: str = ""
) -> TeamEvent:  # fmt: skip
    return TeamEvent.objects.create(
        person_id=person_id,
        act=act.value,
        kind=entry.kind,
        code=entry.code,
        name=entry.name,
        organisation=entry.organisation,
        phone=entry.phone,
        link=entry.link,
        sharing=entry.sharing,
        words=entry.words,
        from_on=entry.from_on or clock.today(),
        until=entry.until,
        why=why,
        at=clock.now(),
        by_id=actor.user_id or 0,
        role=actor.role,
        org_code=actor.organisation,
        about=about,
    )
