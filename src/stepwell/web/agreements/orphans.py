"""What falls between two organisations ("orphans"), found for one person from what is on record. Pure: it reads no database.

A medicine is looked at when a specialist starts it unless shown otherwise (ruling 1). Four things can be missing: a plan after
the specialist discharged the person, an agreement where two organisations share the medicine or nobody owns it, a review of the
agreement, and the protocol's present version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

NOBODY = "nobody"


class Kind(StrEnum):
    """In the order of worry."""

    DISCHARGED = "discharged"
    WITHOUT = "without"
    REVIEW = "review"
    PROTOCOL = "protocol"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Kind.DISCHARGED: "Specialist discharged, no plan",
    Kind.WITHOUT: "Monitored without an agreement",
    Kind.REVIEW: "Agreement without a review",
    Kind.PROTOCOL: "Protocol superseded",
}


class Missing(StrEnum):
    """What a row of `Kind.REVIEW` lacks: a day, or a day that has not passed."""

    NO_REVIEW = "no review"
    REVIEW_PAST = "review past"
    NO_SPECIALIST = "no specialist review"
    SPECIALIST_PAST = "specialist review past"


@dataclass(frozen=True, slots=True)
class Caseload:
    """Time on the caseload of a trust's team; `ended_on` is the day it ended, None while it lasts."""

    org_code: str
    started_on: date | None
    ended_on: date | None

    def lasts(self, on: date) -> bool:
        return (self.started_on is None or self.started_on <= on) and (self.ended_on is None or self.ended_on > on)


@dataclass(frozen=True, slots=True)
class Taken:
    """A medicine as the last evaluation found it. `suppliers` are kinds (`gp`, `trust` …), `supplier_orgs` their codes."""

    substance: str
    started_on: date | None
    owner_org: str
    suppliers: frozenset[str]
    supplier_orgs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """An agreement in force. `specialist_review_on`: the five-yearly review. `newer_since`: from when its protocol has a version
    in use that is not the one agreed; None while it is the newest or no protocol was named."""

    id: int
    substance: str
    specialist: str
    from_on: date
    review_on: date | None
    specialist_review_on: date | None
    protocol: str = ""
    newer_since: date | None = None


@dataclass(frozen=True, slots=True)
class Orphan:
    """One thing that is nobody's plan. `other` is the specialist side by code, empty when no record names one; `since` the day
    from which it has been so, None when the records do not tell."""

    kind: Kind
    person_id: int
    substance: str
    practice: str
    other: str
    since: date | None
    started_on: date | None = None
    owner: str = ""
    missing: tuple[tuple[Missing, date | None], ...] = ()
    agreement_id: int | None = None
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class OnRecord:
    """All that is read of one person. `held`: agreements in force; `ended`: the last day of one that is over, by medicine."""

    person_id: int
    practice: str
    taken: Sequence[Taken]
    caseloads: Sequence[Caseload]
    held: Sequence[Held]
    ended: Mapping[str, date]


def orphans(record: OnRecord, on: date) -> list[Orphan]:
    """What is nobody's plan for this person on day `on`, medicine by medicine."""
    agreements = {each.substance: each for each in record.held}
    found = []
    for medicine in record.taken:
        agreement = agreements.get(medicine.substance)
        if agreement is not None:
            found += _of_agreement(record, medicine, agreement, on)
        elif (one := _discharged(record, medicine, on) or _without(record, medicine, on)) is not None:
            found.append(one)
    return found


def _discharged(record: OnRecord, medicine: Taken, on: date) -> Orphan | None:
    """No team has the person on its caseload; the last one that had ended it while the medicine was taken."""
    if any(each.lasts(on) for each in record.caseloads):
        return None
    over = [(each.ended_on, each.org_code) for each in record.caseloads if each.ended_on is not None and each.ended_on <= on]
    if not over:
        return None
    ended_on, org_code = max(over)
    if medicine.started_on is not None and medicine.started_on > ended_on:
        return None
    return _orphan(Kind.DISCHARGED, record, medicine, other=org_code, since=ended_on)


def _without(record: OnRecord, medicine: Taken, on: date) -> Orphan | None:
    """Nobody owns it, or the practice and a specialist service both have to do with it."""
    present = [each.org_code for each in record.caseloads if each.lasts(on)]
    elsewhere = [code for code in medicine.supplier_orgs if code != record.practice] if medicine.suppliers - {"gp"} else []
    owner = medicine.owner_org
    outside = [owner] if owner not in (NOBODY, record.practice) else []
    by_specialist = bool(present or outside or medicine.suppliers - {"gp"})
    by_practice = owner == record.practice or "gp" in medicine.suppliers
    if owner != NOBODY and not (by_specialist and by_practice):
        return None
    days = [day for day in (medicine.started_on, record.ended.get(medicine.substance)) if day is not None]
    other = next((code for code in (*outside, *present, *elsewhere) if code), "")
    return _orphan(Kind.WITHOUT, record, medicine, other=other, since=max(days, default=None))


def _of_agreement(record: OnRecord, medicine: Taken, agreement: Held, on: date) -> list[Orphan]:
    found = []
    missing: list[tuple[Missing, date | None]] = []
    for day, none, past in (
        (agreement.review_on, Missing.NO_REVIEW, Missing.REVIEW_PAST),
        (agreement.specialist_review_on, Missing.NO_SPECIALIST, Missing.SPECIALIST_PAST),
    ):
        if day is None:
            missing.append((none, None))
        elif day < on:
            missing.append((past, day))
    if missing:
        # What never had a day has lacked it since the agreement began.
        since = min(day or agreement.from_on for _, day in missing)
        found.append(_orphan(Kind.REVIEW, record, medicine, since=since, agreement=agreement, missing=tuple(missing)))
    if agreement.newer_since is not None:
        found.append(_orphan(Kind.PROTOCOL, record, medicine, since=agreement.newer_since, agreement=agreement))
    return found


def _orphan(
    kind: Kind,
    record: OnRecord,
    medicine: Taken,
    *,
    since: date | None,
    other: str = "",
    agreement: Held | None = None,
    missing: tuple[tuple[Missing, date | None], ...] = (),
) -> Orphan:
    return Orphan(
        kind=kind,
        person_id=record.person_id,
        substance=medicine.substance,
        practice=record.practice,
        other=agreement.specialist if agreement else other,
        since=since,
        started_on=medicine.started_on,
        owner=medicine.owner_org,
        missing=missing,
        agreement_id=agreement.id if agreement else None,
        protocol=agreement.protocol if agreement else "",
    )
