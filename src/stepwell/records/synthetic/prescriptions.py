"""What the records say of the medicines: plans and issues, with the untidiness of real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stepwell.records.dose import Dose, parse_dose
from stepwell.records.synthetic.courses import GP, OTHER_TRUST, PRIVATE, TRUST, WAYS
from stepwell.records.synthetic.dice import Bools, Dice, Ints, spread_over
from stepwell.records.synthetic.encounters import Stays
from stepwell.records.synthetic.formulary import Formulary
from stepwell.records.synthetic.frames import NONE, choose, day, ids, known_day, number, table
from stepwell.records.synthetic.issues import Runs, acute_days, without_stays
from stepwell.records.synthetic.scene import Scene
from stepwell.records.synthetic.treatment import Treatment

_ACUTE, _SCRIPTS, _TEXTS, _ELSEWHERE, _REASONS = 51, 52, 53, 54, 55
_WITH_ISSUES = WAYS.index("private with issues")


@dataclass(slots=True)
class Scripts:
    """Columns, one row a product that one organisation puts somebody on: a plan of a practice, or what a trust issues.

    `ended` is NONE while the plan is active. `elsewhere`: the practice writes down what somebody else prescribes.
    """

    course: Ints
    by: Ints
    product: Ints
    pattern: Ints
    started: Ints
    ended: Ints
    acute: Bools
    elsewhere: Bools
    quantity: Ints
    days: Ints
    as_required: Bools

    @property
    def size(self) -> int:
        return len(self.course)


@dataclass(slots=True)
class Prescriptions:
    scripts: Scripts
    issue_script: Ints
    issue_on: Ints

    def outside(self, treatment: Treatment, stays: Stays) -> Prescriptions:
        """Without what the practice would have issued to somebody who was in hospital."""
        person = treatment.courses.person[self.scripts.course[self.issue_script]]
        by = self.scripts.by[self.issue_script]
        stands = without_stays(person, self.issue_on, by, (stays.person, stays.started, stays.ended))
        return Prescriptions(self.scripts, self.issue_script[stands], self.issue_on[stands])


def make_prescriptions(treatment: Treatment) -> Prescriptions:
    """Scripts of every organisation, and which issue is under which script."""
    courses, runs, issues, leaves = treatment.courses, treatment.runs, treatment.issues, treatment.leaves
    group = _plans(runs)
    regular = _regular(treatment, group)
    items = treatment.scene.formulary.step_items[runs.step[group.first]]
    acute, acute_on = _acute(treatment)
    other = _elsewhere(treatment)
    # Issues of a run of two products: one row for each.
    first_item = np.cumsum(items) - items
    row, item = spread_over(items[group.of_run[issues.run]])
    issue_script = first_item[group.of_run[issues.run[row]]] + item
    on = issues.on[row]
    offset = regular.size
    scripts = _stack([regular, acute, other])
    acute_script = offset + np.arange(acute.size)
    acute_row, acute_day = acute_on
    found = Prescriptions(scripts, np.concatenate([issue_script, acute_script[acute_row]]), np.concatenate([on, acute_day]))
    keep = found.issue_on <= leaves[scripts.course[found.issue_script]]
    keep &= (scripts.by[found.issue_script] <= TRUST) | (courses.way[scripts.course[found.issue_script]] == _WITH_ISSUES)
    return Prescriptions(scripts, found.issue_script[keep], found.issue_on[keep])


def _stack(parts: list[Scripts]) -> Scripts:
    return Scripts(*(np.concatenate([getattr(part, name) for part in parts]) for name in Scripts.__slots__))


@dataclass(slots=True)
class _Plans:
    """Runs of one course, supplier and plan belong together: `first` and `last` run of each, and the plan of every run."""

    first: Ints
    last: Ints
    of_run: Ints


def _plans(runs: Runs) -> _Plans:
    order = np.lexsort((runs.started, runs.plan, runs.by, runs.course))
    course, by, plan = runs.course[order], runs.by[order], runs.plan[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (course[1:] != course[:-1]) | (by[1:] != by[:-1]) | (plan[1:] != plan[:-1])
    start = np.flatnonzero(new)
    of_run = np.empty(len(order), dtype=np.int64)
    of_run[order] = np.cumsum(new) - 1
    return _Plans(order[start], order[np.append(start[1:], len(order)) - 1] if len(start) else start, of_run)


def _regular(treatment: Treatment, group: _Plans) -> Scripts:
    courses, runs, formulary = treatment.courses, treatment.runs, treatment.scene.formulary
    course, by = runs.course[group.first], runs.by[group.first]
    final = np.ones(len(course), dtype=bool)
    final[:-1] = (course[1:] != course[:-1]) | (by[1:] != by[:-1])
    ended = runs.ended[group.last]
    # The last plan goes on while the course does; some are never ended although it has stopped.
    goes_on = final & (ended > treatment.leaves[course])
    ended = np.where(goes_on | (final & (courses.fading | courses.forgotten)[course] & (by == GP)), NONE, ended)
    step = runs.step[group.first]
    row, item = spread_over(formulary.step_items[step])
    product, pattern = formulary.step_product[step[row], item], formulary.step_pattern[step[row], item]
    days, quantity = _amounts(treatment, course[row], product, pattern)
    none = np.zeros(len(row), dtype=bool)
    return Scripts(
        course[row], by[row], product, pattern, runs.started[group.first][row], ended[row], none, none.copy(), quantity, days,
        treatment.manner.as_required[course[row]],
    )  # fmt: skip


def _amounts(treatment: Treatment, course: Ints, product: Ints, pattern: Ints) -> tuple[Ints, Ints]:
    """Days an issue is for, and its quantity."""
    formulary = treatment.scene.formulary
    days = np.where(formulary.every[pattern] > 7, formulary.every[pattern], treatment.manner.days[course])
    quantity = np.maximum(np.ceil(np.round(formulary.per_day[pattern] * days, 6)).astype(np.int64), 1)
    pack = formulary.pack[product]
    return days, np.where(pack > 0, pack, quantity)


def _acute(treatment: Treatment) -> tuple[Scripts, tuple[Ints, Ints]]:
    scene, courses, leaves = treatment.scene, treatment.courses, treatment.leaves
    formulary, draws = scene.formulary, scene.draws(_ACUTE)
    rows = np.flatnonzero(courses.acute)
    size = len(rows)
    medicine = courses.medicine[rows]
    product = formulary.short_product[medicine, (draws.uniform(size) * formulary.short_count[medicine]).astype(int)]
    quantity = formulary.short_quantity[medicine, (draws.uniform(size) * formulary.short_amounts[medicine]).astype(int)]
    course, on = acute_days(draws.uniform(size), courses, rows, np.minimum(leaves, courses.ended)[rows])
    place = np.searchsorted(rows, course)
    last = np.zeros(size, dtype=np.int64)
    np.maximum.at(last, place, on)
    ended = np.minimum(last + 28, leaves[rows])
    yes = np.ones(size, dtype=bool)
    pattern = formulary.short_pattern[medicine]
    scripts = Scripts(rows, np.full(size, GP), product, pattern, courses.started[rows], ended, yes, ~yes, quantity, np.full(size, 7), yes)
    return scripts, (place, on)


def _elsewhere(treatment: Treatment) -> Scripts:
    """Plans of a practice for what a trust or a private prescriber supplies, with the dose it heard of last."""
    scene, courses, supply, segments = treatment.scene, treatment.courses, treatment.supply, treatment.segments
    formulary, leaves, draws = scene.formulary, treatment.leaves, scene.draws(_ELSEWHERE)
    told = np.isin(courses.way, [WAYS.index(way) for way in ("trust with plan", "elsewhere", "private with plan", "private with issues")])
    stretch = np.flatnonzero(told[supply.course] & (supply.by != GP) & (not scene.place.outside))
    course = supply.course[stretch]
    last = np.searchsorted(segments.course, course, side="right") - 1
    there = (last >= 0) & (segments.course[np.maximum(last, 0)] == course)
    course, stretch, last = course[there], stretch[there], last[there]
    ended = supply.ended[stretch]
    closed = (ended <= leaves[course]) & draws.chance(scene.world.catalogue.rates.mess.elsewhere_ended, len(course))
    step = segments.step[last]
    row, item = spread_over(formulary.step_items[step])
    product, pattern = formulary.step_product[step[row], item], formulary.step_pattern[step[row], item]
    started = np.minimum(supply.started[stretch] + 3, leaves[course])
    days, quantity = _amounts(treatment, course[row], product, pattern)
    none = np.zeros(len(row), dtype=bool)
    return Scripts(
        course[row], supply.by[stretch][row], product, pattern, started[row], np.where(closed, ended, NONE)[row], none, ~none, quantity,
        days, treatment.manner.as_required[course[row]],
    )  # fmt: skip


# Words and doses


_parsed: dict[str, Dose] = {}


def _dose_columns(texts: np.ndarray) -> dict[str, pa.Array]:
    """Dose columns as an importer fills them, each distinct text read once."""
    distinct, where = np.unique(texts.astype(str), return_inverse=True)
    for text in distinct:
        if text not in _parsed:
            _parsed[text] = parse_dose(text)
    doses = [_parsed[text] for text in distinct]
    position = pa.array(where)
    return {
        "dose_text": pa.array(list(distinct), pa.string()).take(position),
        "dose_status": pa.array([dose.status for dose in doses], pa.string()).take(position),
        "dose_low_milli": pa.array([dose.low_milli for dose in doses], pa.int64()).take(position),
        "dose_high_milli": pa.array([dose.high_milli for dose in doses], pa.int64()).take(position),
        "dose_unit": pa.array([dose.unit for dose in doses], pa.string()).take(position),
        "as_required": pa.array([dose.as_required for dose in doses], pa.bool_()).take(position),
    }


def _texts(scene: Scene, scripts: Scripts) -> np.ndarray:
    formulary, draws, data = scene.formulary, scene.draws(_TEXTS), scene.world.catalogue
    mess, sigs = data.rates.mess, data.sigs
    size = scripts.size
    texts = np.empty(size, dtype=object)
    draw, plain = draws.uniform(size), ~draws.chance(mess.milligram_text, size)
    key = scripts.product * len(formulary.patterns) + scripts.pattern
    for each in np.unique(key):
        product, pattern = divmod(int(each), len(formulary.patterns))
        rows = np.flatnonzero(key == each)
        counted, weighed = _phrases(formulary, product, pattern)
        for options, chosen in ((counted, plain[rows]), (weighed or counted, ~plain[rows])):
            texts[rows[chosen]] = np.array(options, dtype=object)[(draw[rows[chosen]] * len(options)).astype(int)]
    behind = draws.chance(mess.behind, size)
    texts[behind] += np.array(sigs.behind, dtype=object)[draws.between(0, len(sigs.behind) - 1, size)][behind]
    required = scripts.as_required & ~formulary.prn_pattern[scripts.pattern]
    texts[required] += np.array(sigs.when_required, dtype=object)[draws.between(0, len(sigs.when_required) - 1, size)][required]
    unclear = draws.chance(mess.unclear, size)
    texts[unclear] = np.array(sigs.unclear, dtype=object)[draws.between(0, len(sigs.unclear) - 1, size)][unclear]
    hospital = scripts.elsewhere & draws.chance(0.6, size)
    words = data.rates.elsewhere_texts
    texts[hospital] = np.array(words, dtype=object)[draws.between(0, len(words) - 1, size)][hospital]
    return texts


def _phrases(formulary: Formulary, product: int, pattern: int) -> tuple[list[str], list[str]]:
    """Ways to write a pattern of a product: counted in units, and in milligrams where its name tells a strength."""
    entry = formulary.data.sigs.patterns[formulary.patterns[pattern]]
    unit = formulary.data.products[formulary.products[product]].unit
    strength = formulary.strength[product]
    plural = f"{unit}es" if unit == "patch" else unit if unit == "ml" else f"{unit}s"
    amount = "" if strength is None else f"{strength * entry.units / 1000:g}"
    written = [text.replace("{us}", plural).replace("{u}", unit).replace("{mg}", amount) for text in entry.texts]
    weighed = [text for text, pure in zip(written, entry.texts, strict=True) if "{mg}" in pure and strength is not None]
    return [text for text, pure in zip(written, entry.texts, strict=True) if "{mg}" not in pure] or weighed, weighed


def reasons(treatment: Treatment) -> Ints:
    """Why each course was begun: position in the conditions, or -1. Severe mental illness only where the person has it."""
    scene, courses = treatment.scene, treatment.courses
    people, formulary, data = scene.people, scene.formulary, scene.world.catalogue.rates
    draws = scene.draws(_REASONS)
    found = formulary.reasons(draws, courses.medicine)
    severe = np.array([formulary.conditions.index(name) for name in data.smi_diagnoses])
    diagnosis = severe[people.diagnosis[courses.person]]
    special = np.isin(
        courses.group,
        [formulary.classes.index(name) for name in ("antipsychotic", "clozapine", "depot", "lithium") if name in formulary.classes],
    )
    smi = people.groups["smi"][courses.person]
    found = np.where(smi & special, diagnosis, np.where(np.isin(found, severe), -1, found))
    aged = people.groups["dementia"][courses.person] & (people.age[courses.person] >= 65)
    antipsychotic = courses.group == formulary.classes.index("antipsychotic")
    return np.where(aged & antipsychotic & ~smi, formulary.conditions.index("dementia"), found)


# Tables


def medicine_tables(treatment: Treatment, found: Prescriptions, reason: Ints) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Plans and issues of the practice, and issues of the trust; subject ids count from 1 over the people of the practice."""
    scene, courses, scripts = treatment.scene, treatment.courses, found.scripts
    draws = scene.draws(_SCRIPTS)
    plans = _plan_table(treatment, scripts, draws, reason)
    mine = (scripts.by == GP) | scripts.elsewhere
    # Private supply that the practice writes down hangs on the plan "prescribed elsewhere" of its course.
    under = np.arange(scripts.size)
    noted = (scripts.by == PRIVATE) & ~scripts.elsewhere
    if noted.any():
        plan_of = np.full(courses.size, -1)
        away = np.flatnonzero(scripts.elsewhere)
        plan_of[scripts.course[away[::-1]]] = away[::-1]
        under = np.where(noted, plan_of[scripts.course], under)
    from_trust = scripts.by[found.issue_script] == TRUST
    by_practice = ~from_trust & (under[found.issue_script] >= 0)
    practice = _issue_table(scene, plans, found, np.flatnonzero(by_practice), under)
    trust = _issue_table(scene, plans, found, np.flatnonzero(from_trust), None)
    return plans.filter(pa.array(mine)), practice, trust


