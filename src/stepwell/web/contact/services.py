"""Verbs of adjustments: record what somebody asked for, and end it. Each writes its events and the audit in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.contact import choices, selectors, words
from stepwell.web.contact.choices import CARER, REVIEW, SAFE
from stepwell.web.contact.models import Act, AdjustmentEvent
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import PersonRecord

LONGEST = 300
REPLACED = "recorded again"


@dataclass(frozen=True, slots=True)
class Item:
    """One adjustment as asked for: `kind` and `code` of a choice, what stands beside it, and the last day it holds."""

    kind: str
    code: str
    words: str = ""
    until: date | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.code


class Changed(Refused):
    """Somebody else wrote meanwhile. `merged`: what is in force now with one's own changes on it, to look at and save again."""

    def __init__(self, said: str, merged: Sequence[Item]) -> None:
        super().__init__(said)
        self.merged = list(merged)


def item_of(row: AdjustmentEvent) -> Item:
    return Item(row.kind, row.code, row.words, row.until)


def save_adjustments(
    actor: Actor, person_id: int, wanted: Sequence[Item], *, seen: int, carer: Item | None = None, safe_why: str = ""
) -> int:
    """Make `wanted` what is in force (all but carers, who are ended one by one), and add `carer`; gives how many events.

    `seen` is the newest event that the writer saw: Changed, with what changed, when there are newer ones. `safe_why` is kept
    with rules of safe contact, for those who may see sensitive entries. Refused: an unknown choice, words that are missing,
    choices that rule each other out, nothing to change.
    """
    require(actor, Permission.RECORD_ADJUSTMENTS, ledger.subject_of(person_id))
    asked = [_tidy(item) for item in wanted]
    own = _tidy(carer) if carer is not None else None
    with transaction.atomic():
        PersonRecord.objects.select_for_update().get(person_id=person_id)
        _check_unchanged(person_id, asked, seen)
        rows = selectors.in_force_of(person_id)
        _check_together([*asked, *(item_of(row) for row in rows if row.kind == CARER), *([own] if own else [])])
        why = " ".join(safe_why.split())
        ended, recorded = _difference(rows, asked, why)
        now = clock.now()
        for row in ended:
            again = any(item.key == row.key for item, _ in recorded) if row.kind != CARER else False
            _append(actor, person_id, Act.ENDED, item_of(row), now, about=row, why=REPLACED if again else "")
        for item, reason in recorded:
            _append(actor, person_id, Act.RECORDED, item, now, why=reason)
        if own is not None:
            _append(actor, person_id, Act.RECORDED, own, now)
        count = len(ended) + len(recorded) + (own is not None)
        if not count:
            raise Refused("Nothing was changed: tick or write what is needed, then save.")
        audit.record_write(actor, "record adjustments", person_id=person_id, subject_type="adjustments", subject_id=count)
    return count


def end_adjustment(actor: Actor, event_id: int, *, in_error: bool, why: str) -> AdjustmentEvent:
    """It is no longer needed, or was recorded in error: another event says so, with the reason; the first one stays."""
    found = selectors.recorded(event_id)
    if found is None:
        raise Refused("There is no such adjustment.")
    require(actor, Permission.RECORD_ADJUSTMENTS, ledger.subject_of(found.person_id))
    reason = " ".join(why.split())
    if not reason:
        raise Refused("Say why.")
    with transaction.atomic():
        PersonRecord.objects.select_for_update().get(person_id=found.person_id)
        closed = AdjustmentEvent.objects.filter(about=found).select_related("by").first()
        if closed is not None:
            raise Refused(f"{closed.by.display_name} ended this on {clinician.date(closed.at)}. Nothing was changed.")
        act = Act.IN_ERROR if in_error else Act.ENDED
        event = _append(actor, found.person_id, act, item_of(found), clock.now(), about=found, why=reason)
        audit.record_write(
            actor, f"adjustment {act.value}", person_id=found.person_id, subject_type="adjustment", subject_id=found.pk
        )  # fmt: skip
    return event


