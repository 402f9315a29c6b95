"""The verbs of the person's own page: give a code, withdraw it, open the page with it. Each writes its event and the audit in one
transaction.

What the person then does is done by the verbs of the areas it is about (`tapers.own`, `tapers.checkins`, `preparation.services`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare

from stepwell.errors import Refused
from stepwell.web.core import audit, clock, limits
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.acts import lock_person, needs_words
from stepwell.web.portal import codes, selectors
from stepwell.web.portal.choices import choices
from stepwell.web.portal.models import CodeAct, CodeEvent, CodeState, OwnCode

SIGN_IN = "own page sign-in"
# One answer for a wrong code, a wrong date, a code whose time is over, one that was withdrawn: it tells nobody which codes exist.
NOT_RIGHT = (
    "The code or the date of birth is not right, or the code is no longer valid. Check both and try again. "
    "If it still does not work, ask those who gave you the code for a new one."
)
_NOBODY = date(1, 1, 1)


@dataclass(frozen=True, slots=True)
class Given:
    """A new code, the only time that it can be read."""

    code: str
    row: OwnCode


def gives_codes(actor: Actor) -> bool:
    """Whether somebody in this role may give codes to people they look after."""
    return actor.may(Permission.SUPPORT_REDUCTION) or actor.may(Permission.PLAN_REDUCTION)


def permission_of(actor: Actor) -> Permission:
    """By which permission this actor gives, renews and withdraws."""
    return Permission.SUPPORT_REDUCTION if actor.may(Permission.SUPPORT_REDUCTION) else Permission.PLAN_REDUCTION


def _require(actor: Actor, person_id: int) -> PatientSubject:
    subject = ledger.subject_of(person_id)
    require(actor, permission_of(actor), subject)
    return subject


def give(actor: Actor, person_id: int, *, demo_code: str = "") -> Given:
    """A new code; one that is in force is replaced by it. Refused: no date of birth on record, a person who has died.

    demo_code: this code, in a demo only.
    """
    if demo_code and not settings.DEMO:
        raise ValueError("a chosen code is for the demo")
    _require(actor, person_id)
    with transaction.atomic():
        person = lock_person(person_id)
        if person.death_date is not None:
            raise Refused("This person has died: no code can be given.")
        if person.birth_date is None:
            raise Refused("No date of birth is on record: they sign in with it. Put the record right first.")
        before = selectors.code_of(person_id)
        if before is not None:
            _end(actor, before, CodeState.REPLACED, CodeAct.REPLACED)
        code, today = demo_code or codes.make(), clock.today()
        row = OwnCode.objects.create(
            person_id=person_id, org_code=actor.organisation, look_up=codes.look_up(code), given_on=today,
            until=today + timedelta(days=choices().valid_days),
        )  # fmt: skip
        _tell(actor, row, CodeAct.GIVEN)
    return Given(code, row)


def withdraw(actor: Actor, person_id: int, *, why: str) -> None:
    """The code opens nothing from now on; a page that is open closes with the next step on it."""
    words = needs_words(why, "Say why, in a few words.")
    _require(actor, person_id)
    with transaction.atomic():
        lock_person(person_id)
        row = selectors.code_of(person_id)
        if row is None:
            raise Refused("There is no code to withdraw.")
        _end(actor, row, CodeState.WITHDRAWN, CodeAct.WITHDRAWN, words)


def slip_of(actor: Actor, person_id: int, code: str) -> OwnCode:
    """The row of a code that was just given, to print it. Refused: another one holds by now."""
    _require(actor, person_id)
    row = selectors.code_of(person_id)
    if row is None or not constant_time_compare(row.look_up, codes.look_up(code)):
        raise Refused("This code does not hold any more: give a new one.")
    return row


def _end(actor: Actor, row: OwnCode, state: CodeState, act: CodeAct, why: str = "") -> None:
    row.state = state
    row.save(update_fields=["state"])
    _tell(actor, row, act, why)


def _tell(actor: Actor, row: OwnCode, act: CodeAct, why: str = "") -> None:
    CodeEvent.objects.create(
        code=row, act=act, at=clock.now(), by_id=actor.user_id, role=actor.role, org_code=actor.organisation, why=why
    )  # fmt: skip
    audit.record_write(
        actor, f"own page code {act.value}", person_id=row.person_id, subject_type="own page code", subject_id=row.pk, reason=why
    )  # fmt: skip


# Signing in


def check(code: str, born: date, address: str) -> OwnCode:
    """The code that opens the page, by what was typed (`codes.read`; empty when it could be none) and from where.

    Refused with the same words whatever was wrong; `limits.TooMany` when it was tried too often. Whether a code exists can be told
    neither from the answer nor from how long it takes: every try counts, looks up, compares and records alike.
    """
    if not _may_try(code, address):
        audit.record_refusal(Actor.system(SIGN_IN), SIGN_IN, reason="tried too often")
        raise limits.TooMany(f"This was tried too often. Wait {choices().tries.minutes} minutes, then try again.")
    found = selectors.code_found(code)
    opens = found is not None and selectors.opens(found, clock.today())
    known = found.person.birth_date if found is not None and opens else None
    right = constant_time_compare((known or _NOBODY).isoformat(), born.isoformat()) and known is not None
    if found is None or not right:
        _wrong(found)
        raise Refused(NOT_RIGHT)
    _right(found, code)
    return found


def _may_try(code: str, address: str) -> bool:
    tries = choices().tries
    within = timedelta(minutes=tries.minutes)
    return (
        limits.take("own page address", address, most=tries.address, within=within)
        and limits.take("own page code", code, most=tries.code, within=within)
        and limits.take("own page code a day", code, most=tries.code_a_day, within=timedelta(days=1))
    )


def _wrong(found: OwnCode | None) -> None:
    with transaction.atomic():
        OwnCode.objects.filter(pk=found.pk if found is not None else 0).update(wrong=F("wrong") + 1)
        audit.record_refusal(
            Actor.system(SIGN_IN), SIGN_IN, person_id=found.person_id if found is not None else None, reason="wrong code or date of birth"
        )  # fmt: skip
        if found is not None and found.wrong + 1 >= choices().tries.wrong_at_all:
            _end(Actor.system(SIGN_IN), found, CodeState.WITHDRAWN, CodeAct.WITHDRAWN, "too many wrong dates of birth")


def _right(found: OwnCode, code: str) -> None:
    me, now = Actor.themselves(found.person_id), clock.now()
    limits.forget("own page code", code)
    limits.forget("own page code a day", code)
    with transaction.atomic():
        lock_person(found.person_id)
        row = OwnCode.objects.select_for_update().get(pk=found.pk)
        if row.state != CodeState.IN_FORCE:
            raise Refused(NOT_RIGHT)
        if row.first_used_at is None:
            row.first_used_at = now
            _tell(me, row, CodeAct.FIRST_USED)
        row.last_used_at, row.wrong = now, 0
        row.save(update_fields=["first_used_at", "last_used_at", "wrong"])
        audit.record_write(me, SIGN_IN, person_id=row.person_id, subject_type="own page code", subject_id=row.pk)
