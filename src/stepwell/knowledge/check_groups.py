"""What must hold in groups of people: they are made of registers and rules that exist."""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.knowledge import model
from stepwell.knowledge.advice import at, near
from stepwell.knowledge.pack import Finding, Raw


def groups(raw: Raw) -> Iterable[Finding]:
    """A key of its own, lists that are not empty, registers and rules that are defined, nobody both in and out."""
    registers, rules = raw.known("registers"), raw.known("rules")
    for key, entry in raw.sections["groups"].items():
        group: model.PeopleGroup = entry.value
        if key in registers:
            yield at(entry, ("group",), "a register has this name: give the group another key")
        for index, names in enumerate(group.every):
            if not names:
                yield at(entry, ("every", index), "an empty list is on nobody's record: name at least one register")
            for place, name in enumerate(names):
                if name not in registers:
                    yield at(entry, ("every", index, place), near(name, registers, "a register"))
                elif name in group.without:
                    yield at(entry, ("without",), f"'{name}' is asked for and ruled out: keep one")
        for place, name in enumerate(group.without):
            if name not in registers:
                yield at(entry, ("without", place), near(name, registers, "a register"))
        for part in ("due", "cadence"):
            for place, name in enumerate(getattr(group, part)):
                if name not in rules:
                    yield at(entry, (part, place), near(name, rules, "a rule"))
