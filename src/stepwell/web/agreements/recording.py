"""Agreements that come whole: recorded by one side as agreed elsewhere, or adopted from the store of an earlier database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import groupby
from typing import Any

from django.db import transaction
from django.utils import timezone

from stepwell.errors import Refused
from stepwell.web.agreements import selectors
from stepwell.web.agreements.models import Agreement, AgreementEvent, AgreementLine
from stepwell.web.agreements.story import ALL, Kind, State
from stepwell.web.core import audit, clock
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission

__all__ = ["ALL", "Line", "adopt_lines", "adopt_requests", "keep_event", "record_agreement"]


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
    same time, an open request about it. The caller asks the ledger to evaluate the person afterwards (`request_evaluation` in the
    same transaction).
    """
    require(actor, Permission.AGREE_OWNERS, subject)
    _check_parties(actor, {between_org, and_org}, lines)
    _check_dates(agreed_on, from_on, to_on)
    check_alone(subject.person_id, substance, from_on, to_on)
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
            state_from=from_on,
        )
        AgreementLine.objects.bulk_create(
            AgreementLine(agreement=agreement, line=line.line, owner_org=line.owner_org, owner_role=line.owner_role) for line in lines
        )
        detail = {"lines": [{"line": line.line, "owner_org": line.owner_org} for line in lines], "from_on": from_on.isoformat()}
        keep_event(agreement, Kind.RECORDED, actor, why, detail)
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


def check_alone(person_id: int, substance: str, from_on: date, to_on: date | None, *, but: Sequence[int | None] = ()) -> None:
    """One agreement and one request about a medicine at a time; `but`: those that the new one replaces."""
    found = selectors.overlapping(person_id, substance, from_on, to_on).exclude(pk__in=[pk for pk in but if pk is not None])
    other = found.first()
    if other is not None:
        raise Refused(
            f"There is already an agreement about {substance} from {clinician.date(other.from_on)} ({other.label}). End that one first."
        )
    request = selectors.open_request(person_id, substance)
    if request is not None and request.pk not in but:
        raise Refused(f"A request to share {substance} was sent on {clinician.date(request.sent_on)}: answer or withdraw that one first.")


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
            state_from=first["from_on"],
        )
        AgreementLine.objects.bulk_create(
            AgreementLine(agreement=agreement, line=row["line"], owner_org=row["owner_org"], owner_role=row["owner_role"] or "")
            for row in found
        )
        keep_event(agreement, Kind.ADOPTED, actor, f"from the store, agreement {source_id}", {}, at=at)


def adopt_requests(actor: Actor, rows: Iterable[Mapping[str, Any]], *, at: datetime) -> None:
    """Open requests from rows of the workflow table `owner_requests`: whoever asked keeps the medicine, and the clock runs from the
    day it was sent. What was asked for is not in the store; those that are over are not needed."""
    for row in rows:
        if row["to_on"] is not None or row["from_on"] is None or row["owner_org"] is None:
            continue
        moment = timezone.make_aware(datetime.combine(row["from_on"], time()))
        agreement = Agreement.objects.create(
            person_id=row["person_id"],
            substance=row["substance"],
            between_org=row["owner_org"],
            and_org=row["asked_org"] or "",
            label=row["label"] or "",
            requested=True,
            state=State.REQUESTED.value,
            state_from=row["from_on"],
            sent_on=row["from_on"],
            waits_on=row["asked_org"] or "",
            waits_for="request",
        )
        detail = {"owner": row["owner_org"], "from_on": row["from_on"].isoformat(), "moment": moment.isoformat()}
        keep_event(agreement, Kind.ADOPTED, actor, f"from the store, request {row['request_id']}", detail, at=at)


def keep_event(
    agreement: Agreement, kind: str, actor: Actor, why: str, detail: Mapping[str, Any], *, at: datetime | None = None
) -> AgreementEvent:  # fmt: skip
    """Append what was done, at the real time and at the time on the ledger's own day."""
    return AgreementEvent.objects.create(
        agreement=agreement,
        kind=str(kind),
        at=at or clock.now(),
        by_id=actor.user_id,
        role=actor.role,
        org_code=actor.organisation,
        why=why,
        detail=dict(detail),
        moment=clock.moment(),
    )
