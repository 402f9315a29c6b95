# ruff: noqa: E501
"""Reducing and reviewing as knowledge: mistakes are told, published schedules lie inside the bounds, curves give their test vectors."""

from __future__ import annotations

import re
import shutil
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from stepwell import knowledge
from stepwell.knowledge import evidence
from stepwell.knowledge.check_tapering import within
from stepwell.knowledge.model import exact
from stepwell.knowledge.reviewing import kinds_of, parts_of
from stepwell.knowledge.tapering import contact_days, guards_of, products_of, rule_of, scales_of, support_of

PRODUCTS, RULES, GUARDS, SUPPORT, SCALES = (
    "taper-products.yaml",
    "taper-rules.yaml",
    "taper-guards.yaml",
    "taper-support.yaml",
    "withdrawal-scales.yaml",
)

# (file, what stands there, what the author wrote, words of the message); each in an entry of its own, so that one pack tells all of them
MISTAKES = [
    (PRODUCTS, 'product: "lorazepam tablet 1", medicine: lorazepam,', 'product: "lorazepam tablet 1", medicine: lorazepan,', ["'lorazepan' is not a medicine", "did you mean 'lorazepam'?"]),
    (PRODUCTS, "strength_ug: 20000, measure_ul: 100, bnf: \"0407020Q0AAA6A6\"", "strength_ug: 20000, bnf: \"0407020Q0AAA6A6\"", ["a liquid, and nothing else, has a smallest volume"]),
    (PRODUCTS, 'form: patch, strength_ug: 25, wear_days: 3', 'form: patch, strength_ug: 25', ["a patch, and nothing else, is worn for days"]),
    (PRODUCTS, 'form: capsule, strength_ug: 300000, bnf: "0408010G0AAABAB"', 'form: capsule, strength_ug: 300000, parts: 2, bnf: "0408010G0AAABAB"', ["a capsule is not divided"]),
    (RULES, "{mode: product steps, words: \"steps by the dose being taken, as in the published bands\", default: true,", "{mode: product steps, words: \"steps by the dose being taken, as in the published bands\",", ["one mode, and only one, is proposed"]),
    (RULES, "from_mg: 20, to_mg: 10, least_mg: 1, most_mg: 2", "from_mg: 20, to_mg: 10, least_mg: 1, most_mg: 5", ["a step of 5 mg to 10 mg is beyond the bound"]),
    (RULES, "steps_mg: [40, 30, 20, 10, 5, 0]", "steps_mg: [40, 30, 10, 5, 0]", ["30 to 10 is beyond the bound", "under 'exceptions'"]),
    (RULES, "steps_mg: [300, 200, 100, 50, 0]", "steps_mg: [300, 100, 200, 50, 0]", ["doses of a list go down"]),
    (RULES, "{medicines: [zaleplon], because", "{medicines: [zaleplon, zopiclone], because", ["'zopiclone' has products"]),
    (RULES, "      - medicine: pregabalin\n", "      - medicine: pregablin\n", ["'pregablin' is not a medicine of 'gabapentinoid'"]),
    (RULES, "default: {value: 91, unit: days, source: [S28]", "default: {value: 90, unit: days, source: [S28]", ["the interval proposed (90 days) is not among the options"]),
    (RULES, "[brexpiprazole, clozapine, loxapine]", "[brexpiprazole, loxapine]", ["'clozapine' has no product", "no_products"]),
    (RULES, "products: [fluoxetine capsule 20, fluoxetine capsule 40]", "products: [fluoxetine capsule 20, fluoxetine capsule 50]", ["'fluoxetine capsule 50' is not a product"]),
    (RULES, "      not_with: liver-failure\n", "      not_with: liver-faliure\n", ["'liver-faliure' is not a guard", "did you mean 'liver-failure'?"]),
    ("loads.yaml", '{table: "VA/DoD", equals: 15, source: [ASAM], mark: V}', '{table: "VA/DoD", equals: 15, to: 10, source: [ASAM], mark: V}', ["a range from the lower to the higher one"]),
    ("loads.yaml", "      - medicine: zolpidem\n        equals: 10\n", "      - medicine: zolpidem\n        equals: 12\n", ["12 lies outside what the tables say (10 to 10)"]),
    (GUARDS, "conditions: [epilepsy], classes: [gabapentinoid]", "conditions: [epilepsi], classes: [gabapentinoid]", ["'epilepsi' is not a condition"]),
    (GUARDS, "loads: [{load: oral-morphine, over: 300}]", "loads: [{load: oral-morphin, over: 300}]", ["'oral-morphin' is not a load"]),
    (GUARDS, ', route: "Obstetric or perinatal mental health advice in the same week."', "", ["'pregnancy'", "a refusal says who to go to instead"]),
    (GUARDS, "medicines: [lithium], always: true, action: refuse", "medicines: [lithium], action: refuse", ["it would never hold"]),
    (SUPPORT, "classes: [gabapentinoid], words: \"Withdrawal may begin", "classes: [gabapentinoids], words: \"Withdrawal may begin", ["'gabapentinoids' is not a taper rule"]),
    (SUPPORT, ', call: "the practice, the same day"', "", ["a sign says whom to call"]),
    (SUPPORT, "after: stop, days: [14, 28, 84], words", "after: stop, days: [14, 84, 28], words", ["days go up, each once"]),
    (SCALES, "{low: 4, high: 6, label: hold the dose", "{low: 5, high: 6, label: hold the dose", ["4 has no band: a rating needs one for every value"]),
    ("taper-services.yaml", "people: 252, of: 657, percent: 38", "people: 252, of: 657, percent: 83", ["252 of 657 is 38 %"]),
    ("taper-services.yaml", "{label: lower dose, outcome: reduced, percent: 50", "{label: lower dose, outcome: reducing, percent: 50", ["'reducing' is not an outcome", "did you mean 'reduced'?"]),
    ("review-kinds.yaml", "rules: [dependence.gab,", "rules: [dependence.gap,", ["'dependence.gap' is not a rule"]),
    ("review-kinds.yaml", "rules: [antipsychotic.stomp]", "rules: [antipsychotic.review]", ["answered by 'antipsychotic-annual' already"]),
    ("review-kinds.yaml", "after: [0 days, 3 months, 6 months], since: transfer", "after: [0 days, 3 months, 6 months]", ["a clock runs from something"]),
    ("review-parts.yaml", 'label: Route back, ask: "How does the person get back to the last dose that worked, and to the specialist?"', "label: Route back", ["what a record must hold is asked for"]),
    ("taper-occupancy.yaml", "medicine: risperidone, target", "medicine: pregabalin, target", ["allows no hyperbolic plan, so the curve is never used"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[knowledge.Finding]:
    """What is told of a copy of the pack with all the mistakes in it."""
    pack = Path(shutil.copytree(knowledge.DATA, tmp_path_factory.mktemp("packs") / "pack"))
    for file, old, new, _ in MISTAKES:
        text = (pack / file).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}"
        (pack / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return knowledge.findings(pack)


@pytest.mark.parametrize("mistake", MISTAKES, ids=[" ".join(mistake[3])[:50] for mistake in MISTAKES])
def test_a_mistake_is_told_in_its_file(told: list[knowledge.Finding], mistake: tuple[str, str, str, list[str]]) -> None:
    file, _, _, words = mistake
    assert any(finding.file == file and all(word in finding.message for word in words) for finding in told), [
        finding for finding in told if finding.file == file
    ]


def test_every_published_schedule_lies_inside_its_bound_or_is_named() -> None:
    known = knowledge.load()
    rows = {row.key: row.figures["value"] for row in evidence.packaged()["taper_reference_schedules"].rows}
    medicines = {
        "CKS-ZOPICLONE": "zopiclone", "CKS-TEMAZEPAM": "temazepam", "FIFE-GABAPENTIN": "gabapentin", "FIFE-PREGABALIN": "pregabalin",
        "FPM-OPIOID-10": "morphine", "NG222-PROPORTION": "sertraline", "HT-CITALOPRAM": "citalopram",
        "AU-OPIOID-TRAMADOL-200": "tramadol", "AU-OPIOID-OXYCODONE-80": "oxycodone",
    }  # fmt: skip
    seen = 0
    for key, value in rows.items():
        found = re.fullmatch(r"schedules / ([A-Z0-9-]+) / (?:steps_mg|example_C\w*)(?: / (\w+))?", key)
        if found is None:
            continue
        schedule, medicine = found[1], found[2] or medicines[found[1]]
        rule = rule_of(known, medicine)
        assert rule is not None
        doses = [Fraction(part) for part in value.split("; ")]
        doses += [Fraction(part) for part in rows.get(f"schedules / {schedule} / steps_after_C", "").split("; ") if part]
        steps = list(pairwise(doses))
        beyond = [(before, after) for before, after in steps if not within(rule.bound, before, after, doses[0])]
        assert not beyond or schedule in {one.schedule for one in rule.bound.exceptions}, (schedule, medicine, beyond)
        assert bool(beyond) == (schedule == "HT-CITALOPRAM")
        seen += 1
    assert seen == 15


def test_a_bound_forbids_what_no_text_allows() -> None:
    known = knowledge.load()

    def allows(medicine: str, before: str, after: str, first: str) -> bool:
        rule = rule_of(known, medicine)
        assert rule is not None
        return within(rule.bound, Fraction(before), Fraction(after), Fraction(first))

    assert allows("diazepam", "20", "15", "20") and not allows("diazepam", "20", "14.9", "20")
    assert allows("diazepam", "2", "1", "20") and not allows("diazepam", "2", "0.9", "20")
    assert allows("diazepam", "1", "0", "20") and not allows("diazepam", "1.5", "0", "20")
    assert allows("sertraline", "50", "0", "200") and not allows("sertraline", "100", "0", "100")
    assert allows("morphine", "30", "0", "120") and not allows("morphine", "120", "89", "120")
    assert allows("buprenorphine patch", "10", "5", "20") and not allows("buprenorphine patch", "35", "20", "35")
    assert not allows("olanzapine", "10", "4.9", "10")


def test_curves_give_their_test_vectors() -> None:
    curves = knowledge.load().occupancies
    rows = evidence.packaged()["hyperbolic_taper_vectors"].rows
    starts = {row.figures["substance"]: exact(float(row.figures["dose_mg"])) for row in rows if row.figures["step"] == "0"}
    for row in rows:
        curve = curves[row.figures["substance"].removesuffix(" XR")]
        most, half, start = exact(curve.max_percent), exact(curve.half_mg), starts[row.figures["substance"]]
        target = most * start / (half + start) * (10 - int(row.figures["step"])) / 10
        assert abs(float(half * target / (most - target)) - float(row.figures["dose_mg"])) < 0.001 + 1e-9, row.key
    assert len(rows) == 77 and set(curves) - {"risperidone", "olanzapine"} == {name.removesuffix(" XR") for name in starts} | {
        "vortioxetine"
    }


def test_products_are_those_of_the_code_lists() -> None:
    """The strengths of two roads agree: the table of products, and the code lists that supply is read with."""
    known = knowledge.load()
    listed = {row["code"]: row for row in known.tables()["k_product"].to_pylist() if row["code_system"] == "bnf"}
    compared = 0
    for product in known.taper_products.values():
        row = listed.get(product.bnf)
        if row is None or row["strength_ug"] is None:
            continue
        assert row["substance"] == product.medicine, product.product
        assert row["strength_ug"] == product.strength_ug * (24 if product.form == "patch" else 1), product.product
        compared += 1
    assert compared > 200


def test_a_rule_is_that_of_the_medicine_with_its_own_part() -> None:
    known = knowledge.load()
    diazepam, lorazepam = known.taper_rule_of("diazepam"), known.taper_rule_of("lorazepam")
    assert diazepam is not None and lorazepam is not None
    assert (diazepam.default_mode, lorazepam.default_mode) == ("product steps", "proportional")
    assert diazepam.bands is not None and lorazepam.bands is None
    assert diazepam.supply.longest is not None and diazepam.supply.longest.whole == 30
    fentanyl = known.taper_rule_of("fentanyl patch")
    assert fentanyl is not None and (fentanyl.steps[0].ug, fentanyl.bound.end and fentanyl.bound.end.ug) == (13, 13)
    assert known.taper_rule_of("lithium") is None and known.taper_rule_of("valproate") is None
    for key, rule in known.taper_rules.items():
        for medicine in known.members[rule.set]:
            own = known.taper_rule_of(medicine)
            assert own is not None and own.default_mode and own.default_rate("present") is not None, (key, medicine)


def test_what_software_never_reduces_is_refused_first() -> None:
    known = knowledge.load()
    for medicine in ("clozapine", "lithium", "valproate", "methadone"):
        first = guards_of(known, medicine)[0]
        assert (first.action, first.always) == ("refuse", True) and first.route
    asked = {guard.flag.flag for guard in guards_of(known, "diazepam") if guard.flag and guard.unknown == "ask"}
    assert {"previous withdrawal seizure", "suicidal thoughts", "unstable illness"} <= asked
    assert "mental health act" in {guard.flag.flag for guard in guards_of(known, "olanzapine") if guard.flag}


def test_support_is_there_for_every_class() -> None:
    known = knowledge.load()
    assert contact_days(known, "stop", "antipsychotic").days[-1] == 365
    assert contact_days(known, "stop", "opioid").days == (14, 28, 84)
    for key in known.taper_rules:
        assert scales_of(known, key)[0].scale == "tolerability"
        assert support_of(known, "symptom", key) and support_of(known, "wording", key)
        assert any(one.call.startswith("999") for one in support_of(known, "safety-net", key))
    figures = {key: one.figure.value for key, one in known.taper_support.items() if one.figure}
    assert (figures["hold-days"], figures["step-back-size"], figures["step-back-interval"]) == (28, 50, 200)


def test_lists_of_a_review_are_those_of_the_sources() -> None:
    known = knowledge.load()
    said = {one.review_part: one.percent.value for one in known.review_parts.values() if one.percent}
    assert [value for key, value in said.items() if key.startswith("concern")] == [80, 39, 30, 26, 22]
    assert [value for key, value in said.items() if key.startswith("reason")] == [74, 73, 48, 45, 25]
    assert len(parts_of(known, "adherence")) == 16
    assert {one.review_part for one in parts_of(known, "record") if one.required} == {
        f"record-{name}"
        for name in ("decision", "reasoning", "options", "evidence", "advice", "shared", "risks", "safety-net", "early-signs", "route-back")
    }
    assert not parts_of(known, "antipsychotic", "sertraline") and parts_of(known, "antipsychotic", "olanzapine")
    assert [one.review_kind for one in kinds_of(known, "olanzapine") if one.every == "60 months"] == ["specialist-five-yearly"]


def test_services_stand_with_their_denominators() -> None:
    known = knowledge.load()
    rest = {result.outcome: result.percent for result in known.taper_services["rest"].results}
    assert rest == {"stabilised": 3, "reduced": 50, "stopped": 29, "no change": 6, "not known": 11}
    rotherham = [(result.people, result.of) for result in known.taper_services["rotherham"].results]
    assert rotherham == [(252, 657), (405, 657), (8, 657)]
    assert list(known.taper_outcomes) == ["stopped", "reduced", "stabilised", "no change", "increased or switched", "not known"]
    assert all(result.of_words for service in known.taper_services.values() for result in service.results)


def test_medicines_with_a_rule_have_products_or_a_reason() -> None:
    known = knowledge.load()
    for rule in known.taper_rules.values():
        without = {name for group in rule.no_products for name in group.medicines}
        for medicine in known.members[rule.set]:
            assert bool(products_of(known.taper_products, medicine)) != (medicine in without), medicine
