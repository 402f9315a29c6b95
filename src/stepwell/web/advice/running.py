"""The verbs of running a service: open it, change how it works, name who is on duty, keep its themes.

Managers of advice services of the organisation do the first three; whoever answers there keeps the themes too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, time

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.accounts.roles import roles
from stepwell.web.advice import rota, themes
from stepwell.web.advice.choices import choices, kinds
from stepwell.web.advice.hours import DAYS, HOURS, NeverOpen
from stepwell.web.advice.models import AdviceService, DutyDay, ServiceTerms, Theme, ThemeAct, ThemeEvent
from stepwell.web.advice.rota import Desk
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known

LONGEST_NAME = 80
# A promise longer than this is no advice line any more; a slip of the keyboard is caught.
MOST = {HOURS: 80, DAYS: 20}


class Stale(Refused):
    """Somebody changed the same thing after the form was opened."""


@dataclass(frozen=True, slots=True)
class Sorting:
    """A theme: its name, and the questions for which it is suggested (kinds, sets of medicines, rules; what is given must hold)."""

    name: str
    kinds: Collection[str] = ()
    sets: Collection[str] = ()
    rules: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """How a service works: see `models.ServiceTerms`. `weekdays` 0 (Monday) to 6."""

    name: str
    role: str
    unit: str
    amount: int
    weekdays: frozenset[int]
    opens: time
    closes: time
    on_holidays: bool = False
    phone: str = ""
    fallback_id: int | None = None
    fallback_words: str = ""
    closed: bool = False


def _said(actor: Actor) -> dict[str, object]:
    return {"at": clock.now(), "by_id": actor.user_id, "role_of_by": actor.role, "org_code": actor.organisation}


def open_service(actor: Actor, terms: Terms) -> Desk:
    """A new service of the actor's organisation, with the themes that every service begins with."""
    require(actor, Permission.RUN_ADVICE, OrganisationSubject(actor.organisation))
    with transaction.atomic():
        row = AdviceService.objects.create(org_code=actor.organisation, opened_at=clock.now())
        _put(actor, row, terms)
        for starter in choices().themes:
            sorting = Sorting(starter.name, starter.kinds, starter.sets, starter.rules)
            _set_theme(actor, Theme.objects.create(service=row), sorting)
        audit.record_write(actor, "open advice service", subject_type="advice service", subject_id=row.pk, reason=terms.name)
    return _desk(row.pk)


def change_service(actor: Actor, service_id: int, terms: Terms, *, seen: int | None = None) -> Desk:
    """Other terms from now on. Questions that wait keep the clock they were promised."""
    with transaction.atomic():
        row, now = _own(actor, service_id)
        if seen is not None and now.version != seen:
            last = ServiceTerms.objects.select_related("by").get(pk=now.version)
            who = last.by.display_name if last.by is not None else "Stepwell"
            raise Stale(f"{who} changed this service on {clinician.datetime(last.at)}. What you typed is below: check it and save again.")
        _put(actor, row, terms)
        audit.record_write(actor, "change advice service", subject_type="advice service", subject_id=row.pk, reason=terms.name)
    return _desk(service_id)


def _own(actor: Actor, service_id: int, permission: Permission = Permission.RUN_ADVICE) -> tuple[AdviceService, Desk]:
    """The service, locked, of the actor's organisation."""
    row = AdviceService.objects.select_for_update().filter(pk=service_id).first()
    if row is None:
        raise Refused("There is no such service.")
    require(actor, permission, OrganisationSubject(row.org_code))
    return row, _desk(service_id)


def _desk(service_id: int) -> Desk:
    found = rota.desk(service_id)
    assert found is not None
    return found


def _put(actor: Actor, row: AdviceService, terms: Terms) -> ServiceTerms:
    tidy = replace(
        terms, name=" ".join(terms.name.split()), phone=terms.phone.strip(), fallback_words=" ".join(terms.fallback_words.split())
    )
    _check(row, tidy)
    values = asdict(tidy) | {"weekdays": "".join(str(day) for day in sorted(tidy.weekdays))}
    made = ServiceTerms(service=row, **values, **_said(actor))
    made.service = row
    try:
        rota.clock_of(made).due(clock.moment())
    except NeverOpen:
        raise Refused("With these days the service would never open.") from None
    made.save()
    return made


def _check(row: AdviceService, terms: Terms) -> None:
    if not terms.name or len(terms.name) > LONGEST_NAME:
        raise Refused(f"Give the service a name of at most {LONGEST_NAME} characters.")
    if terms.role not in answering_roles():
        raise Refused("Choose the role that answers.")
    if terms.unit not in MOST or not 1 <= terms.amount <= MOST[terms.unit]:
        raise Refused(f"Promise an answer within 1 to {MOST.get(terms.unit, MOST[DAYS])} working {terms.unit or DAYS}.")
    if not terms.weekdays or not terms.weekdays <= set(range(7)):
        raise Refused("Choose at least one day on which it works.")
    if terms.closes <= terms.opens:
        raise Refused("It must close after it opens.")
    if not terms.fallback_words and terms.fallback_id is None:
        raise Refused("Say what somebody does when nobody is on duty: another service, or in words.")
    if terms.fallback_id == row.pk:
        raise Refused("A service cannot stand in for itself.")
    if terms.fallback_id is not None and rota.desk(terms.fallback_id) is None:
        raise Refused("Choose a service that is there.")


def answering_roles() -> dict[str, str]:
    """Roles that answer questions: key → label."""
    return {key: role.label for key, role in roles().items() if Permission.ANSWER_ADVICE in role.may}


# Who is on duty


