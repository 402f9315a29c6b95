"""What the templates of letters are given. No database is read here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from stepwell.clinical.letter_completeness import BLANK, Completeness, Section, State, percent
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import in_words
from stepwell.web.letters.compose import asked_by_default, headings
from stepwell.web.letters.drafting import Conflict, Content, Said
from stepwell.web.letters.measures import TeamMonth
from stepwell.web.letters.models import Draft, Letter, LetterAct, LetterEvent
from stepwell.web.letters.selectors import Asked

ENOUGH = {"yes": ("enough", "green"), "partly": ("partly enough", "amber"), "no": ("not enough", "red")}
_SHORT = 110  # characters of a heading's words beside its name


class Box:
    """One heading of the form. `said` is what its boxes hold; `theirs` what somebody else wrote meanwhile; `before` what the last
    letter said; `locked` tells that parts of it are restricted for this writer, who then cannot change it."""

    def __init__(self, section: Section, said: Said, *, theirs: str = "", before: str = "", locked: Section | None = None) -> None:
        self.section, self.said, self.theirs, self.before, self.locked = section, said, theirs, before, locked
        self.key, self.heading = section.key, section.heading
        heading = headings().get(section.key)
        self.hint = heading.hint if heading else ""
        self.is_due, self.is_gap = section.is_due, section.is_gap
        self.words = "\n".join(said.words)
        self.asked_of = said.asked_of
        self.not_applicable = said.not_applicable
        self.rows = max(2, len(said.words) + (not said.words))
        self.has_blank = BLANK in self.words

    @property
    def short(self) -> str:
        text = "; ".join((self.locked or self.section).words)
        return f"{text[:_SHORT].rstrip()} …" if len(text) > _SHORT else text

    @property
    def may_not_apply(self) -> bool:
        return self.section.may_not_apply


class EditPage:
    """The form of a draft: what is still to be written first, then what the record gave, then what could be added."""

    def __init__(
        self,
        draft: Draft,
        now: Content,
        boxes: Sequence[Box],
        *,
        to_name: str,
        kind_label: str,
        hidden_from_receiver: int = 0,
        theirs: Sequence[Conflict] = (),
    ) -> None:
        self.draft, self.now, self.to_name, self.kind_label = draft, now, to_name, kind_label
        self.score = Score(now.score)
        self.to_write = [box for box in boxes if box.is_gap or box.theirs]
        own = {box.key for box in self.to_write}
        self.given = [box for box in boxes if box.key not in own and (box.is_due or box.section.words)]
        own |= {box.key for box in self.given}
        self.others = [box for box in boxes if box.key not in own]
        self.hidden_from_receiver = hidden_from_receiver
        self.theirs = [f"{each.by} changed “{each.heading}” at {clinician.time(each.event.at)}: both are kept" for each in theirs]

    @property
    def heading(self) -> str:
        return f"{self.kind_label} to {self.to_name}"


class Score:
    """How complete a letter is, in words."""

    def __init__(self, score: Completeness) -> None:
        self.score = score
        self.percent, self.filled, self.due = score.percent, score.filled, score.due
        self.gaps, self.not_known = score.gaps, score.not_known

    @property
    def words(self) -> str:
        return f"{self.filled} of {count(self.due, 'heading')} due {'is' if self.filled == 1 else 'are'} filled"

    @property
    def tone(self) -> str:
        return "green" if not self.score.missing else "amber"


class Gap:
    """A heading that must say something before the letter goes, with whom it would be asked of."""

    def __init__(self, section: Section, asked_of: str) -> None:
        self.key, self.heading, self.asked_of = section.key, section.heading, asked_of
        self.words = section.words


def gaps(score: Completeness, *, practice: str, typed: Mapping[str, str] | None = None) -> list[Gap]:
    found = []
    for section in score.gaps:
        default = asked_by_default(section.key, practice=practice)
        found.append(Gap(section, default if typed is None else typed.get(section.key, "")))
    return found


class LetterPage:
    """A sent letter as its reader sees it."""

    def __init__(
        self,
        letter: Letter,
        *,
        asked: Sequence[Asked],
        judgement: LetterEvent | None,
        events: Iterable[LetterEvent],
        actor: Actor,
        on: date,
        restricted: str,
    ) -> None:
        self.letter, self.asked, self.judgement, self.actor, self.on = letter, list(asked), judgement, actor, on
        self.events, self.restricted = list(events), restricted
        self.sections = letter.parts
        self.score = Score(letter.completeness)
        self.newer: Letter | None = getattr(letter, "superseded_by", None)
        self.is_receiver = letter.to_org in actor.organisations
        self.is_sender = letter.from_org == actor.organisation
        self.may_answer = self.is_receiver and self.newer is None and actor.may(Permission.ACT_ON_DUTY)
        self.may_judge = self.is_receiver
        self.is_made = bool(letter.draft.source)
        self.may_correct = self.is_sender and self.newer is None and not self.is_made and actor.may(Permission.WRITE_LETTERS)

    @property
    def waiting(self) -> list[Asked]:
        return [each for each in self.asked if each.waits]

    @property
    def declined_unnoted(self) -> bool:
        """A no of the receiver that nobody at the sender has noted."""
        declined = [event.pk for event in self.events if event.act == LetterAct.DECLINED]
        noted = max((event.pk for event in self.events if event.act == LetterAct.NOTED), default=0)
        return self.is_sender and any(pk > noted for pk in declined)

    @property
    def heading(self) -> str:
        """Who wants what: the answer first."""
        letter, waiting = self.letter, len(self.waiting)
        if self.is_receiver and not self.is_sender:
            if not self.asked:
                return f"{letter.from_name} asks nothing of you in this letter"
            if waiting:
                things = f"{in_words(waiting)} thing{'s' * (waiting != 1)}"
                return f"{letter.from_name} asks you for {things}"
            return f"Everything that {letter.from_name} asked for is answered"
        accepted = sum(each.is_accepted for each in self.asked)
        declined = len(self.asked) - accepted - waiting
        parts = [f"{accepted} accepted"] * bool(accepted) + [f"{declined} declined"] * bool(declined)
        parts += [f"{waiting} waiting"] * bool(waiting)
        read = "read" if any(event.act == LetterAct.READ for event in self.events) else "not read yet"
        asked = f", actions: {', '.join(parts)}" if parts else ""
        return f"Sent to {letter.to_name}, {read}{asked}"

    @property
    def said_enough(self) -> tuple[str, str] | None:
        return ENOUGH.get(self.judgement.answer) if self.judgement is not None else None

    @property
    def said_missing(self) -> str:
        """What the receiver missed, in words."""
        if self.judgement is None:
            return ""
        names = {section.key: section.heading for section in self.sections}
        found = [names[key] for key in self.judgement.detail.get("missing", []) if key in names]
        return "; ".join([*found, *([self.judgement.why] if self.judgement.why else [])])

    @property
    def said(self) -> list[Section]:
        """Headings that say something or that nothing is known."""
        return [section for section in self.sections if section.words or section.state == State.NOT_KNOWN]

    @property
    def history(self) -> list[tuple[Any, str]]:
        told = []
        for event in self.events:
            what = {
                LetterAct.READ: "Read",
                LetterAct.ENOUGH: f"Was this enough? {event.answer}",
                LetterAct.ACCEPTED: "Accepted",
                LetterAct.DECLINED: "Declined",
                LetterAct.NOTED: "Answer noted",
            }[LetterAct(event.act)]
            about = f" “{self._text(event.action_id)}”" if event.action_id else ""
            told.append((event.at, f"{what}{about}, {event.by_name}{f': {event.why}' if event.why else ''}"))
        return told

    def _text(self, action_id: int) -> str:
        return next((each.text for each in self.asked if each.action.pk == action_id), "an action")


class Line:
    """A letter in a list."""

    def __init__(
        self, letter: Letter, banner: Banner | None, *, answered: tuple[int, int, int] = (0, 0, 0), judgement: LetterEvent | None = None
    ) -> None:
        self.letter, self.person = letter, banner
        self.id = letter.pk
        self.accepted, self.declined, self.waiting = answered
        self.enough = ENOUGH.get(judgement.answer) if judgement is not None else None
        self.is_superseded = getattr(letter, "superseded_by", None) is not None
        self.was_read = bool(getattr(letter, "was_read", False))
        self.was_declined = bool(getattr(letter, "was_declined", False))

    @property
    def asks(self) -> list[tuple[str, str]]:
        found = [(f"{count(self.waiting, 'action')} waiting", "amber")] if self.waiting and not self.is_superseded else []
        found += [(f"{self.declined} declined", "red")] if self.declined else []
        return found + ([(f"{self.accepted} accepted", "green")] if self.accepted else [])


# Measures

BAR, GAP_BETWEEN, HEIGHT = 24, 3, 96


class Bar:
    """One month of one team in the drawing; a month without a letter is an empty place."""

    def __init__(self, place: int, month: date, one: TeamMonth | None, href: str) -> None:
        self.x = place * (BAR + GAP_BETWEEN)
        self.month, self.one, self.href = month, one, href
        self.height = round(HEIGHT * one.percent / 100) if one else 0
        self.y = HEIGHT - self.height
        self.initial = clinician.month(month)[:1]


class Team:
    def __init__(self, code: str, name: str, rows: Sequence[TeamMonth], months: Sequence[date], links: Mapping[date, str]) -> None:
        self.code, self.name, self.rows = code, name, list(rows)
        by_month = {row.month: row for row in rows}
        self.bars = [Bar(place, month, by_month.get(month), links.get(month, "")) for place, month in enumerate(months)]
        self.links = links
        self.letters = sum(row.letters for row in rows)
        self.filled, self.due = sum(row.filled for row in rows), sum(row.due for row in rows)
        self.width, self.height, self.bar = len(months) * (BAR + GAP_BETWEEN), HEIGHT, BAR

    @property
    def percent(self) -> int:
        return percent(self.filled, self.due)


class MeasuresPage:
    def __init__(self, teams: Sequence[Team], *, counts_only: bool) -> None:
        self.teams, self.counts_only = list(teams), counts_only
        self.letters = sum(team.letters for team in teams)

    @property
    def heading(self) -> str:
        if not self.letters:
            return "No letter was sent in the last 12 months"
        total = percent(sum(team.filled for team in self.teams), sum(team.due for team in self.teams))
        return f"Letters say {total} % of what they should"
