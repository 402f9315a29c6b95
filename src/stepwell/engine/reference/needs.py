"""Sections 6 and 7: for whom a rule applies, from which day it counts, and what is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from stepwell.engine.contract import NOBODY
from stepwell.engine.reference.courses import class_course_start
from stepwell.engine.reference.dates import add
from stepwell.engine.reference.exposure import Medicine
from stepwell.engine.reference.results import Fact, Result, holding, latest
from stepwell.engine.reference.supply import Event
from stepwell.engine.reference.world import Case, Known, Row

ONGOING = "ongoing"
KINDS_IN_ORDER = ("declined", "done", "result")


@dataclass
class Application:
    """A rule that applies to a subject of one person."""

    rule: Row
    subject: str
    start: date
    """The rule's anchor: course start, class course start, or the day of the triggering result."""
    change: date
    members: list[str]
    """The on-register medicines it is about."""
    courses: list[tuple[str, date]]
    """What `because` says about treatment: name and start."""
    trigger: Result | None = None
    applies: list[tuple[Row, Fact]] = field(default_factory=list)


@dataclass
class Owner:
    org: str
    role: str | None
    basis: str
    label: str


@dataclass
class Need:
    application: Application
    point: str
    state: str
    anchor_on: date
    opens_on: date
    due_on: date
    served_on: date | None = None
    served_by: str | None = None
    sooner: list[tuple[Row, Fact]] = field(default_factory=list)
    """Conditions that brought the due date forward."""
    owner: Owner = field(default_factory=lambda: Owner(NOBODY, None, "ruling", ""))

    @property
    def rule(self) -> Row:
        return self.application.rule

    @property
    def subject(self) -> str:
        return self.application.subject

    @property
    def escalate_on(self) -> date | None:
        days = self.rule["escalate_days"]
        return None if days is None else self.due_on + timedelta(days=days)


@dataclass(frozen=True)
class Evidence:
    on: date
    kind: str

    @property
    def order(self) -> tuple[date, int]:
        return self.on, KINDS_IN_ORDER.index(self.kind)


@dataclass
class Patient:
    """What earlier stages found out about one person."""

    case: Case
    known: Known
    medicines: dict[str, Medicine]
    events: dict[str, list[Event]]
    results: list[Result]
    facts: list[Fact]

    def on_register(self, set_name: str) -> list[str]:
        return sorted(self.known.sets[set_name] & set(self.medicines))

    def class_start(self, set_name: str) -> date:
        return class_course_start(self.known.sets[set_name], self.events, self.known)

    def latest_change(self, members: list[str]) -> date:
        return max(self.medicines[name].last_change_on for name in members)


def applications(patient: Patient, rule: Row) -> Iterator[Application]:
    """Whom the rule is about and from when, once its `after`, `applies` and `unless` have been asked."""
    for application in _candidates(patient, rule):
        if patient.known.as_of < add(application.start, rule["after_months"], rule["after_days"]):
            continue
        applies = patient.known.whens.get((rule["rule_id"], "applies"), [])
        held = holding(applies, patient.facts)
        if applies and held is None:
            continue
        if holding(patient.known.whens.get((rule["rule_id"], "unless"), []), patient.facts) is not None:
            continue
        application.applies = held or []
        yield application


def _candidates(patient: Patient, rule: Row) -> Iterator[Application]:
    members = patient.on_register(rule["set_name"])
    if not members:
        return
    kind = rule["kind"]
    if kind == "combination":
        yield from _combination(patient, rule)
    elif kind == "result":
        yield from _triggered(patient, rule, members)
    elif kind in ("licence", "agree") or rule["per"] == "substance":
        for name in members:
            medicine = patient.medicines[name]
            if kind == "licence" and (medicine.licence == "licensed" or medicine.intended_end_on is not None):
                continue
            start = medicine.started_on
            yield Application(rule, name, start, medicine.last_change_on, [name], [(name, start)])
    else:
        start = patient.class_start(rule["set_name"])
        yield Application(rule, rule["set_name"], start, patient.latest_change(members), members, [(rule["set_name"], start)])


def _combination(patient: Patient, rule: Row) -> Iterator[Application]:
    names = [rule[column] for column in ("set_name", "set_b", "set_c") if rule[column] is not None]
    takers = [patient.on_register(name) for name in names]
    if not _all_different(takers):
        return
    starts = [min(patient.medicines[member].started_on for member in members) for members in takers]
    everyone = sorted({member for members in takers for member in members})
    courses = list(zip(names, starts, strict=True))
    yield Application(rule, "+".join(names), max(starts), patient.latest_change(everyone), everyone, courses)


