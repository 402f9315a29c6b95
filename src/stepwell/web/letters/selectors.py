"""Reads of letters: drafts of one's own organisation, letters to and from it, what waits, what came of them.

A letter is for its sender and its receiver, and each needs a relationship to the person (the views ask `core.gate`). What is
hidden from the reader is taken out of what these selectors give, in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from stepwell.clinical.letter_completeness import as_rows
from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts.models import OrganisationKind
from stepwell.web.core import clock, traces
from stepwell.web.core.actor import Actor
from stepwell.web.ledger import selectors as ledger
from stepwell.web.letters import cutting
from stepwell.web.letters.drafting import Content, content
from stepwell.web.letters.models import Draft, DraftAct, DraftEvent, Letter, LetterAct, LetterAction, LetterEvent
from stepwell.web.privacy import restrict

PAGE = 50
ANSWERS = (LetterAct.ACCEPTED, LetterAct.DECLINED)


# Drafts


def _open_drafts() -> QuerySet[Draft]:
    over = DraftEvent.objects.filter(draft=OuterRef("pk"), act__in=(DraftAct.SENT, DraftAct.DISCARDED))
    return Draft.objects.exclude(Exists(over))


def draft(actor: Actor, draft_id: int) -> Draft | None:
    """A draft of the actor's organisation, sent or discarded ones included."""
    return Draft.objects.select_related("by", "corrects").filter(pk=draft_id, from_org=actor.organisation).first()


def is_open(row: Draft) -> bool:
    return _open_drafts().filter(pk=row.pk).exists()


def content_of(row: Draft, *, upto: int | None = None) -> Content:
    return content(row, row.events.order_by("id"), upto=upto)


def drafts_for(actor: Actor) -> list[Draft]:
    """Open drafts of the actor's organisation about people they may open, the newest first."""
    visible = ledger.visible_ids(actor, clock.today())
    return list(_open_drafts().filter(from_org=actor.organisation, person_id__in=visible).order_by("-id")[:PAGE])


def drafts_of_person(actor: Actor, person_id: int) -> list[Draft]:
    if not traces.any_of(Draft, person_id):
        return []
    return list(_open_drafts().filter(from_org=actor.organisation, person_id=person_id).order_by("-id"))


# Letters


def _parties(actor: Actor) -> Q:
    return Q(from_org=actor.organisation) | Q(to_org__in=actor.organisations)


def letter_row(actor: Actor, letter_id: int) -> Letter | None:
    """A letter that the actor's organisation wrote or received, as it was sent; for verbs. Pages take `letter`."""
    rows = Letter.objects.select_related("author", "supersedes", "superseded_by", "draft")
    return rows.filter(_parties(actor), pk=letter_id).first()


def letter(actor: Actor, letter_id: int) -> Letter | None:
    """The same with what the reader is not shown taken out: `sections` and the texts of `actions_of`. Never save it."""
    found = letter_row(actor, letter_id)
    if found is not None:
        cut = _cut(actor, found.person_id)
        found.sections = as_rows(cutting.shown(cut, found.parts))
    return found


def _cut(actor: Actor, person_id: int) -> restrict.Cut:
    person = ledger.find_person(person_id)
    return restrict.cut_for(actor, [person])[person_id] if person is not None else restrict.NOTHING


@dataclass(frozen=True)
class Asked:
    """An action of a letter as it stands: `answer` is the event that accepted or declined it, None while it waits."""

    action: LetterAction
    text: str
    answer: LetterEvent | None

    @property
    def waits(self) -> bool:
        return self.answer is None

    @property
    def is_accepted(self) -> bool:
        return self.answer is not None and self.answer.act == LetterAct.ACCEPTED


def actions_of(actor: Actor, row: Letter) -> list[Asked]:
    cut = _cut(actor, row.person_id)
    answers = {event.action_id: event for event in LetterEvent.objects.filter(letter=row, act__in=ANSWERS).select_related("by")}
    return [Asked(each, cutting.shown_text(cut, each.text), answers.get(each.pk)) for each in row.actions.order_by("number")]


def action_row(actor: Actor, action_id: int) -> LetterAction | None:
    """An action that the actor's organisations were asked for."""
    rows = LetterAction.objects.select_related("letter__superseded_by")
    return rows.filter(pk=action_id, letter__to_org__in=actor.organisations).first()


def answer_of(action: LetterAction) -> LetterEvent | None:
    return LetterEvent.objects.filter(action=action, act__in=ANSWERS).select_related("by").first()


def events_of(row: Letter) -> list[LetterEvent]:
    return list(row.events.select_related("by", "action").order_by("id"))


def judgement_of(row: Letter) -> LetterEvent | None:
    """The receiver's last word on "was this enough?"."""
    return row.events.filter(act=LetterAct.ENOUGH).order_by("-id").first()


def is_read(row: Letter) -> bool:
    return row.events.filter(act=LetterAct.READ).exists()


def letters_of_person(actor: Actor, person_id: int) -> list[Letter]:
    """To and from the actor's organisations about one person, the newest first."""
    if not traces.any_of(Letter, person_id):
        return []
    return list(Letter.objects.filter(_parties(actor), person_id=person_id).select_related("superseded_by").order_by("-id"))


def last_letter(actor: Actor, person_id: int) -> Letter | None:
    """The newest letter of the actor's own organisation about a person, as the actor is shown it."""
    row = Letter.objects.filter(from_org=actor.organisation, person_id=person_id).order_by("-id").first()
    return letter(actor, row.pk) if row is not None else None


# Inbox and what was sent


