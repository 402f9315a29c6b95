"""What must hold between the entries of a pack. Every finding says where, and what to write."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from stepwell.knowledge import (
    check_groups,
    check_letters,
    check_loads,
    check_minutes,
    check_reviewing,
    check_rules,
    check_shared_care,
    check_tapering,
    model,
)
from stepwell.knowledge.advice import at, near
from stepwell.knowledge.build import UNIT_WORDS
from stepwell.knowledge.compile import codes_of, expand_sets
from stepwell.knowledge.model import length
from stepwell.knowledge.pack import Entry, Finding, Raw

# what a list may be used for
KIND_FOR = {"tests": ("test", "review"), "conditions": ("diagnosis",)}
UNITS = (*dict.fromkeys(unit for unit, _ in UNIT_WORDS), "other")
AGAIN = "make the file again with 'stepwell knowledge products'"
REQUIRED_PARAMETERS = (
    "stop_gap_days",
    "carry_cap_days",
    "grace_days",
    "default_days",
    "min_days",
    "max_days",
    "interval_min_issues",
    "elsewhere_months",
    "supplier_days",
    "new_starter_months",
    "specialist_months",
    "egfr_fall_milli",
    "egfr_fall_percent",
    "egfr_fall_months",
    "letter_months",
    "rate_days",
    "early_days",
    "early_months",
    "covered_days",
    "lapsed_months",
    "long_term_months",
    "expected_days",
    "both_months",
    "missed_months",
    "baseline_months",
    "baseline_days",
)


def check(raw: Raw) -> list[Finding]:
    """All faults of `raw`, those of reading included, by file and line."""
    found = list(raw.findings)
    if not raw.root.is_dir():
        return found
    if raw.info is None and not found:
        found.append(Finding("pack.yaml", 1, "the pack has no name and version: write pack.yaml"))
    parts = (_parameters, _sources, _lists, _authored, _medicines, _sets, _registers, _tests, _conditions)
    for part in (
        *parts,
        check_loads.loads,
        check_loads.patches,
        check_loads.interactions,
        check_rules.rules,
        check_rules.risks,
        check_rules.options,
        check_rules.priority,
        check_minutes.minutes,
        check_groups.groups,
        check_shared_care.protocols,
        check_shared_care.responsibilities,
        check_shared_care.decline_reasons,
        check_letters.letters,
        check_tapering.products,
        check_tapering.rules,
        check_tapering.guards,
        check_tapering.occupancies,
        check_tapering.support,
        check_tapering.scales,
        check_tapering.services,
        check_reviewing.parts,
        check_reviewing.kinds,
        _products,
    ):
        found += part(raw)
    return sorted(set(found))


def _parameters(raw: Raw) -> Iterable[Finding]:
    for name in REQUIRED_PARAMETERS:
        if name not in raw.known("parameters"):
            yield Finding(
                "parameters.yaml",
                1,
                f"the parameter '{name}' is missing: the engine cannot count without it; add it with value, unit, meaning, source and mark",
            )


def _sourced(value: object, path: tuple[str | int, ...] = ()) -> Iterable[tuple[tuple[str | int, ...], list[str], str]]:
    """(path, source ids, mark) of every part of an entry that carries them."""
    if isinstance(value, model._Struct):
        if hasattr(value, "source") and hasattr(value, "mark"):
            yield path, value.source, value.mark
        for name in value.__struct_fields__:
            yield from _sourced(getattr(value, name), (*path, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _sourced(item, (*path, index))


def _sources(raw: Raw) -> Iterable[Finding]:
    known = raw.known("sources")
    marks = {"K", "C", "D", "P"}
    for section in raw.sections.values():
        for entry in section.values():
            for path, ids, mark in _sourced(entry.value):
                if not ids:
                    yield at(entry, (*path, "source"), "'source' is empty: give at least one id of sources.yaml")
                for index, source in enumerate(ids):
                    if source not in known and source not in marks:
                        yield at(
                            entry,
                            (*path, "source", index),
                            near(source, known, "a source") + " Ids are compared whole: S10 is not S100, S01 is not S1",
                        )
                if mark in ("V", "S") and ids and all(source in marks for source in ids):
                    yield at(
                        entry,
                        (*path, "mark"),
                        f"mark {mark} says that a text was read, but no text is named: give its source id or write mark K or P",
                    )
    for entry in raw.sections["sources"].values():
        if entry.value.same_as and entry.value.same_as not in known:
            yield at(entry, ("same_as",), near(entry.value.same_as, known, "a source"))


def _lists(raw: Raw) -> Iterable[Finding]:
    for name, entry in raw.sections["codelists"].items():
        path = raw.root / "codelists" / name
        if path.is_file():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != entry.value.sha256:
                yield at(
                    entry,
                    ("sha256",),
                    f"the list was changed since it was taken over: restore codelists/{name}, "
                    f"or write sha256 {hashlib.sha256(content).hexdigest()} and say why in its origin",
                )


def _authored(raw: Raw) -> Iterable[Finding]:
    for entry in raw.sections["codelists"].values():
        listed = raw.lists.get(entry.value.file)
        if listed is not None and not listed:
            yield at(entry, ("file",), f"codelists/{entry.value.file} holds no code: write rows under the columns code and term")
        for code in listed or ():
            if entry.value.system == "snomed" and not code.isdigit():
                yield at(
                    entry, ("file",), f"'{code}' in codelists/{entry.value.file} is not a SNOMED CT id: write digits only, without spaces"
                )


def _uses(entry: Entry, section: str, raw: Raw) -> Iterable[Finding]:
    lists = raw.sections["codelists"]
    for index, use in enumerate(entry.value.lists):
        here = ("lists", index)
        if use.list not in lists:
            if use.list not in raw.broken["codelists"]:
                yield at(entry, (*here, "list"), near(use.list, lists, "a code list"))
            continue
        kind = lists[use.list].value.kind
        if kind not in KIND_FOR[section]:
            wanted = " or ".join(KIND_FOR[section])
            yield at(
                entry,
                (*here, "list"),
                f"'{use.list}' is a list of kind '{kind}' and cannot be used here: a {section[:-1]} takes a list of kind {wanted}",
            )
            continue
        codes = raw.lists.get(use.list, {})
        for name, wanted_codes in (
            ("only", use.only),
            ("without", use.without),
            ("values", [] if isinstance(use.values, str) else use.values),
        ):
            for code in wanted_codes:
                if code not in codes:
                    yield at(entry, (*here, name), f"the code {code} under '{name}' is not in {use.list}: copy it from the list")
        for unit, factors in use.units.items():
            if len(factors) != 2 or factors[0] <= 0 or factors[1] <= 0:
                yield at(
                    entry,
                    (*here, "units", unit),
                    f"the factor of '{unit}' must be two whole numbers above 0: write [numerator, denominator]",
                )
            if unit != unit.lower():
                yield at(entry, (*here, "units", unit), f"units are compared in lower case: write '{unit.lower()}'")


def _tests(raw: Raw) -> Iterable[Finding]:
    for entry in raw.sections["tests"].values():
        test = entry.value
        if not test.lists and not test.no_codes_because:
            yield at(entry, (), "a test without codes can never be seen as done: add 'lists:', or say 'no_codes_because:'")
        if test.kind == "measurement" and not test.unit:
            yield at(entry, ("kind",), "a measurement needs a unit: add 'unit:'")
        if test.kind != "measurement" and test.unit:
            yield at(entry, ("unit",), f"a {test.kind} has no unit: delete it or make the kind 'measurement'")
        for index, other in enumerate(test.also):
            if other not in raw.known("tests"):
                yield at(entry, ("also", index), near(other, raw.known("tests"), "a test"))
            elif other in raw.sections["tests"] and not raw.sections["tests"][other].value.unit:
                yield at(entry, ("also", index), f"'{other}' has no value to ask for: name a measurement")
        yield from _uses(entry, "tests", raw)


def _conditions(raw: Raw) -> Iterable[Finding]:
    for entry in raw.sections["conditions"].values():
        if not entry.value.lists:
            yield at(entry, (), "a condition without codes never holds: add 'lists:'")
        yield from _uses(entry, "conditions", raw)
        ended_by, lasts = entry.value.ended_by, entry.value.lasts
        if ended_by is not None:
            if ended_by not in raw.known("conditions"):
                yield at(entry, ("ended_by",), near(ended_by, raw.known("conditions"), "a condition"))
            if lasts is None:
                yield at(entry, ("ended_by",), "only an event is ended by another record: say how long it 'lasts:' too")
        if lasts is not None and length(lasts).approximate_days <= 0:
            yield at(entry, ("lasts",), f"an event that lasts {lasts} never counts: write how long it counts after its record")


def _medicines(raw: Raw) -> Iterable[Finding]:
    sets, conditions, lists = raw.known("sets"), raw.known("conditions"), raw.sections["codelists"]
    for entry in raw.sections["medicines"].values():
        medicine = entry.value
        for index, name in enumerate(medicine.sets):
            if name not in sets:
                yield at(entry, ("sets", index), near(name, sets, "a set of medicines"))
        for index, licence in enumerate(medicine.licences):
            if licence.condition not in conditions:
                yield at(entry, ("licences", index, "condition"), near(licence.condition, conditions, "a condition"))
        if medicine.licences and medicine.no_licences:
            yield at(entry, ("no_licences",), "licences and 'no_licences' contradict each other: keep one")
        if medicine.max_daily is not None and (medicine.max_daily.mg is None) == (not medicine.max_daily.none_because):
            yield at(
                entry,
                ("max_daily",),
                "write either 'mg:' with the licensed maximum a day, or 'none_because:' with the reason why there is none",
            )
        if medicine.window is not None and (length(medicine.window.late).months or length(medicine.window.late).days < 0):
            yield at(entry, ("window", "late"), "a window ends a number of days after the due day: write for example '7 days'")
        for index, unit in enumerate(medicine.not_as):
            if unit not in UNITS:
                yield at(entry, ("not_as", index), near(unit, UNITS, "a unit that products are counted in"))
        if medicine.words and not medicine.bnf:
            yield at(entry, ("words",), "'words' choose among the products of a BNF code: add 'bnf:' or delete it")
        if medicine.not_as and not medicine.names:
            yield at(entry, ("not_as",), "'not_as' is about names: add 'names:' or delete it")
        if medicine.complete:
            for part, there in (
                ("specialist_initiated", medicine.specialist_initiated),
                ("max_daily", medicine.max_daily),
                ("licences or no_licences", medicine.licences or medicine.no_licences),
            ):
                if not there:
                    yield at(entry, ("complete",), f"a complete entry says '{part}': add it, or take 'complete' away")
        for index, name in enumerate(medicine.names):
            if name != name.lower():
                yield at(entry, ("names", index), f"names are compared in lower case: write '{name.lower()}'")
    if not any(entry.value.kind == "medicine" for entry in lists.values()) and raw.products:
        yield Finding(
            "codelists.yaml", 1, "products.csv was made from lists of medicines, but none is named here: add them with kind 'medicine'"
        )


def _sets(raw: Raw) -> Iterable[Finding]:
    sets, medicines = raw.known("sets"), raw.known("medicines")
    members = expand_sets(raw)
    for key, entry in raw.sections["sets"].items():
        if key in medicines:
            yield at(entry, ("set",), "a medicine has this name, and every medicine is a set of itself: give the set another key")
        for index, name in enumerate(entry.value.members):
            if name not in medicines:
                yield at(entry, ("members", index), near(name, medicines, "a medicine"))
        for part in ("of", "without"):
            for index, name in enumerate(getattr(entry.value, part)):
                if name not in sets and name not in medicines:
                    yield at(entry, (part, index), near(name, [*sets, *medicines], "a set or a medicine"))
        if not members.get(key) and not raw.broken["medicines"] and not raw.broken["sets"]:
            yield at(entry, ("set",), "the set has no member: name some under 'members' or 'of', or in 'sets' of a medicine")


def _registers(raw: Raw) -> Iterable[Finding]:
    sets, conditions = raw.known("sets", "medicines"), raw.known("conditions")
    for entry in raw.sections["registers"].values():
        register = entry.value
        if (register.set is None) == (register.condition is None):
            yield at(entry, (), "a register is of a set of medicines or of a condition: write 'set:' or 'condition:', one of them")
        if register.set is not None and register.set not in sets:
            yield at(entry, ("set",), near(register.set, sets, "a set of medicines"))
        if register.condition is not None and register.condition not in conditions:
            yield at(entry, ("condition",), near(register.condition, conditions, "a condition"))
        if (register.condition is not None) != (register.group == "condition"):
            yield at(entry, ("group",), "the group 'condition' is for registers of a condition, and only for them: change the group")


def _products(raw: Raw) -> Iterable[Finding]:
    medicines = raw.known("medicines")
    reported: set[str] = set()
    for line, (_, code, substance, _, _) in enumerate(raw.products, start=2):
        if substance not in medicines and substance.rsplit(" (", 1)[0] not in medicines and substance not in reported:
            reported.add(substance)
            yield Finding(
                "products.csv",
                line,
                f"the product {code} belongs to '{substance}', which no medicine entry defines: {AGAIN}",
            )
        if not code.isalnum():
            yield Finding("products.csv", line, f"'{code}' is not a code: {AGAIN}")
    for line, (name, _, meant) in enumerate(raw.names, start=2):
        if meant is not None and meant not in medicines and meant.rsplit(" (", 1)[0] not in medicines:
            yield Finding(
                "names.csv",
                line,
                f"'{name}' belongs to '{meant}', which no medicine entry defines: {AGAIN}",
            )
    for section in ("tests", "conditions"):
        for entry in raw.sections[section].values():
            if (
                entry.value.lists
                and all(use.list in raw.sections["codelists"] for use in entry.value.lists)
                and not any(codes_of(entry.value.lists, raw))
            ):
                yield at(entry, ("lists",), "no code is left of its lists: look at 'only' and 'without'")


def by_mark(entries: Iterable[object]) -> dict[str, int]:
    """How many parts of these entries carry each mark."""
    found = dict.fromkeys("VSKCDP", 0)
    for entry in entries:
        for _, _, mark in _sourced(entry):
            found[mark] += 1
    return found


def counts(raw: Raw) -> tuple[int, int, dict[str, int]]:
    """Figures of the pack: how many parts carry (or should carry) a source, how many of them have none, and how many have each mark."""
    entries, without, by_mark = 0, 0, dict.fromkeys("VSKCDP", 0)
    for section in raw.sections.values():
        for entry in section.values():
            for _, ids, mark in _sourced(entry.value):
                entries += 1
                without += not ids
                by_mark[mark] += 1
    without += sum("'source' is missing" in finding.message or "'source' is empty" in finding.message for finding in raw.findings)
    return entries, without, by_mark
