"""What the knowledge base lists for what a rule found: options a person may choose from, and the reasons one of them asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.web.ledger import known

OTHER = "other"
CAUTION = "Options to choose from, each with its source. None is an order: the person in front of you decides with you."


@dataclass(frozen=True, slots=True)
class Option:
    """`asks_reason`: choosing it needs one of `reasons()` and words."""

    key: str
    label: str
    sources: tuple[str, ...]
    mark: str
    mark_words: str
    asks_reason: bool

    @property
    def basis(self) -> str:
        """`Lester UK adaptation (S21). Mark V: read in the cited text`"""
        return f"{'; '.join(self.sources)}. Mark {self.mark}: {self.mark_words}"


@cache
def options_of(rule_id: str) -> tuple[Option, ...]:
    """Of the pack in use, in the order of the rule; empty for a rule without options, or that the pack no longer has."""
    pack = knowledge.load()
    rule = pack.rules.get(rule_id)
    found = [pack.options[key] for key in rule.options] if rule is not None else []
    return tuple(
        Option(
            row.option, row.label, tuple(known.source_title(key) for key in row.source), row.mark, known.MARKS[row.mark], row.needs_reason
        )
        for row in found
    )


@cache
def reasons() -> tuple[tuple[str, str], ...]:
    """Clinical reasons for leaving things as they are: (key, words). None is about capacity."""
    return tuple((key, row.label) for key, row in knowledge.load().clinical_reasons.items())


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was done, as it goes into the history: words, and the keys with the words they had."""

    words: str
    detail: dict[str, Any]


def chosen(rule_id: str, keys: Sequence[str], reason_keys: Sequence[str], words: str) -> Chosen:
    """Refused: nothing chosen, what the rule does not list, "no change" beside a change or without a clinical reason, "something else"
    or a reason without words."""
    listed = {option.key: option for option in options_of(rule_id)}
    known_reasons = dict(reasons())
    if not keys:
        raise Refused("Choose what was done.")
    if any(key not in listed for key in keys) or any(key not in known_reasons for key in reason_keys):
        raise Refused("Choose from what the knowledge base lists for this duty.")
    picked = [option for key, option in listed.items() if key in keys]
    said = " ".join(words.split())
    asking = [option for option in picked if option.asks_reason]
    if asking:
        _check_reason(asking[0], len(picked), reason_keys, said)
    elif reason_keys:
        raise Refused("A reason for leaving things as they are belongs to that answer: take it out, or choose it.")
    if OTHER in keys and not said:
        raise Refused("Say what else was done.")
    told = "; ".join(option.label for option in picked)
    why = "; ".join(known_reasons[key] for key in reason_keys)
    parts = [f"{told}, because: {why}" if why else told, said]
    return Chosen(
        ". ".join(part.rstrip(".") for part in parts if part),
        {
            "options": [{"option": option.key, "label": option.label, "mark": option.mark} for option in picked],
            "reasons": [{"reason": key, "label": known_reasons[key]} for key in reason_keys],
            "words": said,
        },
    )


def _check_reason(option: Option, picked: int, reason_keys: Sequence[str], said: str) -> None:
    if picked > 1:
        raise Refused(f"“{option.label}” stands alone: choose it, or what was changed.")
    if not reason_keys:
        raise Refused(f"“{option.label}” needs a clinical reason: choose at least one. Pressure on appointments is none.")
    if not said:
        raise Refused(f"“{option.label}” needs the reason in words, so that a colleague can follow it.")
