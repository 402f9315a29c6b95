"""Letters as knowledge: the headings that a letter has, by kind, with code, conformance and source."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from stepwell.knowledge import model

Ask = Literal["author", "practice", "patient"]
Conformance = Literal["mandatory", "required", "optional", "minimum"]
Code = Annotated[str, msgspec.Meta(pattern=r"^\d*$")]


class LetterHeading(model.Sourced, frozen=True, kw_only=True):
    """A heading. `code` is the SNOMED CT code of the section, empty for a minimum field, which stands `under` a standard heading.

    ask: who is asked where the record does not hold it. about_medicines: it is said of the medicines that the letter is about.
    """

    heading: model.Key
    label: model.Text
    code: Code = ""
    under: model.Key | None = None
    ask: Ask
    about_medicines: bool = False
    hint: str = ""


class LetterPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    heading: model.Key
    conformance: Conformance


class LetterKind(model.Sourced, frozen=True, kw_only=True):
    """A kind of letter: its headings in reading order. `code` is the SNOMED CT code of the document type, empty for none;
    `version` is raised when its headings change. from_plan: it is made of a plan to reduce a medicine and sent from its pack; nobody
    begins one by hand, and how complete it is says nothing of a team."""

    letter: model.Key
    label: model.Text
    version: Annotated[int, msgspec.Meta(ge=1)]
    code: Code = ""
    standard: model.Text
    from_plan: bool = False
    parts: Annotated[list[LetterPart], msgspec.Meta(min_length=1)]
