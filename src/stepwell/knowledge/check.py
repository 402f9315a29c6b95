"""What must hold between the entries of a pack. Every finding says where, and what to write."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from itertools import pairwise

from stepwell.knowledge import model
from stepwell.knowledge.compile import codes_of, expand_sets, filled
from stepwell.knowledge.model import length
from stepwell.knowledge.pack import Entry, Finding, Raw

# what a list may be used for
KIND_FOR = {"tests": ("test", "review"), "conditions": ("diagnosis",)}
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
)


def check(raw: Raw) -> list[Finding]:
    """All faults of `raw`, those of reading included, by file and line."""
    found = list(raw.findings)
    if not raw.root.is_dir():
        return found
    if raw.info is None and not found:
        found.append(Finding("pack.yaml", 1, "the pack has no name and version: write pack.yaml"))
    for part in (_parameters, _sources, _lists, _authored, _medicines, _sets, _tests, _conditions, _rules, _priority, _products):
        found += part(raw)
    return sorted(set(found))


def _near(wrong: str, known: Iterable[str], what: str) -> str:
    close = difflib.get_close_matches(wrong, list(known), 1)
    return f"'{wrong}' is not {what}: " + (f"did you mean '{close[0]}'?" if close else "use a key that is defined")


def _at(entry: Entry, path: tuple[str | int, ...], message: str) -> Finding:
    own = next(iter(type(entry.value).__struct_fields__))
    label = getattr(
        entry.value,
        next(
            name
            for name in ("rule", "medicine", "test", "condition", "set", "register", "reason", "template", "name", "file", "id")
            if hasattr(entry.value, name)
        ),
        own,
    )
    return Finding(entry.file, entry.line(*path), f"'{label}': {message}")


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
                    yield _at(entry, (*path, "source"), "'source' is empty: give at least one id of sources.yaml")
                for index, source in enumerate(ids):
                    if source not in known and source not in marks:
                        yield _at(
                            entry,
                            (*path, "source", index),
                            _near(source, known, "a source") + " Ids are compared whole: S10 is not S100, S01 is not S1",
                        )
                if mark in ("V", "S") and ids and all(source in marks for source in ids):
                    yield _at(
                        entry,
                        (*path, "mark"),
                        f"mark {mark} says that a text was read, but no text is named: give its source id or write mark K or P",
                    )
    for entry in raw.sections["sources"].values():
        if entry.value.same_as and entry.value.same_as not in known:
            yield _at(entry, ("same_as",), _near(entry.value.same_as, known, "a source"))


def _lists(raw: Raw) -> Iterable[Finding]:
    for name, entry in raw.sections["codelists"].items():
        path = raw.root / "codelists" / name
        if path.is_file():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != entry.value.sha256:
                yield _at(
                    entry,
                    ("sha256",),
                    f"the list was changed since it was taken over: restore codelists/{name}, "
                    f"or write sha256 {hashlib.sha256(content).hexdigest()} and say why in its origin",
                )


def _authored(raw: Raw) -> Iterable[Finding]:
    for entry in raw.sections["codelists"].values():
        listed = raw.lists.get(entry.value.file)
        if listed is not None and not listed:
            yield _at(entry, ("file",), f"codelists/{entry.value.file} holds no code: write rows under the columns code and term")
        for code in listed or ():
            if entry.value.system == "snomed" and not code.isdigit():
                yield _at(
                    entry, ("file",), f"'{code}' in codelists/{entry.value.file} is not a SNOMED CT id: write digits only, without spaces"
                )


def _uses(entry: Entry, section: str, raw: Raw) -> Iterable[Finding]:
    lists = raw.sections["codelists"]
    for index, use in enumerate(entry.value.lists):
        here = ("lists", index)
        if use.list not in lists:
            if use.list not in raw.broken["codelists"]:
                yield _at(entry, (*here, "list"), _near(use.list, lists, "a code list"))
            continue
        kind = lists[use.list].value.kind
        if kind not in KIND_FOR[section]:
            wanted = " or ".join(KIND_FOR[section])
            yield _at(
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
                    yield _at(entry, (*here, name), f"the code {code} under '{name}' is not in {use.list}: copy it from the list")
        for unit, factors in use.units.items():
            if len(factors) != 2 or factors[0] <= 0 or factors[1] <= 0:
                yield _at(
                    entry,
                    (*here, "units", unit),
                    f"the factor of '{unit}' must be two whole numbers above 0: write [numerator, denominator]",
                )
            if unit != unit.lower():
                yield _at(entry, (*here, "units", unit), f"units are compared in lower case: write '{unit.lower()}'")


def _tests(raw: Raw) -> Iterable[Finding]:
    for entry in raw.sections["tests"].values():
        test = entry.value
        if not test.lists and not test.no_codes_because:
            yield _at(entry, (), "a test without codes can never be seen as done: add 'lists:', or say 'no_codes_because:'")
        if test.kind == "measurement" and not test.unit:
            yield _at(entry, ("kind",), "a measurement needs a unit: add 'unit:'")
        if test.kind != "measurement" and test.unit:
            yield _at(entry, ("unit",), f"a {test.kind} has no unit: delete it or make the kind 'measurement'")
        yield from _uses(entry, "tests", raw)


def _conditions(raw: Raw) -> Iterable[Finding]:
    for entry in raw.sections["conditions"].values():
        if not entry.value.lists:
            yield _at(entry, (), "a condition without codes never holds: add 'lists:'")
        yield from _uses(entry, "conditions", raw)


def _medicines(raw: Raw) -> Iterable[Finding]:
    sets, conditions, lists = raw.known("sets"), raw.known("conditions"), raw.sections["codelists"]
    for entry in raw.sections["medicines"].values():
        medicine = entry.value
        for index, name in enumerate(medicine.sets):
            if name not in sets:
                yield _at(entry, ("sets", index), _near(name, sets, "a set of medicines"))
        for index, licence in enumerate(medicine.licences):
            if licence.condition not in conditions:
                yield _at(entry, ("licences", index, "condition"), _near(licence.condition, conditions, "a condition"))
        if medicine.licences and medicine.no_licences:
            yield _at(entry, ("no_licences",), "licences and 'no_licences' contradict each other: keep one")
        if medicine.max_daily is not None and (medicine.max_daily.mg is None) == (not medicine.max_daily.none_because):
            yield _at(
                entry,
                ("max_daily",),
                "write either 'mg:' with the licensed maximum a day, or 'none_because:' with the reason why there is none",
            )
        if medicine.complete:
            for part, there in (
                ("specialist_initiated", medicine.specialist_initiated),
                ("max_daily", medicine.max_daily),
                ("licences or no_licences", medicine.licences or medicine.no_licences),
            ):
                if not there:
                    yield _at(entry, ("complete",), f"a complete entry says '{part}': add it, or take 'complete' away")
        for index, name in enumerate(medicine.names):
            if name != name.lower():
                yield _at(entry, ("names", index), f"names are compared in lower case: write '{name.lower()}'")
    if not any(entry.value.kind == "medicine" for entry in lists.values()) and raw.products:
        yield Finding(
            "codelists.yaml", 1, "products.csv was made from lists of medicines, but none is named here: add them with kind 'medicine'"
        )


def _sets(raw: Raw) -> Iterable[Finding]:
    sets, medicines = raw.known("sets"), raw.known("medicines")
    members = expand_sets(raw)
    for key, entry in raw.sections["sets"].items():
        if key in medicines:
            yield _at(entry, ("set",), "a medicine has this name, and every medicine is a set of itself: give the set another key")
        for index, name in enumerate(entry.value.members):
            if name not in medicines:
                yield _at(entry, ("members", index), _near(name, medicines, "a medicine"))
        for part in ("of", "without"):
            for index, name in enumerate(getattr(entry.value, part)):
                if name not in sets and name not in medicines:
                    yield _at(entry, (part, index), _near(name, [*sets, *medicines], "a set or a medicine"))
        if not members.get(key) and not raw.broken["medicines"] and not raw.broken["sets"]:
            yield _at(entry, ("set",), "the set has no member: name some under 'members' or 'of', or in 'sets' of a medicine")
    for entry in raw.sections["registers"].values():
        if entry.value.set not in sets and entry.value.set not in medicines:
            yield _at(entry, ("set",), _near(entry.value.set, [*sets, *medicines], "a set of medicines"))


def _when(entry: Entry, path: tuple[str | int, ...], when: model.When | model.Priority, raw: Raw) -> Iterable[Finding]:
    sets = raw.known("sets", "medicines")
    known: Mapping[str, Iterable[str]] = {
        "has": raw.known("conditions"),
        "takes": sets,
        "last": raw.known("tests"),
        "falling": raw.known("tests"),
        "sex": ("female", "male"),
    }
    what = {"has": "a condition", "takes": "a set of medicines", "last": "a test", "falling": "a test", "sex": "'female' or 'male'"}
    if when.fact == "age":
        if when.subject:
            yield _at(entry, (*path, "subject"), "age has no subject: delete it")
        if when.op == "is":
            yield _at(entry, (*path, "op"), "age is compared: write 'op' (>=, >, <= or <) and 'value' in years")
    elif when.fact and when.subject not in known[when.fact]:
        yield _at(entry, (*path, "subject"), _near(when.subject, known[when.fact], what[when.fact]))
    if when.fact in ("has", "takes", "sex") and when.op != "is":
        yield _at(entry, (*path, "op"), f"'{when.fact}' is not compared: delete 'op' and 'value'")
    if when.op != "is" and when.op is not None and when.value is None:
        yield _at(entry, (*path, "value"), f"'{when.op}' needs a value: add 'value:'")
    if (
        when.fact == "last"
        and when.subject in raw.sections["tests"]
        and when.op != "is"
        and not raw.sections["tests"][when.subject].value.unit
    ):
        yield _at(entry, (*path, "subject"), f"'{when.subject}' has no value to compare: use a measurement")


def _rules(raw: Raw) -> Iterable[Finding]:
    sets, tests = raw.known("sets", "medicines"), raw.known("tests")
    for entry in raw.sections["rules"].values():
        rule: model.Rule = entry.value
        for part in ("set", "set_b", "set_c"):
            name = getattr(rule, part)
            if name is not None and name not in sets:
                yield _at(entry, (part,), _near(name, sets, "a set of medicines"))
        if rule.test is not None and rule.test not in tests:
            yield _at(entry, ("test",), _near(rule.test, tests, "a test"))
        if rule.kind == "monitor" and rule.test is None:
            yield _at(entry, ("kind",), "a rule of kind 'monitor' needs a test: add 'test:'")
        if (rule.kind == "combination") != (rule.set_b is not None):
            yield _at(
                entry,
                ("kind",),
                "a combination has 'set_b' (and perhaps 'set_c'), and only a combination has them: add it or change the kind",
            )
        if (rule.kind == "result") != (rule.band is not None):
            yield _at(entry, ("kind",), "a result rule has a 'band', and only a result rule has one: add it or change the kind")
        if rule.kind in ("combination",) and rule.per != "class":
            yield _at(entry, ("per",), "a combination is about classes: write 'per: class'")
        if rule.kind in ("licence", "agree") and rule.per != "substance":
            yield _at(entry, ("per",), f"a rule of kind '{rule.kind}' is about one medicine: write 'per: substance'")
        if rule.lookback and length(rule.lookback).days:
            yield _at(entry, ("lookback",), "looking back is counted in whole months: write for example '3 months'")
        if rule.escalate and length(rule.escalate.after).months:
            yield _at(entry, ("escalate", "after"), "escalation is counted in days: write for example '28 days'")
        for part, groups in (("applies", rule.applies), ("unless", rule.unless), ("sooner_when", rule.sooner_when)):
            for number, group in enumerate(groups):
                if not group:
                    yield _at(entry, (part, number), "an empty group always holds: write a condition or delete it")
                for index, when in enumerate(group):
                    yield from _when(entry, (part, number, index), when, raw)
        for index, point in enumerate(rule.points):
            if point.basis and WEAKEST.index(point.basis.mark) > WEAKEST.index(rule.mark):
                yield _at(
                    entry,
                    ("points", index, "basis"),
                    f"the rule's mark {rule.mark} is stronger than this point's {point.basis.mark}: a rule carries its weakest mark",
                )
        yield from _band(entry, rule, raw)
        yield from _points(entry, rule, raw)


def _band(entry: Entry, rule: model.Rule, raw: Raw) -> Iterable[Finding]:
    band = rule.band
    if band is None:
        return
    tests = raw.sections["tests"]
    if band.test not in tests:
        if band.test not in raw.broken["tests"]:
            yield _at(entry, ("band", "test"), _near(band.test, tests, "a test"))
    elif not tests[band.test].value.unit:
        yield _at(entry, ("band", "test"), f"'{band.test}' has no value: a band looks at a measurement")
    lows = [value for value in (band.low_from, band.low_over) if value is not None]
    highs = [value for value in (band.high_to, band.high_under) if value is not None]
    if len(lows) > 1 or len(highs) > 1 or not lows + highs:
        yield _at(entry, ("band",), "a band has one lower end ('from' or 'over'), one upper end ('to' or 'under'), or one of them")
    elif lows and highs and lows[0] >= highs[0]:
        yield _at(entry, ("band",), f"the band is empty: its lower end {lows[0]:g} is not below its upper end {highs[0]:g}")


def _points(entry: Entry, rule: model.Rule, raw: Raw) -> Iterable[Finding]:
    templates = {key: item.value for key, item in raw.sections["points"].items()}
    points = []
    for index, written in enumerate(rule.points):
        here = ("points", index)
        if written.use and written.use not in templates:
            if written.use not in raw.broken["points"]:
                yield _at(entry, (*here, "use"), _near(written.use, templates, "a point of points.yaml"))
            continue
        point = filled(written, templates)
        if not point.point or point.kind is None:
            yield _at(entry, here, "a point says 'use:' with the name of one in points.yaml, or its own 'point:' and 'kind:'")
            continue
        yield from _point(entry, here, rule, point)
        points.append((here, point))
    seen: dict[str, str] = {}
    for here, point in points:
        if point.point in seen and not (point.kind == "ongoing" and seen[point.point] == "ongoing"):
            yield _at(entry, here, f"the point '{point.point}' is there twice: give each its own name")
        seen[point.point] = str(point.kind)
    yield from _chain(entry, [(here, point) for here, point in points if point.kind == "chain" and point.opens and point.due])
    ongoing = [(here, point) for here, point in points if point.kind == "ongoing"]
    for (here, point), after in zip(ongoing, [*ongoing[1:], None], strict=False):
        if after is not None and not point.while_before:
            yield _at(entry, here, "another interval follows this one: say 'while_before:' until when this one runs")
        if after is None and point.while_before:
            yield _at(entry, here, "no interval follows this one: delete 'while_before:' or add a row without it")
    if ongoing and any(points.index(other) > points.index(ongoing[0]) for other in points if other[1].kind != "ongoing"):
        yield _at(entry, ongoing[0][0], "the ongoing interval comes after the points with a date: move it to the end")
    if any(point.sooner for _, point in points) and not rule.sooner_when:
        yield _at(entry, ("points",), "a point has a 'sooner' interval but no 'sooner_when' says when it holds: add it")
    if rule.sooner_when and not any(point.sooner for _, point in points):
        yield _at(entry, ("sooner_when",), "'sooner_when' changes nothing: add 'sooner:' to an ongoing point")


WEAKEST = "VSCDKP"  # from the strongest mark to the weakest


def _point(entry: Entry, here: tuple[str | int, ...], rule: model.Rule, point: model.Point) -> Iterable[Finding]:
    if (rule.kind == "result") != (point.anchor == "trigger"):
        yield _at(
            entry, here, "a point of a result rule hangs on the trigger, and only such a point: write 'anchor: trigger' or take it away"
        )
    if rule.kind == "agree":
        if point.kind != "ongoing" or len(rule.points) != 1:
            yield _at(entry, here, "a rule of kind 'agree' has exactly one point: write 'points: [{use: agree}]'")
        return
    if point.kind == "ongoing":
        if not point.every:
            yield _at(entry, here, "an ongoing point needs its interval: add 'every:'")
        elif point.sooner and length(point.sooner).approximate_days >= length(point.every).approximate_days:
            yield _at(entry, here, f"'sooner' ({point.sooner}) is not shorter than 'every' ({point.every})")
        return
    for name in ("opens", "due", *(("until",) if point.kind == "window" else ())):
        if getattr(point, name) is None:
            yield _at(entry, here, f"a {point.kind} needs '{name}:'")
    if point.window is None:
        yield _at(entry, here, "the edges of a window are figures too: add 'window: {source: [...], mark: ...}'")
    edges = [(name, getattr(point, name)) for name in ("opens", "due", "until", "lapse") if getattr(point, name) is not None]
    days = {name: length(span).approximate_days for name, span in edges}
    if "opens" in days and "due" in days and days["opens"] > days["due"]:
        yield _at(entry, (*here, "opens"), f"the window opens ({point.opens}) after it is due ({point.due}): change one of them")
    if "lapse" in days and "due" in days and days["lapse"] < days["due"]:
        yield _at(entry, (*here, "lapse"), f"it lapses ({point.lapse}) before it is due ({point.due}): change one of them")
    if "until" in days and "opens" in days and days["until"] < days["opens"]:
        yield _at(entry, (*here, "until"), f"the window ends ({point.until}) before it opens ({point.opens}): change one of them")


def _chain(entry: Entry, chain: list[tuple[tuple[str | int, ...], model.Point]]) -> Iterable[Finding]:
    """Each window may overlap its neighbour only, and both ends may only move later: so a result serves one point, whatever the order."""
    spans = [
        (here, point, length(point.opens or "0 days").approximate_days, length(point.lapse).approximate_days if point.lapse else None)
        for here, point in chain
    ]
    for (_, before, opens, ends), (here, point, next_opens, next_ends) in pairwise(spans):
        if (
            next_opens < opens
            or (ends is None and next_ends is not None)
            or (ends is not None and next_ends is not None and next_ends < ends)
        ):
            yield _at(
                entry,
                here,
                f"the window of '{point.point}' begins or ends before that of '{before.point}': put the points in order of time",
            )
        elif ends is None:
            yield _at(entry, here, f"'{before.point}' never lapses, so '{point.point}' can never come: add 'lapse:' to '{before.point}'")
    for (_, first, _, ends), (here, third, opens, _) in zip(spans, spans[2:], strict=False):
        if ends is not None and opens < ends:
            yield _at(
                entry, here, f"the window of '{third.point}' overlaps that of '{first.point}', which is not its neighbour: open it later"
            )


def _priority(raw: Raw) -> Iterable[Finding]:
    for entry in raw.sections["priority"].values():
        reason: model.Priority = entry.value
        if reason.kind == "fact":
            if reason.fact is None:
                yield _at(entry, ("kind",), "a reason of kind 'fact' names the fact: add 'fact:', 'subject:' and 'op:'")
            yield from _when(entry, (), reason, raw)
        if reason.kind == "overdue" and not (reason.per_days and reason.cap):
            yield _at(entry, ("kind",), "points for days overdue need 'per_days:' and 'cap:'")


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
    for line, (name, substance) in enumerate(raw.names, start=2):
        if substance not in medicines and substance.rsplit(" (", 1)[0] not in medicines:
            yield Finding(
                "names.csv",
                line,
                f"'{name}' belongs to '{substance}', which no medicine entry defines: {AGAIN}",
            )
    for section in ("tests", "conditions"):
        for entry in raw.sections[section].values():
            if (
                entry.value.lists
                and all(use.list in raw.sections["codelists"] for use in entry.value.lists)
                and not any(codes_of(entry.value.lists, raw))
            ):
                yield _at(entry, ("lists",), "no code is left of its lists: look at 'only' and 'without'")


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
