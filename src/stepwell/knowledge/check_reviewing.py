"""What must hold in the knowledge of reviewing: lists that are there, names that exist, clocks that run."""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.knowledge.advice import at, near
from stepwell.knowledge.model import length
from stepwell.knowledge.pack import Finding, Raw
from stepwell.knowledge.reviewing import ReviewKind, ReviewPart

# lists without which a review cannot be written
NEEDED = ("matters", "outcome", "concerns", "adherence", "alternatives", "decisions", "present", "capacity", "antipsychotic", "record")


def parts(raw: Raw) -> Iterable[Finding]:
    """Sets exist; every list is there; the record's entries are questions."""
    sets = raw.known("sets", "medicines")
    entries = raw.sections["review_parts"]
    for entry in entries.values():
        part: ReviewPart = entry.value
        for index, name in enumerate(part.sets):
            if name not in sets:
                yield at(entry, ("sets", index), near(name, sets, "a set of medicines"))
        if part.part == "record" and not part.ask:
            yield at(entry, ("part",), "what a record must hold is asked for: add 'ask:'")
        if part.part == "decisions" and part.sets:
            yield at(entry, ("sets",), "a decision can be taken about every medicine: delete it")
        if part.needs and part.part != "decisions":
            yield at(entry, ("needs",), "only a decision asks for more: delete it")
    if raw.broken["review_parts"]:
        return
    for name in NEEDED:
        if not any(entry.value.part == name for entry in entries.values()):
            yield Finding("review-parts.yaml", 1, f"the list '{name}' is empty: a review needs it")


def kinds(raw: Raw) -> Iterable[Finding]:
    """Sets and rules exist, a rule is answered by one kind, and a clock has an event to run from."""
    sets, rules = raw.known("sets", "medicines"), raw.known("rules")
    answered: dict[str, str] = {}
    for entry in raw.sections["review_kinds"].values():
        kind: ReviewKind = entry.value
        for part, known, what in (("sets", sets, "a set of medicines"), ("rules", rules, "a rule")):
            for index, name in enumerate(getattr(kind, part)):
                if name not in known:
                    yield at(entry, (part, index), near(name, known, what))
        for index, name in enumerate(kind.rules):
            if name in answered:
                yield at(entry, ("rules", index), f"'{name}' is answered by '{answered[name]}' already: name it once")
            answered[name] = kind.review_kind
        if (kind.every or kind.after) and not kind.since:
            yield at(entry, ("since",), "a clock runs from something: add 'since:'")
        if kind.every is not None and length(kind.every).approximate_days <= 0:
            yield at(entry, ("every",), "a review comes again after some time: write for example '12 months'")
        spans = [length(span).approximate_days for span in kind.after]
        if spans != sorted(set(spans)):
            yield at(entry, ("after",), "the times go up, each once: put them in order")
    if not raw.sections["review_kinds"] and not raw.broken["review_kinds"]:
        yield Finding("review-kinds.yaml", 1, "there is no kind of review: write at least one")
