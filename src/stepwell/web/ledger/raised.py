"""Duties that people's work raises: an unanswered request, advice that asks for a blood test, a meeting's decision, what a letter
asks for. Other areas raise, move and settle them inside their own transaction; the engine reads the statements like everything
else, so that there is one evaluation, one reconcile and one explanation (docs/engine.md 18).

A duty's key is (person, `asked.<source>`, source_id, point). Nothing here closes a duty by itself: what was said is stated, and the
evaluation after the commit opens, changes or closes it.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django.db import transaction

from stepwell.engine.reconcile import ASKED
from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger.acts import lock_person, needs_words, not_in_future, tell
from stepwell.web.ledger.evaluation import reevaluate, request_evaluation
from stepwell.web.ledger.models import Asked, AskedKind, Disposition, Duty, DutyState, EventKind

DONE, SUPERSEDED = AskedKind.DONE.value, AskedKind.SUPERSEDED.value
_SOURCE = re.compile(r"[a-z]+( [a-z]+)*")
_LONGEST = {
    "source": 60, "source_id": 120, "point": 40, "title": 200, "owner_org": 20, "owner_role": 40, "source_label": 300, "action_url": 300,
}  # fmt: skip
_SYSTEM = "system"


def rule_of(source: str) -> str:
    """The rule id of duties that this kind of work raises."""
    return f"{ASKED}.{source}"


def raise_duty(
    actor: Actor, subject: PatientSubject, *, source: str, source_id: str, point: str, title: str, owner_org: str,
    owner_role: str = "", due_on: date, opens_on: date | None = None, escalates_on: date | None = None, why: str,
    source_label: str = "", action_url: str = "", points: int = 0, test: str = "",
) -> int:  # fmt: skip
    """Ask `owner_org` (a code, or `nobody`) to do something by `due_on`; gives the key of what was stated.

    `source` is the kind of work (`agreement`, `service request`), `source_id` its key, `point` names the duty among its several.
    What is still open under that key takes the new words, dates and owner and stays the same duty; asked again once it was
    closed it is a new one. `why` are the raiser's words. `test`: a result of it from `opens_on` (today) on closes the duty.
    `action_url`: the page of the work where it is done. Refused: no words, an unknown test, what is too long.
    """
    values: dict[str, Any] = {
        "source": source, "source_id": source_id, "point": point, "title": " ".join(title.split()), "owner_org": owner_org,
        "owner_role": owner_role, "source_label": " ".join(source_label.split()), "action_url": action_url,
    }  # fmt: skip
    words = needs_words(why, "Say why it is asked.")
    _check(values, test)
    _may(actor, subject)
    today = clock.today()
    with transaction.atomic():
        lock_person(subject.person_id)
        before = latest(subject.person_id, source, source_id, point)
        goes_on = before is not None and before.kind == AskedKind.ASKED and not _is_answered(before)
        if before is not None and before.kind == AskedKind.ASKED and not goes_on:
            before = _keep_answer(actor, before)
        values |= {
            "round": before.round + (0 if goes_on else 1) if before is not None else 1,
            "raised_on": before.raised_on if before is not None and goes_on else today,
            "opens_on": opens_on or today,
            "due_on": due_on,
            "escalate_on": escalates_on,
            "points": points,
            "test": test,
            "why": f"{words} ({_signature(actor, today)})",
            "label": f"asked by {_signature(actor, today)}",
        }
        if before is not None and goes_on and all(getattr(before, name) == value for name, value in values.items()):
            return before.pk
        row = _state(actor, subject.person_id, before, kind=AskedKind.ASKED, **values)
        if before is not None and goes_on:
            _tell_moved(actor, before, row, words)
        audit.record_write(
            actor, "raise duty", person_id=subject.person_id, subject_type=source, subject_id=source_id, reason=values["title"]
        )  # fmt: skip
        _evaluate_after(subject.person_id)
    return row.pk


def settle_raised(
    actor: Actor, subject: PatientSubject, *, source: str, source_id: str, point: str, on: date, how: str, why: str
) -> bool:  # fmt: skip
    """The work itself closes what it raised: `how` is `done` (by this, on that day) or `superseded` (no longer asked).

    False when nothing was raised under this key, or it was settled before: then nothing is written.
    """
    words = needs_words(why, "Say what closes it.")
    not_in_future(on)
    if how not in (DONE, SUPERSEDED):
        raise ValueError(f"how is {DONE!r} or {SUPERSEDED!r}, not {how!r}")
    _may(actor, subject)
    today = clock.today()
    with transaction.atomic():
        lock_person(subject.person_id)
        before = latest(subject.person_id, source, source_id, point)
        if before is None or before.kind != AskedKind.ASKED:
            return False
        _state(actor, subject.person_id, before, kind=how, ended_on=on, ended_why=f"{words} ({_signature(actor, today)})")
        duty = duty_of(before)
        if duty is not None:
            tell(duty, EventKind.SETTLED, actor, why=words, how=how, on=on.isoformat())
        else:
            audit.record_write(
                actor, "duty settled", person_id=subject.person_id, subject_type=source, subject_id=source_id, reason=words
            )  # fmt: skip
        _evaluate_after(subject.person_id)
    return True


def move_raised(
    actor: Actor, subject: PatientSubject, *, source: str, source_id: str, point: str, owner_org: str | None = None,
    owner_role: str | None = None, due_on: date | None = None, escalates_on: date | None = None, why: str,
) -> bool:  # fmt: skip
    """Another owner, another day: the same duty goes on. What is not given stays. False when there is none that is open."""
    words = needs_words(why, "Say why it moves.")
    _may(actor, subject)
    if owner_org is not None:
        _check({"owner_org": owner_org, "owner_role": owner_role or ""}, "")
    today = clock.today()
    with transaction.atomic():
        lock_person(subject.person_id)
        before = latest(subject.person_id, source, source_id, point)
        if before is None or before.kind != AskedKind.ASKED or _is_answered(before):
            return False
        given = {"owner_org": owner_org, "owner_role": owner_role, "due_on": due_on, "escalate_on": escalates_on}
        values = {name: value for name, value in given.items() if value is not None and value != getattr(before, name)}
        if not values:
            return True
        if "owner_org" in values:
            values |= {"owner_role": owner_role or "", "label": f"moved here by {_signature(actor, today)}: {words}"}
        row = _state(actor, subject.person_id, before, kind=AskedKind.ASKED, **values)
        _tell_moved(actor, before, row, words)
        _evaluate_after(subject.person_id)
    return True


def take_raised(actor: Actor, duty: Duty, owner: str, why: str) -> None:
    """Somebody takes on what was asked of nobody in particular. The caller has decided that they may, holds the person and asks for
    the evaluation."""
    before = stated_of(duty)
    if before is None or before.kind != AskedKind.ASKED:
        raise Refused("What was asked has been settled meanwhile: nothing was changed.")
    label = f"taken on by {_signature(actor, clock.today())}: {why}"
    row = _state(actor, duty.person_id, before, kind=AskedKind.ASKED, owner_org=owner, owner_role="", label=label)
    _tell_moved(actor, before, row, why, duty=duty)


# What was stated


def latest(person_id: int, source: str, source_id: str, point: str) -> Asked | None:
    """The statement that holds."""
    return Asked.objects.filter(person_id=person_id, source=source, source_id=source_id, point=point).order_by("-seq").first()


def stated_points(person_id: int, source: str, source_id: str) -> dict[str, tuple[Asked, bool]]:
    """Of a piece of work the latest statement of each point, and whether it is asked and nobody has answered it."""
    rows = Asked.objects.filter(person_id=person_id, source=source, source_id=source_id).order_by("seq")
    return {point: (row, row.kind == AskedKind.ASKED and not _is_answered(row)) for point, row in {row.point: row for row in rows}.items()}


def stated_of(duty: Duty) -> Asked | None:
    """What was last said of a duty that was raised; None for one of a rule."""
    if duty.kind != ASKED:
        return None
    return latest(duty.person_id, duty.rule_id.removeprefix(f"{ASKED}."), duty.subject, duty.point)


def duty_of(row: Asked) -> Duty | None:
    """The open duty a statement is about, if an evaluation has opened it."""
    found = Duty.objects.filter(person_id=row.person_id, rule_id=rule_of(row.source), subject=row.source_id, point=row.point)
    return found.filter(state=DutyState.OPEN).first()


def _begun(row: Asked) -> Asked:
    """The statement that began its round."""
    same = Asked.objects.filter(person_id=row.person_id, source=row.source, source_id=row.source_id, point=row.point)
    return same.filter(round=row.round).order_by("seq")[0]


def _answers(row: Asked) -> list[Disposition]:
    """Answers in force to the present round."""
    found = Disposition.objects.filter(
        person_id=row.person_id, rule_id=rule_of(row.source), subject=row.source_id, point=row.point, undone_at__isnull=True
    )
    return list(found.filter(recorded_at__gte=_begun(row).recorded_at).order_by("id"))


def _is_answered(row: Asked) -> bool:
    """Whether this round is closed: by an answer, or by what an evaluation has read (a result)."""
    today = clock.today()
    if any(answer.kind != "not applicable" or answer.until is None or answer.until > today for answer in _answers(row)):
        return True
    same = Duty.objects.filter(
        person_id=row.person_id, rule_id=rule_of(row.source), subject=row.source_id, point=row.point, rule_version=row.round
    )
    last = same.order_by("-instance").first()
    return last is not None and not last.is_open


def _keep_answer(actor: Actor, before: Asked) -> Asked:
    """Answers of a round are read no longer once another begins: what closed this one is said of it before."""
    answers = _answers(before)
    if not answers:
        return before
    last = answers[-1]
    kind = AskedKind.DONE if last.kind == DONE else AskedKind.SUPERSEDED
    return _state(actor, before.person_id, before, kind=kind, ended_on=last.on_date, ended_why=last.label)


def _state(actor: Actor, person_id: int, before: Asked | None, *, kind: str, **values: Any) -> Asked:
    """Append a statement; what it does not name is as it was."""
    carried = {name: getattr(before, name) for name in _CARRIED} if before is not None else {}
    row = Asked(
        person_id=person_id,
        seq=before.seq + 1 if before is not None else 1,
        kind=kind,
        stated_on=clock.today(),
        recorded_at=clock.now(),
        recorded_by_id=actor.user_id,
        role=actor.role,
        org_code=actor.organisation,
        **(carried | values),
    )
    row.save()
    return row


_CARRIED = (
    "source", "source_id", "point", "round", "raised_on", "title", "test", "opens_on", "due_on", "escalate_on", "owner_org", "owner_role",
    "points", "why", "label", "source_label", "action_url",
)  # fmt: skip


def _tell_moved(actor: Actor, before: Asked, row: Asked, why: str, *, duty: Duty | None = None) -> None:
    """The event on the open duty. Another owner has not seen it and has not said who does it."""
    duty = duty or duty_of(row)
    if duty is None:
        audit.record_write(actor, "duty moved", person_id=row.person_id, subject_type=row.source, subject_id=row.source_id, reason=why)
        return
    afresh = row.owner_org != before.owner_org and not duty.handed_to
    if afresh:
        duty.assigned_to = duty.acknowledged_by = duty.acknowledged_at = duty.shown_from = None
        duty.deferred_why = ""
        duty.save(update_fields=["assigned_to", "acknowledged_by", "acknowledged_at", "shown_from", "deferred_why"])
    detail: dict[str, Any] = {
        "to": row.owner_org,
        "from": before.owner_org,
        "due": row.due_on.isoformat(),
        "due_before": before.due_on.isoformat(),
    }
    tell(duty, EventKind.MOVED, actor, why=why, afresh=afresh, **detail)


# Checks


def _check(values: dict[str, Any], test: str) -> None:
    for name, value in values.items():
        if len(value) > _LONGEST[name]:
            raise Refused(f"What is asked is too long ({name.replace('_', ' ')}): {_LONGEST[name]} characters at most.")
    for name in ("source", "source_id", "point", "title", "owner_org"):
        if name in values and not values[name].strip():
            raise Refused(f"What is asked needs its {name.replace('_', ' ')}.")
    if "source" in values and not _SOURCE.fullmatch(values["source"]):
        raise ValueError(f"a source is plain words in lower case, not {values['source']!r}")
    url = values.get("action_url", "")
    if url and (not url.startswith("/") or url.startswith("//")):
        raise ValueError(f"the page where it is done is an address of Stepwell, not {url!r}")
    if test and known.test(test) is None:
        raise Refused(f"{test} is not in the knowledge base.")


def _may(actor: Actor, subject: PatientSubject) -> None:
    """The area whose work it is has decided whether it may be done; whoever does it may at least open the person's record, or
    is the person, on their own page. What the software does by itself (a clock that runs out) follows from what somebody was
    allowed to do."""
    if actor.person_id is not None:
        require(actor, Permission.TELL_OWN, subject)
    elif actor.organisation_kind != _SYSTEM:
        require(actor, Permission.VIEW_PATIENT, subject)


def _signature(actor: Actor, on: date) -> str:
    if actor.organisation_kind == _SYSTEM:
        return f"Stepwell, {clinician.date(on)}"
    return f"{actor.display_name}, {actor.organisation_name}, {clinician.date(on)}"


def _evaluate_after(person_id: int) -> None:
    request_evaluation(person_id)
    transaction.on_commit(lambda: _quietly(person_id))


def _quietly(person_id: int) -> None:
    reevaluate(person_id)
