# ruff: noqa: E501
"""Options, clinical reasons, risks: what rules say about acting on a result, and what a broken pack is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_knowledge_faults import change, pack

from stepwell import knowledge

__all__ = ["pack"]

RESULTS, RISKS, OPTIONS = "rules/antipsychotic-results.yaml", "risks.yaml", "options.yaml"
REVIEW = "antipsychotic.cardiometabolic-review"

MISTAKES = [
    ("unknown option", RESULTS, "options: [hypertension-pathway,", "options: [hypertension,", 0, ["'hypertension' is not an option"]),
    ("result without options", RESULTS, "    options: [statin, lifestyle, other]\n", "", None, ["a result rule says what may be done about it"]),
    ("option of no rule", OPTIONS, "{option: glp-1,", "{option: glp-2,", 0, ["no rule names the option 'glp-2'"]),
    ("options of a monitor", "rules/lithium.yaml", "    test: tft\n", "    test: tft\n    options: [other]\n", 1, ["options belong to a result or a finding"]),
    ("options of a finding with a test", RESULTS, "    lookback: 0 months\n    role: gp", "    test: specialist-review\n    lookback: 0 months\n    role: gp", None, ["asks for no option"]),
    ("again of a finding", RESULTS, "    options: [review-switch,", "    again: {after: 1 days, source: [P], mark: P}\n    options: [review-switch,", 0, ["only a result can be raised anew"]),
    ("again without a source", RESULTS, "again: {after: 84 days, source: [P], mark: P", "again: {after: 84 days, mark: P", 0, ["'source' is missing"]),
    ("unknown rule of a risk", RISKS, "antipsychotic.hba1c-rise", "antipsychotic.hba1c-rises", 0, ["'antipsychotic.hba1c-rises' is not a rule", "did you mean 'antipsychotic.hba1c-rise'?"]),
    ("a risk by a rule that no result raises", RISKS, "antipsychotic.hba1c-rise,", "antipsychotic.hba1c,", 0, ["is not raised by a result"]),
    ("a part twice", RISKS, "{part: glucose,", "{part: weight,", 0, ["the part 'weight' is there twice"]),
    ("days of a result", RISKS, "within: 24 months", "within: 700 days", 0, ["counted in whole months"]),
    ("unknown risk", RESULTS, "subject: cardiometabolic,", "subject: cardio-metabolic,", 0, ["'cardio-metabolic' is not a risk"]),
    ("a risk that is not compared", RESULTS, 'subject: cardiometabolic, op: ">=", value: 2,', "subject: cardiometabolic,", 0, ["risk is compared", "as a number of parts"]),
    ("what comes with a test", "tests.yaml", "also: [qtc]", "also: [qt]", 0, ["'qt' is not a test"]),
    ("what comes without a value", "tests.yaml", "also: [qtc]", "also: [tft]", 0, ["'tft' has no value to ask for"]),
]  # fmt: skip


@pytest.mark.parametrize("mistake", [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_told_with_its_line(pack: Path, mistake: tuple[str, str, str, int | None, list[str]]) -> None:
    file, old, new, below, words = mistake
    line = change(pack, file, old, new)
    found = knowledge.findings(pack)
    told = [finding for finding in found if all(word in finding.message for word in words)]
    assert told, found
    assert told[0].file == file or below is None
    if below is not None:
        assert told[0].line == line + below


def test_no_change_needs_a_reason_that_is_there(pack: Path) -> None:
    (pack / "clinical-reasons.yaml").write_text("clinical_reasons: []\n", encoding="utf-8")
    assert any("no clinical reasons to choose from" in finding.message for finding in knowledge.findings(pack))


def test_every_result_rule_says_what_may_be_done_and_when_it_asks_anew() -> None:
    pack = knowledge.load()
    results = [rule for rule in pack.rules.values() if rule.kind == "result"]
    assert len(results) > 30
    assert all(rule.options and rule.again is not None for rule in results)
    assert all("other" in rule.options for rule in results), "a person may always do something else"


def test_only_the_review_can_end_without_a_change_and_only_with_a_reason() -> None:
    pack = knowledge.load()
    without = [rule.rule for rule in pack.rules.values() if any(pack.options[key].needs_reason for key in rule.options)]
    assert without == [REVIEW] and "other" not in pack.rules[REVIEW].options
    words = " ".join(reason.label.lower() for reason in pack.clinical_reasons.values())
    assert not any(word in words for word in ("capacity", "appointment", "staff", "time"))
