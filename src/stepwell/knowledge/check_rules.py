"""What must hold in rules, their points, bands and conditions, and in priority reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from stepwell.knowledge import model
from stepwell.knowledge.advice import at, near
from stepwell.knowledge.compile import filled
from stepwell.knowledge.model import length
from stepwell.knowledge.pack import Entry, Finding, Raw

WEAKEST = "VSCDKP"  # from the strongest mark to the weakest


NO_SUBJECT = ("age", "registered", "missed", "interpreter", "repeats")
OF_THE_NEED = ("takes", "count", "months", "covered", "early")  # facts that may be asked of `*`, the subject of the need
NEVER_COMPARED = ("has", "takes", "sex", "interpreter")
ALWAYS_COMPARED = {
    "age": "in years",
    "registered": "in months",
    "months": "in months",
    "covered": "in percent",
    "count": "as a number of medicines",
    "classes": "as a number of registers",
    "risk": "as a number of parts",
}
WHOLE = (*ALWAYS_COMPARED, "early", "missed", "repeats")
NEED_KINDS = ("monitor", "review", "result", "combination", "licence", "agree", "finding", "supply")


def _when(entry: Entry, path: tuple[str | int, ...], when: model.When | model.Priority, raw: Raw) -> Iterable[Finding]:
    fact = when.fact
    if fact is None:
        return
    sets, tests = raw.known("sets", "medicines"), raw.known("tests")
    groups = sorted({register.value.group for register in raw.sections["registers"].values()})
    known: Mapping[str, tuple[Iterable[str], str]] = {
        "has": (raw.known("conditions"), "a condition"),
        "takes": (sets, "a set of medicines"),
        "count": (sets, "a set of medicines"),
        "months": (sets, "a set of medicines"),
        "covered": (raw.known("medicines"), "a medicine"),
        "early": (raw.known("medicines"), "a medicine"),
        "last": (tests, "a test"),
        "falling": (tests, "a test"),
        "load": (raw.known("loads"), "a load"),
        "classes": (groups, "a group of registers"),
        "sex": (("female", "male"), "'female' or 'male'"),
        "risk": (raw.known("risks"), "a risk"),
    }
    if fact in NO_SUBJECT:
        if when.subject:
            yield at(entry, (*path, "subject"), f"{fact} has no subject: delete it")
    elif when.subject == "*":
        if fact not in OF_THE_NEED:
            yield at(entry, (*path, "subject"), f"'{fact}' cannot be asked of '*', the subject of the need: name {known[fact][1]}")
        elif isinstance(when, model.Priority):
            yield at(entry, (*path, "subject"), "a reason for priority is about a person and not about a need: name a set of medicines")
    elif when.subject not in known[fact][0]:
        yield at(entry, (*path, "subject"), near(when.subject, *known[fact]))
    if fact in NEVER_COMPARED and when.op not in ("is", None):
        yield at(entry, (*path, "op"), f"'{fact}' is not compared: delete 'op' and 'value'")
    if fact in ALWAYS_COMPARED and when.op in ("is", None):
        yield at(entry, (*path, "op"), f"{fact} is compared: write 'op' (>=, >, <= or <) and 'value' {ALWAYS_COMPARED[fact]}")
    if when.op != "is" and when.op is not None and when.value is None:
        yield at(entry, (*path, "value"), f"'{when.op}' needs a value: add 'value:'")
    if fact in WHOLE and when.value is not None and when.value != int(when.value):
        yield at(entry, (*path, "value"), f"{fact} is a whole number: {when.value:g} can never be met exactly; write a whole number")
    if fact == "last" and when.subject in raw.sections["tests"] and when.op != "is" and not raw.sections["tests"][when.subject].value.unit:
        yield at(entry, (*path, "subject"), f"'{when.subject}' has no value to compare: use a measurement")


def rules(raw: Raw) -> Iterable[Finding]:
    sets, tests = raw.known("sets", "medicines"), raw.known("tests")
    for entry in raw.sections["rules"].values():
        rule: model.Rule = entry.value
        for part in ("set", "set_b", "set_c"):
            name = getattr(rule, part)
            if name is not None and name not in sets:
                yield at(entry, (part,), near(name, sets, "a set of medicines"))
        if rule.test is not None and rule.test not in tests:
            yield at(entry, ("test",), near(rule.test, tests, "a test"))
        if rule.kind == "monitor" and rule.test is None:
            yield at(entry, ("kind",), "a rule of kind 'monitor' needs a test: add 'test:'")
        if (rule.kind == "combination") != (rule.set_b is not None):
            yield at(
                entry,
                ("kind",),
                "a combination has 'set_b' (and perhaps 'set_c'), and only a combination has them: add it or change the kind",
            )
        if (rule.kind == "result") != (rule.band is not None):
            yield at(entry, ("kind",), "a result rule has a 'band', and only a result rule has one: add it or change the kind")
        yield from _options(entry, rule, raw)
        if rule.kind in ("combination",) and rule.per != "class":
            yield at(entry, ("per",), "a combination is about classes: write 'per: class'")
        if rule.kind == "finding" and not rule.applies:
            yield at(entry, ("kind",), "a finding says what is found: add 'applies:' with the conditions that raise it")
        if (rule.kind == "supply") != (rule.about is not None):
            yield at(
                entry,
                ("kind",),
                "a supply rule says what it is about, and only a supply rule does: write 'about: nobody', 'nobody always' or 'both'",
            )
        if rule.kind == "supply" and (rule.test or rule.points):
            yield at(
                entry, ("test" if rule.test else "points",), "a supply duty is served by supply or an answer: take 'test' and 'points' away"
            )
        if rule.after and rule.kind == "supply" and (length(rule.after).months or rule.about == "both"):
            yield at(entry, ("after",), "days without supply before it is due: write for example '7 days', and none when both supply")
        if rule.kind != "supply" and not rule.points:
            yield at(entry, ("points",), "'points' is empty: write at least one")
        if rule.kind in ("licence", "agree", "supply") and rule.per != "substance":
            yield at(entry, ("per",), f"a rule of kind '{rule.kind}' is about one medicine: write 'per: substance'")
        if rule.lookback and length(rule.lookback).days:
            yield at(entry, ("lookback",), "looking back is counted in whole months: write for example '3 months'")
        if rule.escalate and length(rule.escalate.after).months:
            yield at(entry, ("escalate", "after"), "escalation is counted in days: write for example '28 days'")
        for part, groups in (("applies", rule.applies), ("unless", rule.unless), ("sooner_when", rule.sooner_when)):
            for number, group in enumerate(groups):
                if not group:
                    yield at(entry, (part, number), "an empty group always holds: write a condition or delete it")
                for index, when in enumerate(group):
                    yield from _when(entry, (part, number, index), when, raw)
        for index, point in enumerate(rule.points):
            if point.basis and WEAKEST.index(point.basis.mark) > WEAKEST.index(rule.mark):
                yield at(
                    entry,
                    ("points", index, "basis"),
                    f"the rule's mark {rule.mark} is stronger than this point's {point.basis.mark}: a rule carries its weakest mark",
                )
        yield from _band(entry, rule, raw)
        yield from _points(entry, rule, raw)


def _options(entry: Entry, rule: model.Rule, raw: Raw) -> Iterable[Finding]:
    for index, key in enumerate(rule.options):
        if key not in raw.known("options"):
            yield at(entry, ("options", index), near(key, raw.known("options"), "an option"))
    if rule.kind == "result" and not rule.options:
        yield at(entry, ("kind",), "a result rule says what may be done about it: add 'options:' with keys of options.yaml")
    if rule.options and rule.kind not in ("result", "finding"):
        yield at(entry, ("options",), "options belong to a result or a finding that a person acts on: delete them")
    if rule.options and rule.kind == "finding" and rule.test is not None:
        yield at(entry, ("options",), "what a result of a test closes asks for no option: delete 'test' or 'options'")
    if rule.again is not None and rule.kind != "result":
        yield at(entry, ("again",), "only a result can be raised anew by a later result: delete 'again'")


def risks(raw: Raw) -> Iterable[Finding]:
    rules, known = raw.sections["rules"], raw.known("rules")
    for entry in raw.sections["risks"].values():
        risk: model.Risk = entry.value
        if risk.within and length(risk.within).days:
            yield at(entry, ("within",), "the age of a result is counted in whole months: write for example '24 months'")
        seen: set[str] = set()
        for index, part in enumerate(risk.parts):
            if part.part in seen:
                yield at(entry, ("parts", index, "part"), f"the part '{part.part}' is there twice: join their rules")
            seen.add(part.part)
            for place, key in enumerate(part.rules):
                here = ("parts", index, "rules", place)
                if key not in known:
                    yield at(entry, here, near(key, known, "a rule"))
                elif key in rules and rules[key].value.kind != "result":
                    yield at(entry, here, f"'{key}' is not raised by a result: name rules of kind 'result'")


def options(raw: Raw) -> Iterable[Finding]:
    """Every option is named by a rule; where one asks for a reason there are reasons to choose from."""
    used = {key for entry in raw.sections["rules"].values() for key in entry.value.options}
    for key, entry in raw.sections["options"].items():
        if key not in used:
            yield at(entry, ("option",), f"no rule names the option '{key}': name it in 'options' of a rule or delete it")
        if entry.value.needs_reason and not raw.known("clinical_reasons"):
            yield at(entry, ("needs_reason",), "there are no clinical reasons to choose from: write them in clinical-reasons.yaml")


def _band(entry: Entry, rule: model.Rule, raw: Raw) -> Iterable[Finding]:
    band = rule.band
    if band is None:
        return
    tests = raw.sections["tests"]
    if band.test not in tests:
        if band.test not in raw.broken["tests"]:
            yield at(entry, ("band", "test"), near(band.test, tests, "a test"))
    elif not tests[band.test].value.unit:
        yield at(entry, ("band", "test"), f"'{band.test}' has no value: a band looks at a measurement")
    if ("within" in band.measure) != (band.within is not None):
        yield at(
            entry, ("band", "measure"), f"'{band.measure}': 'rise within' and 'fall within' say 'within:' how many days, and only they do"
        )
    elif band.within is not None and (length(band.within).months or length(band.within).days < 1):
        yield at(entry, ("band", "within"), "looking back from a result is counted in days: write for example '91 days'")
    lows = [value for value in (band.low_from, band.low_over) if value is not None]
    highs = [value for value in (band.high_to, band.high_under) if value is not None]
    if len(lows) > 1 or len(highs) > 1 or not lows + highs:
        yield at(entry, ("band",), "a band has one lower end ('from' or 'over'), one upper end ('to' or 'under'), or one of them")
    elif lows and highs and lows[0] >= highs[0]:
        yield at(entry, ("band",), f"the band is empty: its lower end {lows[0]:g} is not below its upper end {highs[0]:g}")


def _points(entry: Entry, rule: model.Rule, raw: Raw) -> Iterable[Finding]:
    templates = {key: item.value for key, item in raw.sections["points"].items()}
    points = []
    for index, written in enumerate(rule.points):
        here = ("points", index)
        if written.use and written.use not in templates:
            if written.use not in raw.broken["points"]:
                yield at(entry, (*here, "use"), near(written.use, templates, "a point of points.yaml"))
            continue
        point = filled(written, templates)
        if not point.point or point.kind is None:
            yield at(entry, here, "a point says 'use:' with the name of one in points.yaml, or its own 'point:' and 'kind:'")
            continue
        yield from _point(entry, here, rule, point)
        points.append((here, point))
    seen: dict[str, str] = {}
    for here, point in points:
        if point.point in seen and not (point.kind == "ongoing" and seen[point.point] == "ongoing"):
            yield at(entry, here, f"the point '{point.point}' is there twice: give each its own name")
        seen[point.point] = str(point.kind)
    yield from _chain(entry, [(here, point) for here, point in points if point.kind == "chain" and point.opens and point.due])
    ongoing = [(here, point) for here, point in points if point.kind == "ongoing"]
    for (here, point), after in zip(ongoing, [*ongoing[1:], None], strict=False):
        if after is not None and not point.while_before:
            yield at(entry, here, "another interval follows this one: say 'while_before:' until when this one runs")
        if after is None and point.while_before:
            yield at(entry, here, "no interval follows this one: delete 'while_before:' or add a row without it")
    if ongoing and any(points.index(other) > points.index(ongoing[0]) for other in points if other[1].kind != "ongoing"):
        yield at(entry, ongoing[0][0], "the ongoing interval comes after the points with a date: move it to the end")
    if any(point.sooner for _, point in points) and not rule.sooner_when:
        yield at(entry, ("points",), "a point has a 'sooner' interval but no 'sooner_when' says when it holds: add it")
    if rule.sooner_when and not any(point.sooner for _, point in points):
        yield at(entry, ("sooner_when",), "'sooner_when' changes nothing: add 'sooner:' to an ongoing point")


def _point(entry: Entry, here: tuple[str | int, ...], rule: model.Rule, point: model.Point) -> Iterable[Finding]:
    if (rule.kind == "result" and point.anchor != "trigger") or (rule.kind not in ("result", "finding") and point.anchor == "trigger"):
        yield at(
            entry,
            here,
            "a point of a result rule hangs on the trigger, and only such a point or one of a finding: "
            "write 'anchor: trigger' or take it away",
        )
    if point.spread and point.kind != "ongoing":
        yield at(entry, (*here, "spread"), "only an ongoing interval can be spread over a year: delete 'spread'")
    if rule.kind == "agree":
        if point.kind != "ongoing" or len(rule.points) != 1:
            yield at(entry, here, "a rule of kind 'agree' has exactly one point: write 'points: [{use: agree}]'")
        return
    if point.kind == "ongoing":
        if not point.every:
            yield at(entry, here, "an ongoing point needs its interval: add 'every:'")
        elif point.sooner and length(point.sooner).approximate_days >= length(point.every).approximate_days:
            yield at(entry, here, f"'sooner' ({point.sooner}) is not shorter than 'every' ({point.every})")
        return
    for name in ("opens", "due", *(("until",) if point.kind == "window" else ())):
        if getattr(point, name) is None:
            yield at(entry, here, f"a {point.kind} needs '{name}:'")
    if point.window is None:
        yield at(entry, here, "the edges of a window are figures too: add 'window: {source: [...], mark: ...}'")
    edges = [(name, getattr(point, name)) for name in ("opens", "due", "until", "lapse") if getattr(point, name) is not None]
    days = {name: length(span).approximate_days for name, span in edges}
    if "opens" in days and "due" in days and days["opens"] > days["due"]:
        yield at(entry, (*here, "opens"), f"the window opens ({point.opens}) after it is due ({point.due}): change one of them")
    if "lapse" in days and "due" in days and days["lapse"] < days["due"]:
        yield at(entry, (*here, "lapse"), f"it lapses ({point.lapse}) before it is due ({point.due}): change one of them")
    if "until" in days and "opens" in days and days["until"] < days["opens"]:
        yield at(entry, (*here, "until"), f"the window ends ({point.until}) before it opens ({point.opens}): change one of them")


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
            yield at(
                entry,
                here,
                f"the window of '{point.point}' begins or ends before that of '{before.point}': put the points in order of time",
            )
        elif ends is None:
            yield at(entry, here, f"'{before.point}' never lapses, so '{point.point}' can never come: add 'lapse:' to '{before.point}'")
    for (_, first, _, ends), (here, third, opens, _) in zip(spans, spans[2:], strict=False):
        if ends is not None and opens < ends:
            yield at(
                entry, here, f"the window of '{third.point}' overlaps that of '{first.point}', which is not its neighbour: open it later"
            )


def priority(raw: Raw) -> Iterable[Finding]:
    for entry in raw.sections["priority"].values():
        reason: model.Priority = entry.value
        if reason.kind == "fact":
            if reason.fact is None:
                yield at(entry, ("kind",), "a reason of kind 'fact' names the fact: add 'fact:', 'subject:' and 'op:'")
            yield from _when(entry, (), reason, raw)
        if reason.kind == "needs" and reason.subject not in NEED_KINDS:
            yield at(entry, ("subject",), near(reason.subject, NEED_KINDS, "a kind of duty"))
        if reason.kind == "overdue" and not (reason.per_days and reason.cap):
            yield at(entry, ("kind",), "points for days overdue need 'per_days:' and 'cap:'")