def set_duty_days(actor: Actor, service_id: int, wanted: Mapping[date, int | None], *, seen: int | None = None) -> int:
    """Who is on duty on these days (None: nobody). Gives how many changed. Refused when somebody else changed one of these days
    since the form was opened (`seen` as `rota.last_change`)."""
    if not wanted:
        return 0
    with transaction.atomic():
        row, desk = _own(actor, service_id)
        first, last = min(wanted), max(wanted)
        if seen is not None and (changes := rota.changes_since(service_id, first, last, seen)):
            told = "; ".join(
                f"{change.by.display_name if change.by else 'Stepwell'} put {change.user.display_name if change.user else 'nobody'} "
                f"on {clinician.date(change.day, weekday=True)}"
                for change in changes[-3:]
            )
            raise Stale(f"Nothing was saved: meanwhile {told}. What you chose is below: check it and save again.")
        people = dict(rota.people_of(desk, clock.today()))
        held = rota.named_ids(service_id, first, last)
        changed = {day: user for day, user in wanted.items() if held.get(day) != user}
        for day, user in sorted(changed.items()):
            if user is not None and user not in people:
                raise Refused(f"Choose somebody who answers at {desk.organisation}.")
            if user is not None and not desk.clock.is_open_on(day):
                raise Refused(f"{desk.name} does not work on {clinician.date(day, weekday=True)}.")
            DutyDay.objects.create(service=row, day=day, user_id=user, **_said(actor))
        audit.record_write(
            actor, "name who is on duty", subject_type="advice service", subject_id=row.pk, reason=f"{len(changed)} days"
        )  # fmt: skip
    return len(changed)


# Themes


def _keeping(actor: Actor, service_id: int) -> AdviceService:
    permission = Permission.RUN_ADVICE if actor.may(Permission.RUN_ADVICE) else Permission.ANSWER_ADVICE
    return _own(actor, service_id, permission)[0]


def add_theme(actor: Actor, service_id: int, sorting: Sorting) -> int:
    """A theme of a service; gives its key."""
    with transaction.atomic():
        row = _keeping(actor, service_id)
        made = Theme.objects.create(service=row)
        _set_theme(actor, made, sorting)
        audit.record_write(actor, "add advice theme", subject_type="advice theme", subject_id=made.pk)
    return made.pk


def change_theme(actor: Actor, theme_id: int, sorting: Sorting, *, seen: int | None = None) -> None:
    """Another name, or other questions for which it is suggested. Questions that were sorted under it stay there."""
    with transaction.atomic():
        found = _own_theme(actor, theme_id, seen)
        _set_theme(actor, found, sorting)
        audit.record_write(actor, "change advice theme", subject_type="advice theme", subject_id=theme_id)


def remove_theme(actor: Actor, theme_id: int, *, seen: int | None = None) -> None:
    """It is offered no more; what was sorted under it still counts."""
    with transaction.atomic():
        found = _own_theme(actor, theme_id, seen)
        ThemeEvent.objects.create(theme=found, act=ThemeAct.REMOVED, **_said(actor))
        audit.record_write(actor, "remove advice theme", subject_type="advice theme", subject_id=theme_id)


def note_became(actor: Actor, theme_id: int, *, became: str, words: str) -> None:
    """What a theme led to: teaching, a change of pathway."""
    text = " ".join(words.split())
    if became not in choices().became:
        raise Refused("Choose what it became.")
    if not text or len(text) > choices().longest.line:
        raise Refused(f"Say what was done and when, in at most {choices().longest.line} characters.")
    with transaction.atomic():
        found = _own_theme(actor, theme_id, None)
        ThemeEvent.objects.create(theme=found, act=ThemeAct.BECAME, became=became, words=text, **_said(actor))
        audit.record_write(actor, "advice theme became", subject_type="advice theme", subject_id=theme_id, reason=became)


def _own_theme(actor: Actor, theme_id: int, seen: int | None) -> Theme:
    found = Theme.objects.filter(pk=theme_id).first()
    if found is None:
        raise Refused("There is no such theme.")
    _keeping(actor, found.service_id)
    now = themes.theme(theme_id)
    if now is not None and seen is not None and now.version != seen:
        last = ThemeEvent.objects.select_related("by").get(pk=now.version)
        who = last.by.display_name if last.by is not None else "Stepwell"
        raise Stale(f"{who} changed this theme on {clinician.datetime(last.at)}. What you typed is below: check it and save again.")
    return found


def _set_theme(actor: Actor, row: Theme, sorting: Sorting) -> None:
    text = " ".join(sorting.name.split())
    if not text or len(text) > LONGEST_NAME:
        raise Refused(f"Give the theme a name of at most {LONGEST_NAME} characters.")
    same = [each for each in themes.themes_of(row.service_id) if each.name.lower() == text.lower() and each.id != row.pk]
    if same:
        raise Refused(f"There is a theme “{same[0].name}” already.")
    if set(sorting.kinds) - set(kinds()) or set(sorting.rules) - set(known.rule_titles()):
        raise Refused("Choose from the kinds of question and the rules that are there.")
    if any(not known.members(name) and name not in known.substances() for name in sorting.sets):
        raise Refused("Choose from the classes of medicines that are there.")
    ThemeEvent.objects.create(
        theme=row, act=ThemeAct.SET, name=text, kinds=sorted(sorting.kinds), sets=sorted(sorting.sets), rules=sorted(sorting.rules),
        **_said(actor),
    )  # fmt: skip


__all__ = [
    "MOST", "Sorting", "Stale", "Terms", "add_theme", "answering_roles", "change_service", "change_theme", "note_became", "open_service",
    "remove_theme", "set_duty_days",
]  # fmt: skip