def _all_different(choices: list[list[str]], taken: frozenset[str] = frozenset()) -> bool:
    """One member can be chosen from each list without choosing any twice."""
    if not choices:
        return True
    return any(_all_different(choices[1:], taken | {name}) for name in choices[0] if name not in taken)


def _triggered(patient: Patient, rule: Row, members: list[str]) -> Iterator[Application]:
    band = patient.known.bands.get(rule["rule_id"])
    if band is None:
        return
    latest_start = max(patient.medicines[name].started_on for name in members)
    floor = add(latest_start, -(rule["lookback_months"] or 0))
    days = sorted({result.on for result in patient.results if result.test == band["test"] and result.value is not None})
    trigger: Result | None = None
    for day in days:
        if day < floor:
            continue
        largest = latest([r for r in patient.results if r.test == band["test"] and r.value is not None and r.on == day])
        if largest is None or not in_band(largest.value or 0, band):
            trigger = None
        elif trigger is None:
            trigger = largest
    if trigger is None:
        return
    if rule["per"] == "substance":
        name = min(members, key=lambda member: (patient.medicines[member].started_on, member))
        course = (name, patient.medicines[name].started_on)
        change, concerned = patient.medicines[name].last_change_on, [name]
    else:
        course = (rule["set_name"], patient.class_start(rule["set_name"]))
        change, concerned = patient.latest_change(members), members
    yield Application(rule, course[0], trigger.on, change, concerned, [course], trigger)


def in_band(value: int, band: Row) -> bool:
    low, high = band["low_milli"], band["high_milli"]
    above = low is None or value > low or (bool(band["low_closed"]) and value == low)
    below = high is None or value < high or (bool(band["high_closed"]) and value == high)
    return above and below


def needs_of(patient: Patient, application: Application) -> list[Need]:
    points = patient.known.points.get(application.rule["rule_id"], [])
    if application.trigger is not None:
        points = [{**point, "point": str(application.start)} for point in points[:1]]
    needs = [need for point in points if point["kind"] == "window" for need in _window(patient, application, point)]
    chain, answered = _chain(patient, application, [point for point in points if point["kind"] == "chain"])
    needs += chain
    if answered:
        needs += _ongoing(patient, application, [point for point in points if point["kind"] == "ongoing"])
    for need in needs:
        if need.state == "open" and not_applicable(patient, need.rule, need.subject, need.point):
            need.state = "not applicable"
    return needs


def not_applicable(patient: Patient, rule: Row, subject: str, point: str) -> bool:
    as_of = patient.known.as_of
    return any(
        row["kind"] == "not applicable" and (row["until"] is None or row["until"] > as_of)
        for row in dispositions_of(patient, rule, subject, point)
    )


def dispositions_of(patient: Patient, rule: Row, subject: str, point: str) -> list[Row]:
    """Answers given to this key up to as_of."""
    return [
        row
        for row in patient.case.rows["dispositions"]
        if (row["rule_id"], row["subject"], row["point"]) == (rule["rule_id"], subject, point)
        and row["on_date"] is not None
        and row["on_date"] <= patient.known.as_of
    ]


def _first_day(application: Application) -> date:
    return add(application.start, -(application.rule["lookback_months"] or 0))


def _result_days(patient: Patient, application: Application) -> list[date]:
    """Days of a result that may serve, in order."""
    test = application.rule["test"]
    band = patient.known.bands.get(application.rule["rule_id"])
    if application.trigger is not None and band is not None and test == band["test"]:
        return []
    first = _first_day(application)
    return sorted({result.on for result in patient.results if result.test == test and result.on >= first})


def _answers(patient: Patient, application: Application, point: str) -> list[Evidence]:
    first = _first_day(application)
    found = dispositions_of(patient, application.rule, application.subject, point)
    return [Evidence(row["on_date"], row["kind"]) for row in found if row["kind"] in ("done", "declined") and row["on_date"] >= first]


def _anchor(application: Application, point: Row) -> date:
    return application.change if point["anchor"] == "change" else application.start


def _lapses_on(point: Row, anchor: date) -> date | None:
    if point["lapse_months"] is None and point["lapse_days"] is None:
        return None
    return add(anchor, point["lapse_months"], point["lapse_days"])