def next_review(on: date) -> date:
    """The day a form proposes for looking at everything again."""
    year, month = divmod(on.year * 12 + on.month - 1 + choices.review_after_months(), 12)
    return date(year, month + 1, min(on.day, 28))


def _tidy(item: Item) -> Item:
    """The item with its words on one line; Refused when it is not a choice or words are missing."""
    choice = choices.choice(item.kind, item.code)
    if choice is None:
        raise Refused("This is not one of the choices.")
    text = " ".join(item.words.split())
    if choice.asks and not text:
        raise Refused(f"{choice.label}: say {choice.asks[:1].lower()}{choice.asks[1:]}.")
    if item.kind == CARER and not text:
        raise Refused("Give the carer's name and what they may be told.")
    if item.kind == REVIEW and item.until is None:
        raise Refused("Give the day to look at these again.")
    if len(text) > LONGEST:
        raise Refused(f"{choice.label}: say it in at most {LONGEST} characters.")
    return Item(item.kind, item.code, text, item.until)


def _check_together(items: Sequence[Item]) -> None:
    """Choices that rule each other out: a rule of safe contact, and what it forbids."""
    by_code = {item.code: item for item in items}
    for item in items:
        choice = choices.choice(item.kind, item.code)
        for other in choice.not_with if choice else ():
            if other in by_code:
                label = choices.choice(by_code[other].kind, other)
                raise Refused(
                    f"“{choice.label if choice else item.code}” and “{label.label if label else other}” rule each other out: keep one."
                )


def _check_unchanged(person_id: int, asked: Sequence[Item], seen: int) -> None:
    newer = selectors.events_since(person_id, seen)
    if not newer:
        return
    before = {row.key: item_of(row) for row in selectors.as_seen(person_id, seen) if row.kind != CARER}
    now = {row.key: item_of(row) for row in selectors.in_force_of(person_id) if row.kind != CARER}
    mine = {item.key: item for item in asked}
    taken_off = before.keys() - mine.keys()
    put_on = {key: item for key, item in mine.items() if before.get(key) != item}
    merged = {key: item for key, item in now.items() if key not in taken_off} | put_on
    raise Changed(
        f"Nothing was saved: meanwhile {told(newer)}. Below is what holds now with your changes; look at it and save again.",
        list(merged.values()),
    )


def told(events: Iterable[AdjustmentEvent]) -> str:
    """`Priya Nair recorded “easy read” (10:12)`: what a second person should see."""
    verbs = {Act.RECORDED: "recorded", Act.ENDED: "ended", Act.IN_ERROR: "took back"}
    lines = (
        f"{event.by.display_name} {verbs[Act(event.act)]} “{words.phrase(event)}” ({clinician.time(event.at)})"
        for event in events
        if event.why != REPLACED
    )
    return "; ".join(dict.fromkeys(lines))


def _difference(rows: Sequence[AdjustmentEvent], asked: Sequence[Item], why: str) -> tuple[list[AdjustmentEvent], list[tuple[Item, str]]]:
    """Rows to end, and items to record with their reason. A rule of safe contact that is written again keeps its reason."""
    now = {row.key: row for row in rows if row.kind != CARER}
    mine = {item.key: item for item in asked if item.kind != CARER}
    ended = [row for key, row in now.items() if key not in mine]
    recorded: list[tuple[Item, str]] = []
    for key, item in mine.items():
        row = now.get(key)
        reason = (why or (row.why if row else "")) if item.kind == SAFE else ""
        if row is not None and item_of(row) == item and row.why == reason:
            continue
        if row is not None:
            ended.append(row)
        recorded.append((item, reason))
    return ended, recorded


def _append(
    actor: Actor, person_id: int, act: Act, item: Item, at: datetime, *, about: AdjustmentEvent | None = None, why: str = ""
) -> AdjustmentEvent:
    return AdjustmentEvent.objects.create(
        person_id=person_id,
        act=act.value,
        kind=item.kind,
        code=item.code,
        words=item.words,
        why=why,
        until=item.until,
        at=at,
        by_id=actor.user_id or 0,
        role=actor.role,
        org_code=actor.organisation,
        about=about,
    )