def _plan_table(treatment: Treatment, scripts: Scripts, draws: Dice, reason: Ints) -> pa.Table:
    scene = treatment.scene
    world, place, formulary, as_of = scene.world, scene.place, scene.formulary, scene.today
    courses, data = treatment.courses, world.catalogue
    rates = data.rates
    mess = rates.mess
    size = scripts.size
    products = [data.products[key] for key in formulary.products]
    degraded, unknown = draws.chance(mess.degraded, size), draws.chance(mess.unknown_code, size)
    code = pc.if_else(
        pa.array(unknown & ~degraded), pa.scalar("LOCAL"), choose([p.code for p in products], np.where(degraded, -1, scripts.product))
    )
    system = choose(["snomed", "other"], np.where(degraded, -1, unknown.astype(np.int64)))
    ended = np.where(scripts.ended > treatment.leaves[scripts.course], NONE, scripts.ended)
    active = ended < 0
    status = choose(["active", "stopped", "completed"], np.where(active, 0, np.where(scripts.acute, 2, 1)))
    kind = np.where(scripts.acute, 0, np.where(draws.chance(mess.repeat_dispensing, size), 2, 1))
    review = active & ~scripts.acute & draws.chance(mess.review_date, size)
    intended = active & ~scripts.acute & draws.chance(mess.intended_end, size)
    asserted = np.clip(as_of - draws.between(20, 520, size), scripts.started, as_of)
    why = reason[scripts.course]
    stated = (why >= 0) & draws.chance(mess.indication, size) & ~scripts.elsewhere
    coded = stated & draws.chance(mess.indication_coded, size)
    conditions = [data.formulary.conditions[name] for name in formulary.conditions]
    org = choose(
        [place.code, world.trust, data.network.elsewhere.code],
        np.select([scripts.by == GP, scripts.by == TRUST, scripts.by == OTHER_TRUST], [0, 1, 2], -1),
    )
    setting = choose(["gp", "trust", "private"], np.select([scripts.by == GP, scripts.by == PRIVATE], [0, 2], 1))
    amount = ~draws.chance(mess.quantity_missing, size) & ~scripts.elsewhere
    units = [p.unit for p in products]
    native = ids(f"p{place.index}-", size)
    return table(
        "medication_plans",
        size,
        {
            "subject_id": courses.person[scripts.course] + 1,
            "source": place.code,
            "native_id": native,
            "version": "1",
            "org_code": org,
            "setting": setting,
            "status": status,
            "code": code,
            "code_system": system,
            "term": choose([p.term for p in products], scripts.product),
            "degraded": degraded,
            "term_name": choose(formulary.term_name, scripts.product),
            "strength_ug": choose(formulary.strength, scripts.product),
            "unit": choose(formulary.unit, scripts.product),
            **_dose_columns(_texts(scene, scripts)),
            "quantity_milli": number(scripts.quantity * 1000, amount),
            "quantity_unit": choose(units, np.where(amount, scripts.product, -1)),
            "days_supply": number(scripts.days, draws.chance(mess.days_stated, size) & ~scripts.elsewhere & ~scripts.acute),
            "kind": choose(["acute", "repeat", "repeat dispensing"], kind),
            "elsewhere": scripts.elsewhere,
            "started_on": known_day(scripts.started),
            "ended_on": day(ended),
            "review_on": day(np.where(review, as_of + draws.between(-200, 300, size), NONE)),
            "asserted_on": day(np.where(scripts.elsewhere, asserted, NONE)),
            "intended_end_on": day(np.where(intended, as_of + draws.between(-60, 240, size), NONE)),
            "stop_reason": choose(
                rates.stop_reasons, np.where(active | scripts.acute, -1, draws.between(0, len(rates.stop_reasons) - 1, size))
            ),
            "indication_code": choose([c.code for c in conditions], np.where(coded, why, -1)),
            "indication_text": choose([c.term for c in conditions], np.where(stated, why, -1)),
            "group_id": native,
        },
    )


