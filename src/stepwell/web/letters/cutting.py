"""A letter as somebody may see it: statements that tell of an entry hidden from them are taken out, and that is all that is told."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stepwell.clinical.letter_completeness import Section
from stepwell.web.core.formatting import count
from stepwell.web.privacy.restrict import Cut

RESTRICTED = "restricted"


def shown(cut: Cut, sections: Sequence[Section]) -> list[Section]:
    """The sections without statements that name what the cut hides."""
    return [_cut(cut, section) for section in sections] if cut.hidden else list(sections)


def shown_text(cut: Cut, text: str) -> str:
    """A single statement, or that it is restricted."""
    return "Restricted entry" if cut.hidden and cut.hidden.tells(text) else text


def _cut(cut: Cut, section: Section) -> Section:
    kept = [line for line in section.words if not cut.hidden.tells(line)]
    gone = len(section.words) - len(kept)
    if not gone:
        return section
    told = f"{count(gone, 'statement is', 'statements are')} {RESTRICTED}"
    facts = [fact for fact in section.facts if not cut.hidden.tells(" ".join(str(value) for value in fact.values()))]
    return msgspec.structs.replace(section, words=[*kept, told], facts=facts)
