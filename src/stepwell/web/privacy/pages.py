"""The privacy pages in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from stepwell.web.accounts.roles import roles
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.models import AuditEntry
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.privacy import house
from stepwell.web.privacy.models import Outcome, Review, SensitiveMark
from stepwell.web.privacy.trail import PAGE_SIZE, Search

SAID = {"reviewed": "Review recorded.", "set": "Settings saved.", "marked": "Marked as sensitive.", "unmarked": "The mark was taken off."}
DONE = {"read": "opened", "write": "changed", "refused": "was refused"}


def role_label(key: str) -> str:
    found = roles().get(key)
    return found.label if found else key


def what_words(entry: AuditEntry) -> str:
    """`opened: patient page`"""
    return f"{DONE.get(entry.kind, entry.kind)}: {entry.subject_id if entry.kind == 'read' and entry.subject_id else entry.action}"


class OutcomeLine:
    def __init__(self, row: Outcome) -> None:
        found = house.outcomes().get(row.outcome)
        self.label, self.tone = (found.label, found.tone) if found else (row.outcome, "grey")
        self.words, self.who = row.words, f"{row.by.display_name}, {clinician.datetime(row.at)}"


class ReviewLine:
    """One review: who opened a record, when, why, by when it is reviewed, what was found."""

    def __init__(self, review: Review, on: date, names: Mapping[str, str]) -> None:
        opening = review.opening
        self.id, self.due_on = review.pk, review.due_on
        self.who = opening.by.display_name
        self.works = f"{role_label(opening.role)}, {names.get(opening.org_code, opening.org_code)}"
        self.at, self.until = opening.at, opening.ended_at
        self.ended_early = hasattr(opening, "closing")
        self.reason, self.why = house.reason_words(opening.reason), opening.why
        self.outcomes = [OutcomeLine(row) for row in reversed(list(review.outcomes.all()))]
        self.late = review.due_on < on and not self.outcomes
        late = clinician.lateness(review.due_on, on)
        self.due_text = "due today" if late == "today" else late
        self.due_tone = "red" if self.late else "amber" if review.due_on == on else "blue"


class ReviewsPage:
    KEPT = 50

    def __init__(
        self, waiting: Sequence[Review], done: Sequence[Review], actor: Actor, on: date, names: Mapping[str, str], *, said: str
    ) -> None:  # fmt: skip
        self.waiting = [ReviewLine(row, on, names) for row in waiting]
        self.done = [ReviewLine(row, on, names) for row in done]
        self.place, self.said = actor.organisation_name, SAID.get(said, "")

    @property
    def heading(self) -> str:
        if not self.waiting:
            return "No opened record waits for review"
        late = sum(line.late for line in self.waiting)
        told = f"{count(len(self.waiting), 'opened record')} to review"
        return f"{told}, {late} overdue" if late else told


class ReviewPage(ReviewLine):
    def __init__(self, review: Review, entries: Sequence[AuditEntry], on: date, names: Mapping[str, str]) -> None:
        super().__init__(review, on, names)
        self.entries = [(entry.at, what_words(entry), entry.reason) for entry in entries]


class AuditLine:
    """One entry: when, who, what, about whom, because. Only patients of one's own organisation are named."""

    def __init__(self, entry: AuditEntry, named: Mapping[int, PersonRecord], names: Mapping[str, str]) -> None:
        self.at, self.what, self.because = entry.at, what_words(entry), entry.reason
        self.who = entry.user_name
        role = role_label(entry.role) if entry.role != "system" else ""
        self.works = ", ".join(part for part in (role, names.get(entry.organisation, entry.organisation)) if part)
        self.tone = {"refused": "red", "write": "blue"}.get(entry.kind, "")
        self.person = self._person(entry, named)

    @staticmethod
    def _person(entry: AuditEntry, named: Mapping[int, PersonRecord]) -> str:
        if entry.person_id is not None:
            row = named.get(entry.person_id)
            return clinician.name(row.family_name, row.given_name, row.title) if row else "not a patient here"
        return f"list of {len(entry.person_ids)}" if entry.person_ids else ""


class AuditPage:
    def __init__(
        self, entries: Sequence[AuditEntry], total: int, search: Search, *, named: Mapping[int, PersonRecord], names: Mapping[str, str],
        place: str,
    ) -> None:  # fmt: skip
        self.rows = [AuditLine(entry, named, names) for entry in entries]
        self.total, self.number, self.place = total, search.page, place
        self.pages = max(1, -(-total // PAGE_SIZE))
        self.from_on, self.to_on = search.from_on, search.to_on

    @property
    def heading(self) -> str:
        days = f"{clinician.date(self.from_on)} to {clinician.date(self.to_on)}"
        return f"{count(self.total, 'entry', 'entries')} from {days}"

    @property
    def summary(self) -> str:
        first = (self.number - 1) * PAGE_SIZE + 1 if self.total else 0
        return f"{first:,} to {min(self.total, self.number * PAGE_SIZE):,} of {self.total:,}"


class MarkLine:
    """One event about a sensitive entry. `words` are entries by `kind:key`."""

    def __init__(self, row: SensitiveMark, words: Mapping[str, str], names: Mapping[str, str]) -> None:
        self.id, self.at, self.why = row.pk, row.at, row.why
        self.what = words.get(f"{row.kind}:{row.key}", row.key)
        self.who = f"{row.by.display_name}, {role_label(row.role)}, {names.get(row.org_code, row.org_code)}"
        self.seen_by = ", ".join(names.get(code, code) for code in row.organisations.split("|") if code)
        self.is_undoing = row.undoes_id is not None
        self.in_force = not self.is_undoing and not hasattr(row, "undone_by")