def _issue_table(scene: Scene, plans: pa.Table, found: Prescriptions, rows: Ints, under: Ints | None) -> pa.Table:
    """Issues repeat what their script says; `under`: the plan of each script, None where there are no plans."""
    script, on = found.issue_script[rows], found.issue_on[rows]
    order = np.lexsort((script, on))
    script, on = script[order], on[order]
    size = len(script)
    base = plans.take(pa.array(script))
    columns = {name: base[name] for name in base.column_names if name in _SHARED}
    plan = None if under is None else plans["native_id"].take(pa.array(under[script]))
    if plan is None:
        # An issue under a plan takes a missing quantity from it (so do importers); one of a trust has nowhere to take it from.
        missing = pa.array(scene.draws(_SCRIPTS, 1).chance(scene.world.catalogue.rates.mess.issue_quantity_missing, size))
        columns["quantity_milli"] = pc.if_else(missing, pa.scalar(None, pa.int64()), base["quantity_milli"])
        columns["quantity_unit"] = pc.if_else(missing, pa.scalar(None, pa.string()), base["quantity_unit"])
    return table(
        "medication_issues",
        size,
        columns | {"native_id": ids(f"i{scene.place.index}-", size), "status": "completed", "plan_id": plan, "issued_on": known_day(on)},
    )


_SHARED = (
    "subject_id", "source", "version", "org_code", "setting", "code", "code_system", "term", "degraded", "term_name", "strength_ug",
    "unit", "dose_text", "dose_status", "dose_low_milli", "dose_high_milli", "dose_unit", "as_required", "quantity_milli",
    "quantity_unit", "days_supply",
)  # fmt: skip
