"""What must hold in the headings of letters: every kind is made of headings that exist, each once."""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.knowledge.advice import at, near
from stepwell.knowledge.letters import LetterHeading, LetterKind
from stepwell.knowledge.pack import Finding, Raw


def letters(raw: Raw) -> Iterable[Finding]:
    """A heading has a code or stands under one that has; a kind names known headings once and has a mandatory one."""
    known = raw.known("letter_headings")
    for entry in raw.sections["letter_headings"].values():
        heading: LetterHeading = entry.value
        if bool(heading.code) == bool(heading.under):
            yield at(entry, (), "a heading has either the 'code' of its section or the heading that it stands 'under'")
        if heading.under is None:
            continue
        over = raw.sections["letter_headings"].get(heading.under)
        if heading.under not in known:
            yield at(entry, ("under",), near(heading.under, known, "a heading"))
        elif over is not None and not over.value.code:
            yield at(entry, ("under",), f"'{heading.under}' has no code itself: name a heading of the standard")
    for entry in raw.sections["letter_kinds"].values():
        kind: LetterKind = entry.value
        seen: set[str] = set()
        for index, part in enumerate(kind.parts):
            if part.heading not in known:
                yield at(entry, ("parts", index), near(part.heading, known, "a heading"))
            if part.heading in seen:
                yield at(entry, ("parts", index), f"'{part.heading}' is there twice: keep one of them")
            seen.add(part.heading)
            found = raw.sections["letter_headings"].get(part.heading)
            if found is not None and (part.conformance == "minimum") == bool(found.value.code):
                yield at(
                    entry, ("parts", index), "a heading of the standard is mandatory, required or optional; one without code is minimum"
                )
        if not any(part.conformance == "mandatory" for part in kind.parts):
            yield at(entry, ("parts",), "a letter has at least one mandatory heading")
