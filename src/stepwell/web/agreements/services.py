"""Verbs of agreements. Each decides access, writes the agreement, its event and the audit in one transaction; evaluating the
person is the ledger's work, after the commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.agreements import selectors
from stepwell.web.agreements.models import Agreement, AgreementEvent, AgreementLine
from stepwell.web.core import audit, clock
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission

ALL = "all"


@dataclass(frozen=True, slots=True)
class Line:
    """`line` is `all`, `prescribe`, a test key or a rule id."""

    line: str
    owner_org: str
    owner_role: str = ""


def record_agreement(
    actor: Actor,
    subject: PatientSubject,
    *,
    substance: str,
    between_org: str,
    and_org: str,
    lines: Sequence[Line],
    agreed_on: date,
    from_on: date,
    to_on: date | None = None,
    label: str,
    why: str = "",
) -> Agreement:
    """What two organisations have agreed about one medicine; from `from_on` those lines are their owners'.

    Refused: no line, an owner who is not a party, dates the wrong way round, an agreement about the same medicine in the
    same time. The caller asks the ledger to evaluate the person afterwards (`request_evaluation` in the same transaction).
    """
    require(actor, Permission.AGREE_OWNERS, subject)
    _check_parties(actor, {between_org, and_org}, lines)
    _check_dates(agreed_on, from_on, to_on)
    _check_alone(subject, substance, from_on, to_on)
    with transaction.atomic():
        agreement = Agreement.objects.create(
            person_id=subject.person_id,
            substance=substance,
            between_org=between_org,
            and_org=and_org,
            label=label,
            agreed_on=agreed_on,
            from_on=from_on,
            to_on=to_on,
        )
        AgreementLine.objects.bulk_create(
            AgreementLine(agreement=agreement, line=line.line, owner_org=line.owner_org, owner_role=line.owner_role) for line in lines
        )
        detail = {"lines": [{"line": line.line, "owner_org": line.owner_org} for line in lines], "from_on": from_on.isoformat()}
        _event(agreement, "recorded", actor, why, detail)
        audit.record_write(
            actor, "record agreement", person_id=subject.person_id, subject_type="agreement", subject_id=agreement.pk, reason=label
        )  # fmt: skip
    return agreement


def _check_parties(actor: Actor, parties: set[str], lines: Sequence[Line]) -> None:
    if not lines:
        raise Refused("Say at least who owns what the agreement covers.")
    if len(parties) == 1:
        raise Refused("An agreement has two parties: choose the other organisation.")
    if not parties & set(actor.organisations):
        raise Refused("You can record an agreement that your own organisation is party to.")
    if any(line.owner_org not in parties for line in lines):
        raise Refused("Each line is owned by one of the two parties.")
    if len({line.line for line in lines}) != len(lines):
        raise Refused("Each line has one owner: remove the line that is there twice.")


def _check_dates(agreed_on: date, from_on: date, to_on: date | None) -> None:
    if agreed_on > clock.today():
        raise Refused("The day it was agreed cannot be in the future.")
    if from_on < agreed_on:
        raise Refused("An agreement cannot begin before it was agreed.")
    if to_on is not None and to_on <= from_on:
        raise Refused("The end must be after the beginning.")


def _check_alone(subject: PatientSubject, substance: str, from_on: date, to_on: date | None) -> None:
    other = selectors.overlapping(subject.person_id, substance, from_on, to_on).first()
    if other is not None:
        raise Refused(
            f"There is already an agreement about {substance} from {clinician.date(other.from_on)} ({other.label}). End that one first."
        )


def end_agreement(actor: Actor, subject: PatientSubject, agreement_id: int, *, to_on: date, why: str) -> Agreement:
    """From `to_on` the agreement is no longer in force. Its lines stay on record."""
    require(actor, Permission.AGREE_OWNERS, subject)
    if not why.strip():
        raise Refused("Say why the agreement ends.")
    with transaction.atomic():
        agreement = Agreement.objects.select_for_update().filter(pk=agreement_id, person_id=subject.person_id).first()
        if agreement is None:
            raise Refused("There is no such agreement for this person.")
        if not {agreement.between_org, agreement.and_org} & set(actor.organisations):
            raise Refused("You can end an agreement that your own organisation is party to.")
        if agreement.to_on is not None and agreement.to_on <= clock.today():
            raise Refused(f"This agreement ended on {clinician.date(agreement.to_on)}.")
        if to_on < max(agreement.from_on, clock.today()):
            raise Refused("It can end today or later, and not before it began: what was owned until now stays so.")
        agreement.to_on = to_on
        agreement.save(update_fields=["to_on"])
        _event(agreement, "ended", actor, why, {"to_on": to_on.isoformat()})
        audit.record_write(
            actor, "end agreement", person_id=subject.person_id, subject_type="agreement", subject_id=agreement.pk, reason=why
        )  # fmt: skip
    return agreement


def adopt_lines(actor: Actor, rows: Iterable[Mapping[str, Any]], *, at: datetime) -> None:
    """Agreements from rows of the workflow table: those of one `agreement_id` are one agreement."""
    ordered = sorted(rows, key=lambda row: (row["person_id"], row["agreement_id"]))
    for (person_id, source_id), group in groupby(ordered, key=lambda row: (row["person_id"], row["agreement_id"])):
        found = list(group)
        first = found[0]
        owners = sorted({row["owner_org"] for row in found})
        agreement = Agreement.objects.create(
            person_id=person_id,
            substance=first["substance"],
            between_org=owners[0],
            and_org=owners[1] if len(owners) > 1 else "",
            label=first["label"] or "",
            agreed_on=first["from_on"],
            from_on=first["from_on"],
            to_on=first["to_on"],
        )
        AgreementLine.objects.bulk_create(
            AgreementLine(agreement=agreement, line=row["line"], owner_org=row["owner_org"], owner_role=row["owner_role"] or "")
            for row in found
        )
        _event(agreement, "adopted", actor, f"from the store, agreement {source_id}", {}, at=at)


def _event(agreement: Agreement, kind: str, actor: Actor, why: str, detail: dict[str, Any], *, at: datetime | None = None) -> None:
    AgreementEvent.objects.create(
        agreement=agreement,
        kind=kind,
        at=at or clock.now(),
        by_id=actor.user_id,
        role=actor.role,
        org_code=actor.organisation,
        why=why,
        detail=detail,
    )
