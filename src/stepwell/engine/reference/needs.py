"""Sections 7 and 15: what is due of a rule that applies, and what served it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from stepwell.engine.reference.dates import add
from stepwell.engine.reference.facts import Fact
from stepwell.engine.reference.patient import KINDS_IN_ORDER, ONGOING, Application, Need, Patient
from stepwell.engine.reference.world import Row

# Ruling 16: a person's place in the year is their number times this, modulo the days of a year.
SPREAD = 7919
SPREAD_DAYS = 365


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
        if need.state == "open" and patient.not_applicable(need.rule, need.subject, need.point):
            need.state = "not applicable"
    return needs


@dataclass(frozen=True)
class Evidence:
    on: date
    kind: str

    @property
    def order(self) -> tuple[date, int]:
        return self.on, KINDS_IN_ORDER.index(self.kind)


def _first_day(application: Application) -> date:
    return add(application.start, -(application.rule["lookback_months"] or 0))


def _result_days(patient: Patient, application: Application) -> list[date]:
    """Days of a result that may serve, in order."""
    test = application.rule["test"]
    band = patient.known.bands.get(application.rule["rule_id"])
    if application.trigger is not None and band is not None and test == band["test"]:
        return []
    first = _first_day(application)
    return sorted({result.on for result in patient.results_of(test) if result.on >= first})


def _answers(patient: Patient, application: Application, point: str) -> list[Evidence]:
    first = _first_day(application)
    found = patient.dispositions(application.rule, application.subject, point)
    return [Evidence(row["on_date"], row["kind"]) for row in found if row["kind"] in ("done", "declined") and row["on_date"] >= first]


def _anchor(application: Application, point: Row) -> date:
    if point["anchor"] == "change":
        return application.change
    if point["anchor"] != "trigger" and application.course_start is not None:
        return application.course_start
    return application.start


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
            if not patient.not_applicable(need.rule, need.subject, need.point):
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
    if last_on is None and (point["due_months"] is not None or point["due_days"] is not None):
        due_on = add(anchor, point["due_months"], point["due_days"])
    sooner: list[tuple[Row, Fact]] = []
    if point["sooner_months"] is not None or point["sooner_days"] is not None:
        whens = patient.known.whens.get((application.rule["rule_id"], "sooner"), [])
        held = patient.facts.holding(whens, application.subject)
        sooner_on = add(counted_from, point["sooner_months"], point["sooner_days"])
        if held and sooner_on < due_on:
            due_on, sooner = sooner_on, held
    if last_on is None and point["spread"]:
        due_on = _spread(patient, due_on)
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


def _spread(patient: Patient, due_on: date) -> date:
    """What was overdue when the practice approved the pack is due some day of the year that follows."""
    go = patient.known.approved_on.get(patient.gp_org) if patient.gp_org is not None else None
    if go is None or due_on >= go:
        return due_on
    return go + timedelta(days=patient.case.person_id * SPREAD % SPREAD_DAYS)


def _interval(application: Application, points: list[Row], last_on: date | None) -> Row | None:
    """The row whose interval counts: the smallest `until` that the last evidence comes before."""

    def until(point: Row) -> date:
        if point["until_months"] is None and point["until_days"] is None:
            return date.max
        return add(_anchor(application, point), point["until_months"], point["until_days"])

    for point in sorted(points, key=lambda row: (until(row), row["seq"])):
        if (last_on or _anchor(application, point)) < until(point):
            return point
    return None
