"""What a request for shared care can be filled with from the record and the protocol, before anybody types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from stepwell.knowledge.shared_care import Protocol
from stepwell.web.agreements.request_form import LICENSED, OFF_LICENCE
from stepwell.web.agreements.terms import Terms, latest
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.presenters import dose_words

_AMOUNT = re.compile(r"\d\s*(mg|milligram|microgram|mcg|g\b|gram)", re.IGNORECASE)


def first_terms(record: PersonRecord, substance: str, about: Protocol | None, on: date) -> Terms:
    """Indication, licence, dose, start and stability as the record has them; review days at the protocol's latest."""
    row: Mapping[str, Any] = next((each for each in record.medicines if each["substance"] == substance), {})
    indication = str(row.get("indication") or "").replace("-", " ")
    licence = row.get("licence") if row.get("licence") in (LICENSED, OFF_LICENCE) else ""
    dose = _dose(str(row.get("dose_text") or ""), dose_words(row) if row else "")
    return Terms(
        indication=indication[:1].upper() + indication[1:],
        licence=licence or "",
        started_on=_day(row.get("started_on")),
        dose=dose[:200],
        stable_since=_day(row.get("last_change_on")) or _day(row.get("started_on")),
        ends_on=_day(row.get("intended_end_on")),
        review_on=latest(about.agreement_review.every, on) if about is not None else None,
        specialist_review_on=latest(about.specialist_review.every, on) if about is not None else None,
        from_on=on,
    )


def _dose(text: str, amount: str) -> str:
    """As it is written, with the amount a day before it where the text names none ("take 2 tablets at bedtime")."""
    if text and amount and not _AMOUNT.search(text):
        return f"{amount}: {text}"
    return text or amount


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
