"""Line 2 of review and reduce: the published reference schedules are reproduced, or the difference is explained by a cited rule.

The schedules are those of the evidence table `taper_reference_schedules`; `REPRODUCED` must come out dose for dose, `DIFFERENT` says for
each step that differs which source the step's own rule cites for it, `NOT_A_LIST` says how a schedule that is a sentence is kept.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from stepwell import knowledge
from stepwell.clinical.tapering import shape, words
from stepwell.clinical.tapering.model import History, Mode, NotPlanned, Plan, Request
from stepwell.clinical.tapering.propose import propose
from stepwell.clinical.tapering.words import figure
from stepwell.knowledge import DATA

START = date(2026, 6, 1)
KNOWN = History(conditions_known=True)
STEPS, LINEAR, HYPERBOLIC = Mode.PRODUCT_STEPS, Mode.LINEAR, Mode.HYPERBOLIC


def evidence() -> dict[str, str]:
    with (DATA / "evidence" / "taper_reference_schedules.csv").open(encoding="utf-8") as file:
        return {row["figure"]: row["value"] for row in csv.DictReader(file)}


def listed(place: str) -> list[float]:
    return [float(dose) for dose in evidence()[f"schedules / {place}"].split(";")]


def planned(medicine: str, mg: float, **asked: Any) -> Plan:
    request = Request(medicine=medicine, dose_ug=round(mg * 1000), start_on=START, history=asked.pop("history", KNOWN), **asked)
    return propose(request, knowledge.load())


def built(plan: Plan) -> list[float]:
    return [figure(step.built.dose_ug) for step in plan.steps]


def only(medicine: str, form: str) -> frozenset[str]:
    found = knowledge.load().taper_products.values()
    return frozenset(product.product for product in found if product.medicine == medicine and product.form == form)


@dataclass(frozen=True)
class Case:
    place: str
    medicine: str
    asked: dict[str, Any] = field(default_factory=dict)
    days: int | None = None


REPRODUCED = [
    *(
        Case(f"SCOT-SSRI-STANDARD / steps_mg / {medicine}", medicine, {"mode": STEPS}, 28)
        for medicine in ("citalopram", "escitalopram", "fluoxetine", "fluvoxamine", "sertraline", "paroxetine")
    ),
    Case("CKS-ZOPICLONE / steps_mg", "zopiclone", {"mode": STEPS}, 14),
    Case("CKS-ZOPICLONE / steps_mg", "zopiclone", {}, 14),
    Case("FIFE-GABAPENTIN / example_C", "gabapentin", {}, 7),
    Case("FIFE-GABAPENTIN / example_C", "gabapentin", {"mode": STEPS}, 7),
    Case("FIFE-PREGABALIN / example_C", "pregabalin", {}, 7),
    Case("FIFE-PREGABALIN / example_C", "pregabalin", {"mode": STEPS}, 7),
    # A weekly quarter of the first dose: only in a short course (S240).
    Case(
        "AU-OPIOID-TRAMADOL-200 / steps_mg",
        "tramadol",
        {
            "mode": STEPS,
            "interval_days": 7,
            "history": History(conditions_known=True, months=2),
            "products": only("tramadol", "modified-release tablet"),
        },
        7,
    ),
]


@pytest.mark.parametrize("case", REPRODUCED, ids=lambda case: f"{case.place} {case.asked.get('mode', 'proposed')}")
def test_a_published_list_comes_out_dose_for_dose(case: Case) -> None:
    expected = listed(case.place)
    plan = planned(case.medicine, expected[0], **case.asked)
    assert built(plan) == expected
    assert plan.interval_days == case.days
    assert all(step.error_ug == 0 or case.medicine == "tramadol" for step in plan.steps)


# (schedule, medicine, what is asked for, what comes out, by number of step the source that the rule of a different step cites)
DIFFERENT: list[tuple[str, str, dict[str, Any], list[float], dict[int, str]]] = [
    # 7.5 and 2.5 mg are 3.75 and 1.25 ml: a tenth of a millilitre is the smallest measure, and what is over must not make the next step
    # larger than the bound (K), so a step is added at the end.
    (
        "CKS-TEMAZEPAM / steps_mg",
        "temazepam",
        {"mode": STEPS},
        [20, 17.6, 15, 12.6, 10, 7.6, 5.2, 2.8, 1.4, 0],
        {1: "K", 3: "K", 5: "K", 6: "K", 7: "K", 8: "K", 9: "K"},
    ),
    # The Canadian rule halves the steps when one third of the first dose is left; tablets and halves make them, no liquid.
    (
        "FPM-OPIOID-10 / example_C_ome120_fortnightly",
        "morphine",
        {"mode": LINEAR, "products": frozenset({"morphine tablet 10", "morphine oral solution 2"})},
        [120, 110, 100, 90, 80, 70, 60, 50, 40, 30, 25, 20, 10, 5, 0],
        {number: "FPMTAP" if number < 9 else "NOUGG" for number in range(1, 15)},
    ),
    # 50 % twice, then 25 %, as published, in halves of 12.5 mg tablets; from 50 mg it may be stopped (RDAD).
    (
        "NG222-PROPORTION / example_C_sertraline_100",
        "sertraline",
        {"rate_percent": 50.0},
        [100, 50, 25, 18.75, 12.5, 0],
        {4: "NG222", 5: "RDAD"},
    ),
    # Other constants and the same shape: 9.1 mg is more than half of 20 less, which the bound forbids (NG222), and tablets end at 5 mg.
    (
        "HT-CITALOPRAM / steps_mg",
        "citalopram",
        {"mode": HYPERBOLIC},
        [20, 10, 5, 0],
        {1: "NG222", 2: "SORENSEN", 3: "RDAD"},
    ),
    # The text's last derived step, 10 mg, is left out: from a quarter of the first dose the last step may be taken.
    (
        "AU-OPIOID-OXYCODONE-80 / steps_mg",
        "oxycodone",
        {"step_ug": 20_000, "interval_days": 28, "products": only("oxycodone", "modified-release tablet")},
        [80, 60, 40, 20, 0],
        {4: "S240"},
    ),
]


@pytest.mark.parametrize(
    ("place", "medicine", "asked", "expected", "why"), DIFFERENT, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_difference_is_explained_by_the_rule_of_its_step(
    place: str, medicine: str, asked: dict[str, Any], expected: list[float], why: dict[int, str]
) -> None:
    published = listed(place)
    plan = planned(medicine, published[0], **asked)
    assert built(plan) == expected
    for number, step in enumerate(plan.steps):
        if number >= len(published) or published[number] != figure(step.built.dose_ug) or number in why:
            assert why.get(number) in step.rule.source, (number, step.rule)


@pytest.mark.parametrize("asked", [{"alternate": True}, {"products": frozenset({"fluoxetine capsule 20", "fluoxetine capsule 40"})}])
def test_scottish_fluoxetine_on_alternate_days(asked: dict[str, Any]) -> None:
    """ "30 from 40 and 20 on alternate days, 10 from 20 on alternate days or liquid": as the text has it, where a person chooses it."""
    plan = planned("fluoxetine", 40, mode=STEPS, **asked)
    assert built(plan) == listed("SCOT-SSRI-STANDARD / steps_mg / fluoxetine")
    assert [words.items(step.built) for step in plan.steps] == [
        "1 × 40 mg capsule",
        "1 × 40 mg capsule one day, 1 × 20 mg capsule the next",
        "1 × 20 mg capsule",
        "1 × 20 mg capsule one day, none the next",
        "nothing",
    ]
    own = next(part for part in knowledge.load().taper_rules["antidepressant"].parts if part.medicine == "fluoxetine")
    note = own.published[0].note
    assert "30 from 40 and 20 on alternate days, 10 from 20 on alternate days or liquid" in note
    liquid = planned("fluoxetine", 40, mode=STEPS, products=frozenset({"fluoxetine capsule 20", "fluoxetine oral solution 4"}))
    assert built(liquid) == built(plan) and not any(step.built.alternates for step in liquid.steps)


def test_cks_diazepam_bands() -> None:
    """35 steps and 70 weeks from 40 mg by the smaller steps, 20 and 40 weeks by the larger; from 20 mg inside the derived range."""
    known = knowledge.load()
    plan = planned("diazepam", 40)
    assert len(plan.steps) - 1 == 35 and plan.mode == STEPS
    assert (plan.ends_on - plan.steps[0].on).days == 70 * 7
    low, high = (int(weeks) * 7 for weeks in evidence()["schedules / CKS-DIAZEPAM-40 / derived_total_weeks / from_40"].split(";"))
    assert low <= (plan.ends_on - plan.steps[0].on).days <= high
    bands = [tuple(float(figure) for figure in band.split(",")) for band in evidence()["schedules / CKS-DIAZEPAM-40 / bands"].split(";")]
    for before, step in zip(plan.steps, plan.steps[1:], strict=False):
        top, bottom, least, most = next(band for band in bands if band[1] < figure(before.requested_ug) <= band[0])
        assert least <= figure(before.requested_ug - step.requested_ug) <= most and figure(before.requested_ug) <= top
        assert figure(step.requested_ug) >= bottom and "CKSBZ" in step.rule.source
    rule = known.taper_rules["benzodiazepine"]
    own = next(part for part in rule.parts if part.medicine == "diazepam")
    assert own.bands is not None
    most = replace(rule, parts=tuple(replace(own, bands=replace(own.bands, take="most")) if part is own else part for part in rule.parts))
    faster = _with_rule(most)
    assert [figure(step.requested_ug) for step in faster.steps] == [
        40,
        36,
        32,
        28,
        24,
        20,
        18,
        16,
        14,
        12,
        10,
        9,
        8,
        7,
        6,
        5,
        4,
        3,
        2,
        1,
        0,
    ]
    assert abs((faster.ends_on - faster.steps[0].on).days - 40 * 7) <= 3, "bank holidays move a step by some days"
    low, high = (int(weeks) * 7 for weeks in evidence()["schedules / CKS-DIAZEPAM-40 / derived_total_weeks / from_20"].split(";"))
    half = planned("diazepam", 20)
    assert low <= (half.ends_on - half.steps[0].on).days <= high + 3


def _with_rule(rule: Any) -> Plan:
    from dataclasses import replace as with_other

    known = knowledge.load()
    other = with_other(known, taper_rules={**known.taper_rules, rule.taper_rule: rule})
    return propose(Request(medicine="diazepam", dose_ug=40_000, start_on=START, history=KNOWN), other)


VECTORS = {"venlafaxine XR": "venlafaxine"}


def vectors() -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    with (DATA / "evidence" / "hyperbolic_taper_vectors.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["dose_mg"]:
                found.setdefault(row["substance"], []).append((float(row["occupancy_percent"]), float(row["dose_mg"])))
    return found


@pytest.mark.parametrize("substance", sorted(vectors()))
def test_occupancy_vectors(substance: str) -> None:
    """Every dose and occupancy of the vectors by the published form, to the figure as printed; and the plan asks for these doses, or its
    rule says what made it another."""
    medicine, points = VECTORS.get(substance, substance), vectors()[substance]
    curve = knowledge.load().occupancies[medicine]
    first = round(points[0][1] * 1000)
    start = shape.occupancy(curve, first)
    for place, (percent, mg) in enumerate(points):
        target = start * (10 - place) / 10
        assert float(target) == pytest.approx(percent, abs=0.006)
        assert float(shape.dose_at(curve, target)) / 1000 == pytest.approx(mg, abs=0.0006)
    plan = planned(medicine, points[0][1], mode=HYPERBOLIC)
    doses = {mg for _, mg in points}
    for step in plan.steps[1:]:
        asked = figure(step.requested_ug)
        near = min(doses, key=lambda mg: abs(mg - asked))
        if abs(near - asked) > 0.0006:
            assert any(text in step.rule.words for text in ("at most", "to nothing from", "the smallest dose")), step.rule
        else:
            assert set(curve.source) <= set(step.rule.source) or near == 0
    assert plan.steps[0].occupancy_permille == shape.rounded(start * 10)


NOT_A_LIST = {
    "CKS-BZ-GENERAL": "the rates offered for benzodiazepines",
    "PQ-DIAZEPAM-1MG": "the linear mode of diazepam",
    "BNF-DIAZEPAM": "inside the bands of CKS",
    "CKS-NITRAZEPAM": "a sentence without a list; the published list of the rule",
    "CAN-OPIOID-SLOWDOWN": "FPM-OPIOID-10 above",
    "AU-OPIOID-RATE": "what the bound of opioids allows by interval",
    "CA-TAPERMD-OPIOID": "a rate offered for opioids",
    "PI-GABAPENTINOID-MIN": "a floor",
    "PI-SERTRALINE-MIN": "a floor",
    "NI-BZ-SHORT-USE": "a note of the rule, shown; no plan is made for it",
    "ASAM-BZD-CODE": "mixes equivalence sets: not for the United Kingdom",
    "CKS-DIAZEPAM-40": "its bands, above",
}


def test_every_schedule_of_the_evidence_is_looked_at() -> None:
    all_of_them = {key.split(" / ")[1] for key in evidence() if key.startswith("schedules / ")}
    looked_at = {case.place.split(" / ")[0] for case in REPRODUCED} | {case[0].split(" / ")[0] for case in DIFFERENT}
    assert all_of_them == looked_at | set(NOT_A_LIST)


def test_schedules_that_are_sentences() -> None:
    known = knowledge.load()
    rates = {rate.percent for rate in known.taper_rules["benzodiazepine"].rates if rate.mark == "V"}
    assert rates == {5, 10, 12.5}
    eighth = planned("diazepam", 16, rate_percent=12.5)
    assert built(eighth)[:2] == [16, 14] and eighth.interval_days == 14
    # PrescQIPP: 1 mg at a time, 2 mg tablets halved.
    milligram = planned("diazepam", 10, mode=LINEAR, products=frozenset({"diazepam tablet 2"}), interval_days=7)
    assert built(milligram) == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0] and "PQBZ" in milligram.steps[1].rule.source
    nitrazepam = planned("nitrazepam", 10)
    assert built(nitrazepam) == [10, 8.75, 7.5, 6.25, 5, 3.75, 2.5, 1.25, 0] and nitrazepam.interval_days == 14
    # Floors: nothing is over sooner, even from the smallest dose.
    assert (planned("pregabalin", 25).ends_on - START).days >= 7
    assert (planned("gabapentin", 100).ends_on - START).days >= 7
    assert (planned("sertraline", 25, interval_days=7).ends_on - START).days >= 7
    assert any("S239" in note.source for note in known.taper_rules["benzodiazepine"].notes)
    slow = planned("codeine", 240, mode=LINEAR, rate_percent=5.0, interval_days=28)
    assert "S284" in slow.steps[1].rule.source


def test_a_quarter_of_an_opioid_needs_four_weeks_or_a_short_course() -> None:
    tablets = only("oxycodone", "modified-release tablet")
    with pytest.raises(NotPlanned, match=r"at most 10 % of the present dose with less than 28 days between steps") as refusal:
        planned("oxycodone", 80, rate_percent=25.0, mode=LINEAR, interval_days=14, products=tablets)
    assert refusal.value.rule is not None and "S240" in refusal.value.rule.source
    assert any(each.request.interval_days == 28 for each in refusal.value.instead)
    assert built(planned("oxycodone", 80, rate_percent=25.0, mode=LINEAR, interval_days=28, products=tablets))[:3] == [80, 60, 40]
