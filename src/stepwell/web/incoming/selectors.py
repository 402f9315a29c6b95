"""Reads of letters from outside: for the organisation that keeps them and whoever covers it, about people they may open.

What is hidden from the reader is taken out of the text in memory; the file itself is then not shown at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db.models import Exists, OuterRef, QuerySet

from stepwell.clinical.letter_completeness import percent
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, traces
from stepwell.web.core.actor import Actor
from stepwell.web.incoming.models import Act, ReceivedEvent, ReceivedFile, ReceivedLetter
from stepwell.web.ledger import selectors as ledger
from stepwell.web.letters.measures import TeamMonth
from stepwell.web.privacy import restrict

LIST_SIZE = 50
RESTRICTED = "[restricted]"
UNREAD, ALL = "unread", "all"


def letter_row(actor: Actor, letter_id: int) -> ReceivedLetter | None:
    """A letter that the actor's organisations keep, as it was filed."""
    rows = ReceivedLetter.objects.select_related("by").defer("file__content")
    return rows.filter(pk=letter_id, org_code__in=actor.organisations).first()


def held_file(actor: Actor, person_id: int, file_id: int) -> ReceivedFile | None:
    """A file of this person that was kept while its form was not complete, and belongs to no letter."""
    rows = ReceivedFile.objects.filter(pk=file_id, person_id=person_id, org_code__in=actor.organisations, letter__isnull=True)
    return rows.defer("content").first()


def same_letter(person_id: int, org_code: str, sha256: str) -> ReceivedLetter | None:
    """The same letter, filed before and not taken out."""
    rows = ReceivedLetter.objects.filter(person_id=person_id, org_code=org_code, sha256=sha256)
    return rows.exclude(Exists(_events(Act.IN_ERROR))).first()


def _events(*acts: Act) -> QuerySet[ReceivedEvent]:
    return ReceivedEvent.objects.filter(letter=OuterRef("pk"), act__in=acts)


# One letter


@dataclass(frozen=True)
class Action:
    """Something that a reader found the letter to ask for; `answer` None while nobody has said what becomes of it."""

    event: ReceivedEvent
    answer: ReceivedEvent | None

    @property
    def waits(self) -> bool:
        return self.answer is None


@dataclass(frozen=True)
class Standing:
    """What the events of a letter add up to. `score` is the last scoring."""

    events: Sequence[ReceivedEvent]
    score: ReceivedEvent | None = None
    read: ReceivedEvent | None = None
    in_error: ReceivedEvent | None = None
    actions: Sequence[Action] = field(default_factory=tuple)

    @property
    def is_read(self) -> bool:
        """Read, and nothing was found to be asked since."""
        return self.read is not None and all(action.event.pk < self.read.pk for action in self.actions)

    @property
    def waiting(self) -> list[Action]:
        return [action for action in self.actions if action.waits]

    @property
    def percent(self) -> int | None:
        return percent(self.score.detail["filled"], self.score.detail["due"]) if self.score else None

    @property
    def last(self) -> int:
        """The newest event: what a form has seen."""
        return self.events[-1].pk if self.events else 0


def standing(letter: ReceivedLetter) -> Standing:
    return _standing(list(letter.events.select_related("by").order_by("id")))


def _standing(events: list[ReceivedEvent]) -> Standing:
    def last(act: Act) -> ReceivedEvent | None:
        return next((event for event in reversed(events) if event.act == act), None)

    answers = {event.about_id: event for event in events if event.about_id is not None}
    actions = [Action(event, answers.get(event.pk)) for event in events if event.act == Act.PROPOSED]
    return Standing(events, last(Act.SCORED), last(Act.READ), last(Act.IN_ERROR), actions)


def standings(letters: Sequence[ReceivedLetter]) -> dict[int, Standing]:
    """One question for all of them."""
    found: dict[int, list[ReceivedEvent]] = {letter.pk: [] for letter in letters}
    for event in ReceivedEvent.objects.filter(letter__in=list(found)).select_related("by").order_by("id"):
        found[event.letter_id].append(event)
    return {letter_id: _standing(events) for letter_id, events in found.items()}


def action_row(actor: Actor, action_id: int) -> ReceivedEvent | None:
    rows = ReceivedEvent.objects.filter(pk=action_id, act=Act.PROPOSED, letter__org_code__in=actor.organisations)
    return rows.select_related("letter", "answer__by").first()


def shown_text(cut: restrict.Cut, text: str) -> str:
    """The text without the lines that tell of an entry hidden from the reader."""
    if not cut.hidden:
        return text
    return "\n".join(RESTRICTED if cut.hidden.tells(line) else line for line in text.split("\n"))


# Lists


def letters_for(actor: Actor, show: str = ALL, *, like: ReceivedLetter | None = None) -> QuerySet[ReceivedLetter]:
    """What the actor's organisations keep about people they may open, the newest first; `unread`: what nobody has read; `like`: what
    was scored of the same sender and month."""
    rows = _kept(actor)
    if like is not None:
        rows = rows.filter(Exists(_events(Act.SCORED)), from_name=like.from_name, month=like.month)
    if show == UNREAD:
        # What was found to be asked after it was read waits too.
        later = ReceivedEvent.objects.filter(letter=OuterRef("letter"), act=Act.PROPOSED, pk__gt=OuterRef("pk"))
        rows = rows.exclude(Exists(_events(Act.READ).exclude(Exists(later))))
    return rows.select_related("by").order_by("-id")


def _kept(actor: Actor) -> QuerySet[ReceivedLetter]:
    visible = ledger.visible_ids(actor, clock.today())
    rows = ReceivedLetter.objects.filter(org_code__in=actor.organisations, person_id__in=visible)
    return rows.exclude(Exists(_events(Act.IN_ERROR)))


def letters_of_person(actor: Actor, person_id: int) -> list[ReceivedLetter]:
    if not traces.any_of(ReceivedLetter, person_id):
        return []
    rows = ReceivedLetter.objects.filter(org_code__in=actor.organisations, person_id=person_id)
    return list(rows.exclude(Exists(_events(Act.IN_ERROR))).order_by("-written_on", "-id"))


@dataclass(slots=True)
class SenderMonth(TeamMonth):
    """Letters of a sender in a month; `like` is the key of one of them, by which the others are found."""

    like: int = 0


def by_sender_and_month(actor: Actor) -> list[SenderMonth]:
    """The measure of letters written here, of those that came from outside and were scored; by sender's name, the newest month first."""
    found: dict[tuple[str, date], SenderMonth] = {}
    letters = list(_kept(actor).filter(Exists(_events(Act.SCORED))).only("from_name", "month"))
    for letter_id, each in standings(letters).items():
        letter = next(row for row in letters if row.pk == letter_id)
        if each.score is None:
            continue
        one = found.setdefault((letter.from_name, letter.month), SenderMonth(letter.from_name, letter.month, like=letter_id))
        one.letters += 1
        one.filled += each.score.detail["filled"]
        one.due += each.score.detail["due"]
    return sorted(found.values(), key=lambda one: (one.team.casefold(), -one.month.toordinal()))


def senders(actor: Actor) -> list[tuple[str, str]]:
    """Organisations on Stepwell that a letter may come from, by name."""
    return sorted(((code, name) for code, name in accounts.organisation_names().items() if code != actor.organisation), key=_by_name)


def _by_name(pair: tuple[str, str]) -> str:
    return pair[1].casefold()
