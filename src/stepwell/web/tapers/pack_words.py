"""The words of `data/pack-words.yaml`."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec
import yaml


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A proposal of this project, with its source and mark like an entry of the knowledge base."""

    words: str
    source: list[str]
    mark: str

    def about(self, name: str) -> Said:
        """With the named clinician put in."""
        return Said(words=self.words.format(name=name), source=self.source, mark=self.mark)


class PackWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rules` and `all_right` are keys of `taper_support`; `times` what a prescriber can put into a prescription."""

    language: str
    months: int
    steps_ahead: int
    check_ins: int
    rules: list[str]
    all_right: list[str]
    times: list[str]
    sheet: dict[str, str]
    pictures: dict[str, str]
    letter: dict[str, str]
    said: dict[str, Said]


@cache
def pack_words() -> PackWords:
    text = resources.files("stepwell.web.tapers").joinpath("data/pack-words.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), PackWords)
