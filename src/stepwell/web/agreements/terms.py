"""What a request for shared care says, and what is missing before it can be sent (requirements F1, F4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date, timedelta
from typing import Any, NamedTuple

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.knowledge import shared_care
from stepwell.knowledge.model import Length, length
from stepwell.knowledge.shared_care import Protocol, Responsibility
from stepwell.web.agreements.story import months_after

_DAYS = ("started_on", "stable_since", "ends_on", "review_on", "specialist_review_on", "from_on")


@dataclass(frozen=True, slots=True)
class Terms:
    """The text of a request. `licence`: `licensed` or `off-licence`. `baseline_without`: test → why there is no result of it.
    `from_on` is the day proposed for the practice to begin; `specialist_review_on` the five-yearly review."""

    indication: str = ""
    licence: str = ""
    licence_words: str = ""
    started_on: date | None = None
    dose: str = ""
    target: str = ""
    stable_since: date | None = None
    stability: str = ""
    baseline_without: Mapping[str, str] = field(default_factory=dict)
    duration: str = ""
    ends_on: date | None = None
    plan: str = ""
    review_on: date | None = None
    specialist_review_on: date | None = None
    triggers: str = ""
    route_back: str = ""
    contact: str = ""
    told: str = ""
    from_on: date | None = None

    def as_json(self) -> dict[str, Any]:
        """What an event keeps."""
        found = asdict(self)
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in found.items()}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Terms:
        """From what an event kept; what this version does not know is left out."""
        names = {each.name for each in fields(cls)}
        values: dict[str, Any] = {name: value for name, value in kept.items() if name in names}
        values |= {name: date.fromisoformat(values[name]) for name in _DAYS if values.get(name)}
        return cls(**values)


class Missing(NamedTuple):
    """What a request lacks: the field of `Terms` (`baseline` for results) and a sentence that says what to do."""

    key: str
    words: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """A test that belongs before shared care. `on` None: no result since three months before the start. `without`: why, as said."""

    test: str
    label: str
    unit: str
    on: date | None = None
    value_milli: int | None = None
    comparator: str = ""
    without: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """Whose a responsibility is."""

    responsibility: str
    owner_org: str
    owner_role: str = ""


def protocol(key: str) -> Protocol | None:
    return knowledge.load().protocols.get(key)


def responsibilities() -> Mapping[str, Responsibility]:
    return knowledge.load().responsibilities


def proposed_shares(specialist: str, practice: str) -> list[Share]:
    """Who does what, as the knowledge base proposes it."""
    sides = {"specialist": specialist, "practice": practice}
    return [Share(key, sides[line.proposed]) for key, line in responsibilities().items()]


def checked_shares(shares: Sequence[Share], *, specialist: str, practice: str) -> dict[str, str]:
    """Responsibility → organisation. Refused: a line without an owner, with two, with somebody else, or given away that must not be."""
    known = responsibilities()
    owners: dict[str, str] = {}
    for share in shares:
        line = known.get(share.responsibility)
        if line is None:
            raise Refused(f"“{share.responsibility}” is no line of who does what.")
        if share.responsibility in owners:
            raise Refused(f"“{line.label}” is there twice: each line has one owner.")
        if share.owner_org not in (specialist, practice):
            raise Refused(f"“{line.label}” needs an owner: one of the two sides.")
        if line.fixed and share.owner_org != {"specialist": specialist, "practice": practice}[line.proposed]:
            raise Refused(f"“{line.label}” stays with the {'specialist' if line.proposed == 'specialist' else 'practice'}.")
        owners[share.responsibility] = share.owner_org
    if gaps := [line.label for key, line in known.items() if key not in owners]:
        raise Refused(f"Nobody would own: {'; '.join(gaps)}. Give each line an owner.")
    return {key: owners[key] for key in known}


def lines_of(substance: str, shares: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Lines of the agreement as the engine reads them: (line, organisation, role)."""
    found = shared_care.lines(knowledge.load(), substance, shares)
    return [(line, owner, "") for line, owner in found.items()]


_REQUIRED = (
    ("indication", "Give the indication."),
    ("licence", "Say whether this use is licensed or off licence."),
    ("duration", "Give the intended duration."),
    ("plan", "Say how treatment is to be reviewed and stopped."),
    ("route_back", "Say how the practice gets the patient back to you."),
    ("told", "Say what the patient was told and agreed to."),
)


def missing(terms: Terms, baseline: Sequence[Baseline], about: Protocol | None, today: date) -> list[Missing]:
    """Everything that keeps the request from being sent, in the order of the form; nothing when it can be."""
    found = [Missing(name, words) for name, words in _REQUIRED if not str(getattr(terms, name)).strip()]
    found += _stability(terms, about, today)
    found += [
        Missing("baseline", f"{line.label}: no baseline result on record. Record it, or say why there is none.")
        for line in baseline
        if line.on is None and not line.without.strip()
    ]
    found += _review(terms, "review_on", "the agreement", about.agreement_review if about else None, today)
    found += _review(terms, "specialist_review_on", "the medicine by a specialist", about.specialist_review if about else None, today)
    if terms.ends_on is not None and terms.ends_on <= today:
        found.append(Missing("ends_on", "The intended end must lie ahead."))
    return found


def _stability(terms: Terms, about: Protocol | None, today: date) -> list[Missing]:
    if terms.stable_since is None:
        return [Missing("stable_since", "Say since when the patient and the dose have been stable.")]
    if terms.stable_since > today:
        return [Missing("stable_since", "The day since which it is stable cannot be in the future.")]
    weeks = about.stability.weeks if about is not None and about.stability is not None else 0
    if terms.stable_since + timedelta(weeks=weeks) > today:
        return [Missing("stable_since", f"The protocol asks for {weeks} weeks without a change first.")]
    return []


def _review(terms: Terms, name: str, what: str, every: shared_care.Again | None, today: date) -> list[Missing]:
    day: date | None = getattr(terms, name)
    if day is None:
        return [Missing(name, f"Give the day of the next review of {what}.")]
    if day <= today:
        return [Missing(name, f"The next review of {what} must lie ahead.")]
    if every is not None and day > latest(every.every, today):
        return [Missing(name, f"The protocol asks for a review of {what} within {every.every}.")]
    return []


def latest(span: str, today: date) -> date:
    """The last day of a span that begins today."""
    found: Length = length(span)
    return months_after(today, found.months) + timedelta(days=found.days)
