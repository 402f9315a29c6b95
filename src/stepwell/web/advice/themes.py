"""Themes of a service: what they are now, which a question suggests, and how often each was asked about.

A suggestion reads structure alone: the kind of the question, the class of its medicine, the rule of its duty. Words are never read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from stepwell.web.advice.choices import choices
from stepwell.web.advice.models import Question, QuestionState, Theme, ThemeAct, ThemeEvent
from stepwell.web.core.formatting import UK
from stepwell.web.ledger import known


@dataclass(frozen=True, slots=True)
class ThemeNow:
    """A theme as its latest events say. `version` is its newest event; `became` are notes, the oldest first."""

    id: int
    service_id: int
    name: str
    kinds: tuple[str, ...]
    sets: tuple[str, ...]
    rules: tuple[str, ...]
    removed: bool
    version: int
    became: tuple[ThemeEvent, ...] = ()

    def fits(self, kind: str, substance: str, rule_id: str) -> bool:
        """What is given must all hold; a theme that gives nothing fits nothing."""
        asked = [
            (self.kinds, kind in self.kinds),
            (self.sets, any(substance in known.members(name) or substance == name for name in self.sets) if substance else False),
            (self.rules, rule_id in self.rules),
        ]
        given = [holds for wanted, holds in asked if wanted]
        return bool(given) and all(given)


def themes_of(service_id: int, *, removed: bool = False) -> list[ThemeNow]:
    """By name; those that were removed only when asked for."""
    rows = ThemeEvent.objects.filter(theme__service_id=service_id).select_related("by", "theme").order_by("id")
    found = _now(rows)
    return sorted((theme for theme in found if removed or not theme.removed), key=lambda theme: (theme.name.lower(), theme.id))


def theme(theme_id: int) -> ThemeNow | None:
    rows = ThemeEvent.objects.filter(theme_id=theme_id).select_related("by", "theme").order_by("id")
    return next(iter(_now(rows)), None)


def _now(rows: Iterable[ThemeEvent]) -> list[ThemeNow]:
    by_theme: dict[int, list[ThemeEvent]] = {}
    for row in rows:
        by_theme.setdefault(row.theme_id, []).append(row)
    found = []
    for theme_id, events in by_theme.items():
        named = [event for event in events if event.act == ThemeAct.SET][-1]
        removed = [event for event in events if event.act != ThemeAct.BECAME][-1].act == ThemeAct.REMOVED
        became = tuple(event for event in events if event.act == ThemeAct.BECAME)
        found.append(
            ThemeNow(
                theme_id, named.theme.service_id, named.name, tuple(named.kinds), tuple(named.sets), tuple(named.rules), removed,
                events[-1].pk, became,
            )
        )  # fmt: skip
    return found


def suggested(question: Question) -> list[int]:
    """Themes of its service that the structure of a question suggests."""
    rule_id = question.duty.rule_id if question.duty is not None else ""
    return [each.id for each in themes_of(question.service_id) if each.fits(question.kind, question.substance, rule_id)]


@dataclass(slots=True)
class ThemeCount:
    """How many answered questions of a time were sorted under a theme, by who asked (organisation → number)."""

    theme: ThemeNow
    total: int = 0
    asked_by: Counter[str] = field(default_factory=Counter)
    last: date | None = None


def counts_of(service_id: int, since: date) -> tuple[list[ThemeCount], int, int]:
    """Each theme with its count, the most asked first; how many were answered in all; how many of those have no theme."""
    found = {each.id: ThemeCount(each) for each in themes_of(service_id, removed=True)}
    rows = answered_since(service_id, since)
    without = 0
    for row in rows:
        without += not row.themes
        for theme_id in row.themes:
            if theme_id in found:
                each = found[theme_id]
                each.total += 1
                each.asked_by[row.asked_org] += 1
                asked = row.asked_at.astimezone(UK).date()
                each.last = max(each.last, asked) if each.last else asked
    shown = [each for each in found.values() if each.total or not each.theme.removed]
    return sorted(shown, key=lambda each: (-each.total, each.theme.name.lower())), len(rows), without


def answered_since(service_id: int, since: date) -> list[Question]:
    rows = Question.objects.filter(service_id=service_id, state=QuestionState.ANSWERED, asked_at__date__gte=since)
    return list(rows.select_related("person", "duty").order_by("-asked_at", "-id"))


def questions_of(theme_id: int, service_id: int, since: date) -> list[Question]:
    """Answered questions under a theme, the newest first."""
    return [row for row in answered_since(service_id, since) if theme_id in row.themes]


def since(today: date) -> date:
    """The day from which themes are counted."""
    return known.add(today, -choices().themes_months, 0)


def sets_to_choose() -> list[tuple[str, str]]:
    """Classes of medicines that a theme may name: those of the registers, and each register's single medicine."""
    rows = [row for row in known.register_rows() if row.get("set_name")]
    found = {row["set_name"]: str(row["label"]) for row in rows}
    for starter in choices().themes:
        for name in starter.sets:
            found.setdefault(name, known.medicine(name))
    return sorted(found.items(), key=lambda pair: pair[1].lower())


def words_of(each: ThemeNow) -> str:
    """For which questions it is suggested, in words; empty when for none."""
    kinds = choices().kinds
    titles = known.rule_titles()
    parts = [
        " or ".join(kinds[key].label.lower() if key in kinds else key for key in each.kinds),
        " or ".join(known.medicine(name) for name in each.sets),
        " or ".join(f"the duty “{titles.get(rule, rule)}”" for rule in each.rules),
    ]
    return "; ".join(part for part in parts if part)


__all__ = ["Theme", "ThemeCount", "ThemeNow", "answered_since", "counts_of", "questions_of", "suggested", "theme", "themes_of"]
