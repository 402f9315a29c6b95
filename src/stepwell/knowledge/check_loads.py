"""What must hold in loads, patches and interactions."""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.knowledge import model
from stepwell.knowledge.advice import at, near
from stepwell.knowledge.compile import expand_sets
from stepwell.knowledge.model import length
from stepwell.knowledge.pack import Entry, Finding, Raw

UNIT_OF = {"maximum": "percent", "oral-morphine": "mg", "factor": "mg", "points": "points"}
FIGURE = {"maximum": "licensed maximum a day ('max_daily')", "oral-morphine": "oral morphine factor ('oral_morphine')"}


def loads(raw: Raw) -> Iterable[Finding]:
    """Every member of a load's set adds something or says why not; every part says one figure."""
    medicines = raw.known("medicines")
    for entry in raw.sections["loads"].values():
        load: model.Load = entry.value
        if load.unit != UNIT_OF[load.by]:
            yield at(entry, ("unit",), f"a load by {load.by} is counted in {UNIT_OF[load.by]}: write 'unit: {UNIT_OF[load.by]}'")
        by_set = load.by in FIGURE
        if by_set != (load.set is not None):
            wanted = "names its medicines with 'set:'" if by_set else "names its medicines under 'parts:', without 'set'"
            yield at(entry, ("by",), f"a load by {load.by} {wanted}")
        elif load.set is not None:
            yield from _members(entry, load, raw)
        if by_set == bool(load.parts):
            yield at(entry, ("parts",), f"a load by {load.by} {'has no parts: delete them' if by_set else 'needs parts: add them'}")
        wanted_figure = {"factor": "'factor' or 'equals'", "points": "'points'"}.get(load.by)
        for index, part in enumerate(load.parts):
            if part.medicine not in medicines:
                yield at(entry, ("parts", index, "medicine"), near(part.medicine, medicines, "a medicine"))
            figures = [part.points] if load.by == "points" else [part.factor, part.equals]
            others = [part.factor, part.equals] if load.by == "points" else [part.points]
            given = [figure for figure in figures if figure is not None]
            if wanted_figure and (len(given) != 1 or given[0] <= 0 or any(figure is not None for figure in others)):
                yield at(entry, ("parts", index), f"'{part.medicine}' needs one figure above 0: write {wanted_figure}")
            if part.equals is not None and not load.of:
                yield at(entry, ("parts", index, "equals"), "equal to what? add 'of:' with the mg of the reference medicine")
            yield from _published(entry, index, part)
        names = [part.medicine for part in load.parts]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield at(entry, ("parts", index, "medicine"), f"'{name}' is there twice: keep one figure")


def _published(entry: Entry, index: int, part: model.Part) -> Iterable[Finding]:
    """Tables that disagree are kept side by side; what is counted with lies among them."""
    for number, told in enumerate(part.published):
        if told.equals <= 0 or told.most < told.equals:
            yield at(entry, ("parts", index, "published", number), "a figure above 0, or a range from the lower to the higher one")
    if part.published and part.equals is not None:
        least, most = min(told.equals for told in part.published), max(told.most for told in part.published)
        if not least <= part.equals <= most:
            yield at(entry, ("parts", index, "equals"), f"{part.equals:g} lies outside what the tables say ({least:g} to {most:g})")


def _members(entry: Entry, load: model.Load, raw: Raw) -> Iterable[Finding]:
    known = raw.known("sets", "medicines")
    if load.set not in known:
        yield at(entry, ("set",), near(str(load.set), known, "a set of medicines"))
        return
    if raw.broken["sets"] or raw.broken["medicines"]:  # told there already
        return
    members = expand_sets(raw).get(str(load.set), frozenset())
    for name in sorted(members & set(raw.sections["medicines"])):
        medicine: model.Medicine = raw.sections["medicines"][name].value
        has = medicine.oral_morphine is not None if load.by == "oral-morphine" else bool(medicine.max_daily and medicine.max_daily.mg)
        if not has and name not in load.leaves_out:
            yield at(entry, ("set",), f"'{name}' has no {FIGURE[load.by]}: add it, or name it under 'leaves_out' with the reason")
    for name in load.leaves_out:
        if name not in members:
            yield at(entry, ("leaves_out", name), near(name, members, f"a member of '{load.set}'"))


def patches(raw: Raw) -> Iterable[Finding]:
    """Each strength of a patch once, of a medicine that comes as a patch."""
    medicines = raw.sections["medicines"]
    seen: dict[tuple[str, float], str] = {}
    for key, entry in raw.sections["patches"].items():
        patch: model.Patch = entry.value
        if patch.medicine not in raw.known("medicines"):
            yield at(entry, ("medicine",), near(patch.medicine, medicines, "a medicine"))
        elif patch.medicine in medicines and "patch" not in medicines[patch.medicine].value.forms:
            yield at(entry, ("medicine",), f"'{patch.medicine}' does not come as a patch: add 'patch' to its 'forms' or name another")
        if patch.micrograms_an_hour <= 0:
            yield at(entry, ("micrograms_an_hour",), "a patch gives something: write the figure of its label")
        other = seen.setdefault((patch.medicine, patch.micrograms_an_hour), key)
        if other != key:
            yield at(entry, ("micrograms_an_hour",), f"'{other}' has this strength already: keep one of them")


def interactions(raw: Raw) -> Iterable[Finding]:
    """Sets that exist, and a window in days."""
    known = raw.known("sets", "medicines")
    for entry in raw.sections["interactions"].values():
        for index, name in enumerate(entry.value.sets):
            if name not in known:
                yield at(entry, ("sets", index), near(name, known, "a set of medicines"))
        window = length(entry.value.window)
        if window.months or window.days < 0:
            yield at(entry, ("window",), "the window is counted in days: write for example '14 days'")
