"""What the templates of letters from outside are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from django.urls import reverse

from stepwell import knowledge
from stepwell.web.accounts.roles import roles
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.incoming import scoring
from stepwell.web.incoming.models import Act, ReceivedEvent, ReceivedLetter
from stepwell.web.incoming.selectors import UNREAD, Action, SenderMonth, Standing
from stepwell.web.ledger.pages import Banner
from stepwell.web.letters.pages import Team


def roles_here(kind: str) -> list[tuple[str, str]]:
    """Roles of a kind of organisation that act on duties."""
    return [(key, role.label) for key, role in roles().items() if kind in role.kinds and Permission.ACT_ON_DUTY in role.may]


class Row:
    """A letter of a list."""

    def __init__(self, letter: ReceivedLetter, standing: Standing, banner: Banner | None = None) -> None:
        self.id, self.letter, self.banner = letter.pk, letter, banner
        self.title = f"{letter.kind_label} from {letter.from_name}"
        self.percent, self.state, self.tone = standing.percent, *_state(standing)


def _state(standing: Standing) -> tuple[str, str]:
    if standing.in_error:
        return "taken out", "grey"
    if waiting := standing.waiting:
        return f"{count(len(waiting), 'action waits', 'actions wait')}", "amber"
    return ("read", "green") if standing.is_read else ("not read yet", "amber")


class ListPage:
    """Letters from outside that are kept here."""

    def __init__(
        self, letters: Sequence[ReceivedLetter], standings: Mapping[int, Standing], banners: Mapping[int, Banner], *, show: str,
        measures: Sequence[SenderMonth], months: Sequence[date], actor: Actor, like: ReceivedLetter | None = None,
    ) -> None:  # fmt: skip
        self.like = like
        self.rows = [Row(letter, standings[letter.pk], banners.get(letter.person_id)) for letter in letters]
        self.show, self.actor = show, actor
        self.senders = _senders(measures, months)
        self.is_unread = show == UNREAD

    @property
    def heading(self) -> str:
        number = count(len(self.rows), "letter from outside", "letters from outside")
        if self.like is not None:
            return f"{count(len(self.rows), 'scored letter')} from {self.like.from_name} of {clinician.month(self.like.month)}"
        return f"{number} to read or answer" if self.is_unread else number

    @property
    def empty(self) -> str:
        what = "that nobody has read" if self.is_unread else "filed here"
        return f"There is no letter from outside {what} about people {self.actor.organisation_name} may open."


def _senders(measures: Sequence[SenderMonth], months: Sequence[date]) -> list[Team]:
    """Each sender's months, drawn like those of the teams that write here. A sender is a name as it was typed, so a number is its key."""
    here = reverse("incoming:list_letters")
    found = []
    for number, name in enumerate(dict.fromkeys(one.team for one in measures), start=1):
        own = [one for one in measures if one.team == name]
        found.append(Team(f"sender-{number}", name, own, months, {one.month: f"{here}?like={one.like}" for one in own}))
    return found


class ActionLine:
    def __init__(self, action: Action) -> None:
        self.id, self.text, self.due_on = action.event.pk, action.event.detail["text"], action.event.due_on
        self.waits, self.found_by = action.waits, action.event.by_name
        self.answer, self.why = "", ""
        if action.answer is not None:
            self.answer = f"{Act(action.answer.act).label}, {action.answer.by_name}, {clinician.date(action.answer.at)}"
            self.why = action.answer.why
            self.due_on = action.answer.due_on if action.answer.act == Act.ACCEPTED else self.due_on


class EventLine:
    def __init__(self, event: ReceivedEvent) -> None:
        self.at, self.why = event.at, event.why
        self.what = f"{Act(event.act).label}, {event.by_name}"


class LetterPage:
    """One letter: what it says, how complete it is, what it asks for, what was done with it."""

    def __init__(self, letter: ReceivedLetter, standing: Standing, text: str, *, actor: Actor, file_hidden: bool) -> None:
        self.letter, self.standing, self.text = letter, standing, text
        self.state, self.tone = _state(standing)
        self.has_file = letter.file_id is not None
        self.file_hidden = file_hidden
        self.actions = [ActionLine(action) for action in standing.actions]
        self.history = [EventLine(event) for event in reversed(standing.events)]
        kept = standing.in_error is None
        self.may_file = kept and actor.may(Permission.FILE_LETTERS)
        self.may_answer = kept and actor.may(Permission.ACT_ON_DUTY)
        self.may_read = self.may_answer and not standing.is_read and not standing.waiting

    @property
    def heading(self) -> str:
        return f"{self.letter.kind_label} from {self.letter.from_name}"

    @property
    def score_words(self) -> str:
        event = self.standing.score
        if event is None:
            return ""
        told = f"{event.detail['filled']} of {event.detail['due']} headings, {self.standing.percent} %"
        return f"{told}. {event.by_name}, {clinician.date(event.at)}"

    @property
    def missing(self) -> list[str]:
        if self.standing.score is None:
            return []
        labels = knowledge.load().letter_headings
        return [labels[key].label if key in labels else key for key in self.standing.score.detail["missing"]]


def initial_marks(standing: Standing) -> dict[str, str]:
    return dict(standing.score.detail["marks"]) if standing.score else {}


def kind_of(letter: ReceivedLetter) -> str:
    kind = scoring.kinds().get(letter.kind)
    return kind.standard if kind else ""