def _with_state(rows: QuerySet[Letter]) -> Any:
    """The same letters with `was_read`, `waits` (an action has no answer) and `was_declined` (with a no that nobody noted)."""
    events = LetterEvent.objects.filter(letter=OuterRef("pk"))
    unanswered = LetterAction.objects.filter(letter=OuterRef("pk")).exclude(
        Exists(LetterEvent.objects.filter(action=OuterRef("pk"), act__in=ANSWERS))
    )
    declined = events.filter(act=LetterAct.DECLINED).exclude(
        Exists(LetterEvent.objects.filter(letter=OuterRef("letter"), act=LetterAct.NOTED, pk__gt=OuterRef("pk")))
    )
    return rows.annotate(
        was_read=Exists(events.filter(act=LetterAct.READ)), waits=Exists(unanswered), was_declined=Exists(declined)
    ).select_related("superseded_by")


def _current(rows: QuerySet[Letter]) -> QuerySet[Letter]:
    return rows.filter(superseded_by__isnull=True)


def _visible(actor: Actor) -> Any:
    return ledger.visible_ids(actor, clock.today())


NEW, WAITING, READ = "new", "waiting", "read"


def inbox(actor: Actor, show: str) -> Any:
    """Letters to the actor's organisations about people they may open: `new` (nobody read it), `waiting` (an action has no answer)
    or `read`, the newest first. A letter that was superseded is not waited for."""
    rows = _with_state(Letter.objects.filter(to_org__in=actor.organisations, person_id__in=_visible(actor)))
    match show:
        case "new":
            rows = rows.filter(was_read=False)
        case "waiting":
            rows = _current(rows.filter(waits=True))
        case _:
            rows = rows.filter(was_read=True)
    return rows.order_by("-id")


def counts(actor: Actor) -> dict[str, int]:
    return {show: inbox(actor, show).count() for show in (NEW, WAITING, READ)}


def sent(actor: Actor) -> Any:
    """Letters of the actor's organisation: those with an action that was declined and not noted first, then the newest."""
    rows = _with_state(Letter.objects.filter(from_org=actor.organisation, person_id__in=_visible(actor)))
    return rows.order_by("-was_declined", "-id")


def unnoted(actor: Actor) -> int:
    """How many letters of the actor's organisation were answered with a no that nobody has noted."""
    return int(sent(actor).filter(was_declined=True).count())


def answered(ids: Collection[int]) -> dict[int, tuple[int, int, int]]:
    """Letter → how many actions were accepted, declined, and wait."""
    if not ids:
        return {}
    found = dict.fromkeys(ids, (0, 0, 0))
    states: dict[int, list[str]] = {letter_id: [] for letter_id in ids}
    answers = dict(LetterEvent.objects.filter(letter__in=list(ids), act__in=ANSWERS).values_list("action_id", "act"))
    for action_id, letter_id in LetterAction.objects.filter(letter__in=list(ids)).values_list("pk", "letter_id"):
        states[letter_id].append(answers.get(action_id, ""))
    for letter_id, own in states.items():
        found[letter_id] = (own.count(LetterAct.ACCEPTED), own.count(LetterAct.DECLINED), own.count(""))
    return found


def judgements(ids: Collection[int]) -> dict[int, LetterEvent]:
    """Letter → the last answer to "was this enough?"."""
    rows = LetterEvent.objects.filter(letter__in=list(ids), act=LetterAct.ENOUGH).order_by("id")
    return {row.letter_id: row for row in rows}


# Letters that another area made


def made_of(actor: Actor, source: str, source_id: str) -> list[Letter]:
    """Letters that were made of something of another area, the newest first, by whichever organisation: the actor has opened that thing
    through its own gate. One query; nothing of what they say is given, only who was told when of which version."""
    rows = Letter.objects.filter(draft__source=source, draft__source_id=source_id).select_related("draft")
    return list(rows.defer("sections", "draft__sections").order_by("-id"))


def newest_made_of(actor: Actor, source: str, source_id: str, *, kind: str, to_org: str, lock: bool = False) -> Letter | None:
    """The newest that stands of those that the actor's own organisation sent to this receiver. `lock`: two senders follow each other."""
    rows = Letter.objects.filter(draft__source=source, draft__source_id=source_id, kind=kind, to_org=to_org)
    rows = rows.filter(from_org=actor.organisation, superseded_by__isnull=True).order_by("-id")
    return (rows.select_for_update(of=("self",)) if lock else rows).first()


# Whom one can write to


def receivers(actor: Actor, person_id: int) -> list[tuple[str, str]]:
    """The person's practice first, then others that have to do with them; never one's own."""
    person = ledger.find_person(person_id)
    near: Sequence[str] = sorted(ledger.organisations_near([person_id], clock.today()).get(person_id, ()))
    names = accounts.organisation_names()
    codes = dict.fromkeys(
        [*([person.gp_org] if person is not None and person.gp_org else []), *sorted(near, key=lambda code: names.get(code, code))]
    )
    return [(code, names[code]) for code in codes if code in names and code != actor.organisation]


def receivers_of_plans(actor: Actor, person_id: int) -> list[tuple[str, str]]:
    """Who may be sent a plan to reduce a medicine: those that have to do with the person, then every pharmacy that Stepwell knows. People
    choose their pharmacy, and no record says which it is."""
    return list((dict(receivers(actor, person_id)) | dict(pharmacies(actor))).items())


def pharmacies(actor: Actor) -> list[tuple[str, str]]:
    """(code, name) of every pharmacy that Stepwell knows, but one's own."""
    rows = accounts.organisations_of_kind(OrganisationKind.PHARMACY)
    return [(row.code, row.name) for row in rows if row.code != actor.organisation]
