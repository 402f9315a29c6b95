"""From needs to duties: a pure difference between what the ledger holds and what a new evaluation says.

A need that stays unmet is the same duty, whatever happens to its due date, owner or reasons. Met, declined, not
applicable or superseded ends an instance; unmet again opens the next. Nothing here reads a clock or a database: the web
ledger and `stepwell evaluate --previous` both apply the changes that `reconcile` returns (docs/engine.md 7,
design.md "The life of a duty").
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from stepwell.engine.contract import NOBODY

ONGOING = "ongoing"
# Kind of a need that people's work raised; its "version" is how often it was raised.
ASKED = "asked"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What makes a duty the same duty: never its owner, its dates or its evidence."""

    person_id: int
    rule_id: str
    subject: str
    point: str


class ChangeKind(StrEnum):
    """The events of a duty. `refreshed` rewrites cached values that nobody needs telling about, and is not an event."""

    OPENED = "opened"
    CHANGED = "changed"
    MET = "met"
    DECLINED = "declined"
    NOT_APPLICABLE = "not applicable"
    SUPERSEDED = "superseded"
    REFRESHED = "refreshed"


ENDINGS = frozenset({ChangeKind.MET, ChangeKind.DECLINED, ChangeKind.NOT_APPLICABLE, ChangeKind.SUPERSEDED})

# Why an instance was superseded: only one that the records took away can come back as the same piece of work.
GONE = "gone"
LAPSED = "lapsed"
WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Reason:
    """A row of `because`: a fact the need read, in words with ISO dates."""

    kind: str
    label: str
    on_date: date | None = None
    value: int | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """A row of `contract.needs` with its `because`; `until` is the end of a "not applicable", null = until a fact ends it."""

    key: Key
    state: str
    rule_version: int = 1
    kind: str = "monitor"
    title: str = ""
    test: str | None = None
    anchor_on: date | None = None
    opens_on: date | None = None
    due_on: date | None = None
    escalate_on: date | None = None
    served_on: date | None = None
    served_by: str | None = None
    owner_org: str = NOBODY
    owner_role: str | None = None
    owner_basis: str | None = None
    owner_label: str | None = None
    mark: str | None = None
    needs_approval: bool = False
    priority: int = 0
    because: tuple[Reason, ...] = ()
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Duty:
    """One instance of a duty as the ledger last applied it.

    `base_on` is the evidence it was opened with, `withdrawn_on` such evidence that has since left the record: should it
    come back, it has closed an earlier instance already and closes no second one.
    """

    key: Key
    instance: int
    need: Need
    base_on: date | None = None
    withdrawn_on: date | None = None
    ending: ChangeKind | None = None
    ended_on: date | None = None
    ended_by: str | None = None
    ended_why: str | None = None
    until: date | None = None

    @property
    def is_open(self) -> bool:
        return self.ending is None


