"""Adjustments in words: the strip before every contact, and one line each. No database is read here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from stepwell.web.contact import choices
from stepwell.web.contact.choices import ADDRESS, CARER, INTERPRETER, LANGUAGE, PROFESSIONAL, REVIEW, SAFE
from stepwell.web.contact.models import AdjustmentEvent
from stepwell.web.core.formatting import clinician

Spoken = tuple[str, bool]  # language code and whether an interpreter is needed, as the record has them
GP_RECORD = "the GP record says"


def in_order(rows: Iterable[AdjustmentEvent]) -> list[AdjustmentEvent]:
    """Safe contact first, then as a reader needs them."""
    kinds = [group.kind for group in choices.groups()]
    places = choices.places()
    last = len(places)
    return sorted(rows, key=lambda row: (kinds.index(row.kind), places.get((row.kind, row.code), last), row.pk))


def spoken_words(language: str, interpreter: bool) -> str:
    """`Polish interpreter`, `prefers Polish`; when nobody says which language, that; empty when there is nothing to tell."""
    name = choices.spoken(language)
    if interpreter:
        return f"{name} interpreter" if name else "interpreter needed, language not recorded"
    return f"prefers {name}" if name else ""


def _own_spoken(rows: Sequence[AdjustmentEvent]) -> tuple[Spoken, AdjustmentEvent] | None:
    """Language and interpreter as recorded here, with the row that says it; None when neither is."""
    language = next((row for row in rows if row.kind == LANGUAGE), None)
    interpreter = next((row for row in rows if (row.kind, row.code) == (PROFESSIONAL, INTERPRETER)), None)
    row = language or interpreter
    return ((language.code if language else "", interpreter is not None), row) if row is not None else None


def _languages(rows: Sequence[AdjustmentEvent], record: Spoken | None) -> list[str]:
    """One phrase where the record and we agree or only one speaks; both, saying which is which, where they differ."""
    imported = spoken_words(*record) if record else ""
    found = _own_spoken(rows)
    if found is None:
        return [imported] if imported else []
    (language, interpreter), row = found
    if record and not language:  # only the interpreter was recorded here: the language is the record's
        language = record[0]
    own = spoken_words(language, interpreter) or "speaks English"
    if not imported or imported == own:
        return [] if not imported and own == "speaks English" else [own]
    return [f"{own} (recorded here {clinician.date(row.at)}); {GP_RECORD}: {imported}"]


def phrase(row: AdjustmentEvent) -> str:
    """One adjustment in few words, as the strip has it: `call only 01632 960111 after 17:00`."""
    if row.kind == LANGUAGE:
        return f"prefers {choices.languages().get(row.code, row.code)}"
    if row.kind == REVIEW:
        return f"to be looked at again on {clinician.date(row.until)}"
    choice = choices.choice(row.kind, row.code)
    text = choice.strip.replace("{words}", row.words) if choice else f"{row.code} {row.words}".strip()
    return f"{text} (until {clinician.date(row.until)})" if row.kind == CARER and row.until else text


def ended_consent(row: AdjustmentEvent, on: date) -> bool:
    """A carer's consent whose last day is past: it no longer allows anything."""
    return row.kind == CARER and row.until is not None and row.until < on


def review_due(rows: Iterable[AdjustmentEvent], on: date) -> date | None:
    """The day on which these should have been looked at again, when that is today or past."""
    return next((row.until for row in rows if row.kind == REVIEW and row.until is not None and row.until <= on), None)


def strip(rows: Sequence[AdjustmentEvent], record: Spoken | None, on: date) -> list[str]:
    """What to know before any contact, in few words each: rules of safe contact first, then how to reach and speak with the
    person, then the rest; at the end that all this is due to be looked at again."""
    of = {kind: [row for row in rows if row.kind == kind] for kind in {row.kind for row in rows}}
    found = [phrase(row) for kind in (SAFE, ADDRESS) for row in of.get(kind, [])]
    found += _languages(rows, record)
    said = (SAFE, ADDRESS, LANGUAGE, CARER, REVIEW)
    found += [phrase(row) for row in rows if row.kind not in said and (row.kind, row.code) != (PROFESSIONAL, INTERPRETER)]
    found += [phrase(row) for row in of.get(CARER, []) if not ended_consent(row, on)]
    if due := review_due(rows, on):
        found.append(f"ask whether this still holds (due {clinician.date(due)})")
    return found
