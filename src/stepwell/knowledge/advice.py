"""How a fault is told: the place in the file, the entry's own name, and the nearest thing that would have been right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from stepwell.knowledge.pack import Entry, Finding


def near(wrong: str, known: Iterable[str], what: str) -> str:
    """What is wrong with a key, and the key that was probably meant."""
    close = difflib.get_close_matches(wrong, list(known), 1)
    return f"'{wrong}' is not {what}: " + (f"did you mean '{close[0]}'?" if close else "use a key that is defined")


def at(entry: Entry, path: tuple[str | int, ...], message: str) -> Finding:
    """A finding at `path` of an entry."""
    own = next(iter(type(entry.value).__struct_fields__))
    label = getattr(
        entry.value,
        next(
            name
            for name in (
                "taper_rule",
                "guard",
                "support",
                "service",
                "outcome",
                "review_part",
                "review_kind",
                "scale",
                "product",
                "protocol",
                "responsibility",
                "decline_reason",
                "rule",
                "load",
                "patch",
                "interaction",
                "medicine",
                "test",
                "condition",
                "set",
                "register",
                "reason",
                "task",
                "group",
                "risk",
                "option",
                "clinical_reason",
                "heading",
                "letter",
                "template",
                "name",
                "file",
                "id",
            )
            if hasattr(entry.value, name)
        ),
        own,
    )
    return Finding(entry.file, entry.line(*path), f"'{label}': {message}")