@dataclass(frozen=True, slots=True)
class FieldChange:
    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happens to one instance.

    `need` holds the new values (null when the need is gone), `evidence_on`/`evidence_by` what ended it, `reason` says it
    in words, `carries` names an earlier instance whose assignment, deferral and acknowledgement go on with this one.
    """

    key: Key
    instance: int
    kind: ChangeKind
    need: Need | None = None
    fields: tuple[FieldChange, ...] = ()
    evidence_on: date | None = None
    evidence_by: str | None = None
    reason: str | None = None
    until: date | None = None
    carries: int | None = None
    second_look: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """How far an evaluation had read: the high-water mark of a person."""

    store_version: int
    sequence: int
    as_of: date

    def may_follow(self, applied: Mark | None) -> bool:
        """True unless any part of this evaluation is older than what was applied; the same one may be applied twice."""
        if applied is None:
            return True
        return self.store_version >= applied.store_version and self.sequence >= applied.sequence and self.as_of >= applied.as_of


# A change in one of these is an event that the owner should be able to read back.
TOLD = ("due_on", "escalate_on", "owner_org", "owner_role", "rule_version", "served_on", "because")

WhyGone = Callable[[Duty], str]


def why_gone(*, rules: Collection[str] | None = None, stopped: Collection[str] = ()) -> WhyGone:
    """Words for a need that is no longer there.

    `rules` are the rule ids of the pack that was used (None: not known), `stopped` the medicines that the person does
    not have on register.
    """

    def tell(duty: Duty) -> str:
        if duty.need.kind == ASKED:
            return "Nothing on record asks for it any more"
        if rules is not None and duty.key.rule_id not in rules:
            return "The rule is no longer in the knowledge pack"
        if duty.need.kind == "agree":
            return "Somebody now owns it, or it is no longer supplied"
        if duty.need.kind == "supply":
            if duty.key.subject in stopped:
                return f"{duty.key.subject} was replaced, its end was answered, or it ended too long ago to wait for"
            return f"Supply of {duty.key.subject} is as expected"
        if duty.key.subject in stopped:
            return f"No current course of {duty.key.subject} on record"
        if duty.need.kind == "finding":
            return "What was found is no longer so"
        if duty.need.kind == "result":
            return "The last result is no longer out of range, or the rule no longer applies"
        return "No longer owed: the records, the rule or an agreement changed"

    return tell


def latest_by_key(duties: Iterable[Duty]) -> dict[Key, Duty]:
    """The last instance of each duty, open or closed."""
    latest: dict[Key, Duty] = {}
    for duty in duties:
        known = latest.get(duty.key)
        if known is None or duty.instance > known.instance:
            latest[duty.key] = duty
    return latest


def reconcile(previous: Iterable[Duty], needs: Iterable[Need], *, tell_gone: WhyGone | None = None) -> list[Change]:
    """What has to happen to the duties so that they say what the new needs say.

    previous: instances of some persons (at least the latest of each key). needs: all needs of the same persons.
    Returns changes sorted by key and instance; none when nothing moved. The caller has checked `Mark.may_follow`.
    """
    latest = latest_by_key(previous)
    wanted = {need.key: need for need in needs}
    tell = tell_gone or why_gone()
    changes: list[Change] = []
    for key in sorted(latest.keys() | wanted.keys()):
        changes.extend(_changes_of_key(latest.get(key), wanted.get(key), tell))
    return changes


def _changes_of_key(duty: Duty | None, need: Need | None, tell: WhyGone) -> list[Change]:
    if duty is not None and duty.is_open:
        return _changes_of_open(duty, need, tell)
    if need is not None and need.state == "open":
        return [_opening(duty, need)]
    return []


def _opening(before: Duty | None, need: Need) -> Change:
    """A new instance. It carries on what was arranged when nobody had answered the one before: the records took it away
    and brought it back, or the evidence that closed it was withdrawn."""
    if before is None:
        return Change(need.key, 1, ChangeKind.OPENED, need)
    came_back = before.ending is ChangeKind.SUPERSEDED and before.ended_by == GONE
    withdrawn = (
        before.ending in (ChangeKind.MET, ChangeKind.DECLINED)
        and before.need.anchor_on == need.anchor_on
        and (need.kind != ASKED or before.need.rule_version == need.rule_version)
        and before.ended_on is not None
        and (need.served_on is None or need.served_on < before.ended_on)
    )
    reason = None
    if came_back:
        reason = "Owed again: the records that had taken it away changed back"
    elif withdrawn:
        reason = f"Owed again: the evidence of {before.ended_on} is no longer in the record"
    return Change(
        need.key,
        before.instance + 1,
        ChangeKind.OPENED,
        need,
        reason=reason,
        carries=before.instance if came_back or withdrawn else None,
    )


def _changes_of_open(duty: Duty, need: Need | None, tell: WhyGone) -> list[Change]:
    if need is None:
        return [Change(duty.key, duty.instance, ChangeKind.SUPERSEDED, evidence_by=GONE, reason=tell(duty))]
    if need.kind == ASKED and need.rule_version != duty.need.rule_version:
        # Settled and asked anew between two evaluations: another piece of work, which carries nothing over.
        over = Change(duty.key, duty.instance, ChangeKind.SUPERSEDED, evidence_by=WITHDRAWN, reason="It was asked anew")
        return [over, Change(duty.key, duty.instance + 1, ChangeKind.OPENED, need)] if need.state == "open" else [over]
    if need.state in ("met", "declined"):
        return [_served(duty, need, declined=need.state == "declined")]
    if need.state == "superseded":
        # Taken back by who asked, or ended by a death, which the records may yet correct.
        return [
            Change(
                duty.key,
                duty.instance,
                ChangeKind.SUPERSEDED,
                need,
                evidence_on=need.served_on,
                evidence_by=need.served_by or GONE,
                reason=_answer(need) or "No longer asked",
            )
        ]
    if need.state == "lapsed":
        reason = "Never recorded, and by its rule no longer owed"
        return [Change(duty.key, duty.instance, ChangeKind.SUPERSEDED, need, evidence_by=LAPSED, reason=reason)]
    if need.state == "not applicable":
        return [
            Change(
                duty.key,
                duty.instance,
                ChangeKind.NOT_APPLICABLE,
                need,
                evidence_by="not applicable",
                reason=_answer(need),
                until=need.until,
            )
        ]
    if need.key.point == ONGOING and _later(need.served_on, duty.base_on) and need.served_on != duty.withdrawn_on:
        closing = _served(duty, need, declined=need.served_by == "declined")
        return [closing, Change(duty.key, duty.instance + 1, ChangeKind.OPENED, need)]
    return _changed(duty, need)


def _served(duty: Duty, need: Need, *, declined: bool) -> Change:
    return Change(
        duty.key,
        duty.instance,
        ChangeKind.DECLINED if declined else ChangeKind.MET,
        need,
        evidence_on=need.served_on,
        evidence_by=need.served_by or ("declined" if declined else "result"),
        reason=_answer(need) if declined or need.served_by == "done" else None,
    )


def _answer(need: Need) -> str | None:
    return next((reason.label for reason in reversed(need.because) if reason.kind == "answer"), None)


def _later(one: date | None, other: date | None) -> bool:
    """Whether `one` is evidence beyond `other`; no evidence at all is before any."""
    return one is not None and (other is None or one > other)


def _changed(duty: Duty, need: Need) -> list[Change]:
    if need == duty.need:
        return []
    told = tuple(
        FieldChange(name, getattr(duty.need, name), getattr(need, name)) for name in TOLD if getattr(duty.need, name) != getattr(need, name)
    )
    withdrawn = need.key.point == ONGOING and _later(duty.base_on, need.served_on)
    return [
        Change(
            duty.key,
            duty.instance,
            ChangeKind.CHANGED if told else ChangeKind.REFRESHED,
            need,
            fields=told,
            reason=f"The evidence of {duty.base_on} is no longer in the record" if withdrawn else None,
            carries=duty.instance - 1 if withdrawn and duty.instance > 1 else None,
            second_look=need.rule_version != duty.need.rule_version,
        )
    ]


@dataclass(slots=True)
class Ledger:
    """Duties in memory, for the command line and for tests: the same fold that the web ledger does in its database."""

    duties: dict[tuple[Key, int], Duty] = field(default_factory=dict)

    @classmethod
    def of(cls, duties: Iterable[Duty]) -> Ledger:
        return cls({(duty.key, duty.instance): duty for duty in duties})

    def apply(self, changes: Iterable[Change]) -> None:
        """Raises ValueError when a change does not fit: an instance opened twice, or a closed one touched."""
        for change in changes:
            place = (change.key, change.instance)
            if change.kind is ChangeKind.OPENED:
                if place in self.duties or change.need is None:
                    raise ValueError(f"{place} was opened before")
                self.duties[place] = Duty(change.key, change.instance, change.need, base_on=change.need.served_on)
                continue
            duty = self.duties[place]
            if not duty.is_open:
                raise ValueError(f"{place} is closed")
            self.duties[place] = applied(duty, change)


def applied(duty: Duty, change: Change) -> Duty:
    """The instance after a change other than `opened`."""
    if change.kind in ENDINGS:
        return replace(
            duty,
            ending=change.kind,
            ended_on=change.evidence_on,
            ended_by=change.evidence_by,
            ended_why=change.reason,
            until=change.until,
        )
    if change.need is None:
        return duty
    base_on, withdrawn_on = _evidence(duty, change.need)
    return replace(duty, need=change.need, base_on=base_on, withdrawn_on=withdrawn_on)


def _evidence(duty: Duty, need: Need) -> tuple[date | None, date | None]:
    """`base_on` and `withdrawn_on` of an open duty once the need has said which evidence there is now."""
    if duty.key.point != ONGOING:
        return duty.base_on, duty.withdrawn_on
    if need.served_on is not None and need.served_on == duty.withdrawn_on:
        return need.served_on, None
    if _later(duty.base_on, need.served_on):
        return need.served_on, duty.withdrawn_on or duty.base_on
    return duty.base_on, duty.withdrawn_on