def _point_need(patient: Patient, application: Application, point: Row, served: Evidence | None) -> Need:
    """A need of a window or chain point, in the state that its evidence and as_of give."""
    anchor = _anchor(application, point)
    lapses_on = _lapses_on(point, anchor)
    if served is not None:
        state = "declined" if served.kind == "declined" else "met"
    elif lapses_on is not None and patient.known.as_of >= lapses_on:
        state = "lapsed"
    else:
        state = "open"
    return Need(
        application,
        point["point"],
        state,
        anchor_on=anchor,
        opens_on=add(anchor, point["from_months"], point["from_days"]),
        due_on=add(anchor, point["due_months"], point["due_days"]),
        served_on=served.on if served else None,
        served_by=served.kind if served else None,
    )


def _window(patient: Patient, application: Application, point: Row) -> list[Need]:
    anchor = _anchor(application, point)
    opens_on = add(anchor, point["from_months"], point["from_days"])
    closes_on = None
    if point["to_months"] is not None or point["to_days"] is not None:
        closes_on = add(anchor, point["to_months"], point["to_days"])
    days = _result_days(patient, application)
    evidence = [Evidence(day, "result") for day in days if day >= opens_on and (closes_on is None or day <= closes_on)]
    evidence += _answers(patient, application, point["point"])
    return [_point_need(patient, application, point, min(evidence, key=lambda one: one.order, default=None))]


def _chain(patient: Patient, application: Application, points: list[Row]) -> tuple[list[Need], bool]:
    """Needs of the chain, and whether all of it is answered. Days of results serve in order, each the earliest open point it fits."""
    served: dict[int, Evidence] = {}
    for index, point in enumerate(points):
        answers = _answers(patient, application, point["point"])
        if answers:
            served[index] = min(answers, key=lambda one: one.order)
    for day in _result_days(patient, application):
        for index, point in enumerate(points):
            anchor = _anchor(application, point)
            lapses_on = _lapses_on(point, anchor)
            fits = day >= add(anchor, point["from_months"], point["from_days"]) and (lapses_on is None or day < lapses_on)
            if fits and index not in served:
                served[index] = Evidence(day, "result")
                break

    needs: list[Need] = []
    answered = True
    one_ahead = False
    for index, point in enumerate(points):
        need = _point_need(patient, application, point, served.get(index))
        if need.state == "open":
            if not not_applicable(patient, need.rule, need.subject, need.point):
                answered = False
            if need.opens_on > patient.known.as_of:
                if one_ahead:
                    continue
                one_ahead = True
        needs.append(need)
    return needs, answered


def _ongoing(patient: Patient, application: Application, points: list[Row]) -> list[Need]:
    if not points:
        return []
    name = str(application.start) if application.trigger is not None else ONGOING
    evidence = [Evidence(day, "result") for day in _result_days(patient, application)] + _answers(patient, application, name)
    last_on = max((one.on for one in evidence), default=None)
    last = min((one for one in evidence if one.on == last_on), key=lambda one: one.order, default=None)
    point = _interval(application, points, last_on)
    if point is None:
        return []
    anchor = _anchor(application, point)
    counted_from = last_on or anchor
    due_on = add(counted_from, point["every_months"], point["every_days"])
    sooner: list[tuple[Row, Fact]] = []
    if point["sooner_months"] is not None or point["sooner_days"] is not None:
        held = holding(patient.known.whens.get((application.rule["rule_id"], "sooner"), []), patient.facts)
        sooner_on = add(counted_from, point["sooner_months"], point["sooner_days"])
        if held and sooner_on < due_on:
            due_on, sooner = sooner_on, held
    need = Need(
        application,
        name,
        "open",
        anchor_on=anchor,
        opens_on=last_on + timedelta(days=1) if last_on else anchor,
        due_on=due_on,
        served_on=last_on,
        served_by=last.kind if last else None,
        sooner=sooner,
    )
    return [need]


def _interval(application: Application, points: list[Row], last_on: date | None) -> Row | None:
    """The row whose interval counts: the smallest `until` that the last evidence comes before."""
    for point in sorted(points, key=lambda row: (row["until_months"] is None, row["until_months"] or 0, row["seq"])):
        anchor = _anchor(application, point)
        if point["until_months"] is None or (last_on or anchor) < add(anchor, point["until_months"]):
            return point
    return None
