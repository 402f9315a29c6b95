"""What explain tells of the widened outputs, from the pack that ships: loads, interactions, spells, what counts of a medicine."""

from __future__ import annotations

from datetime import date

import pytest

from stepwell import engine, knowledge
from stepwell.engine.explain import scaled, told
from stepwell.engine.worked import WorkedPatient, worked

AS_OF = date(2026, 6, 1)
PACK = knowledge.load()


def explained(*sentences: str) -> dict:
    inputs, ids = worked([WorkedPatient("Ada", list(sentences))], PACK.tables(), AS_OF)
    tables = engine.run(inputs, AS_OF, engine="duckdb")
    return told(engine.Evaluation(tables, AS_OF, 1, PACK.info.name, PACK.version), PACK, ids["Ada"])


def test_two_opioids_and_a_benzodiazepine() -> None:
    found = explained(
        "born 1960-01-01",
        "morphine 60 mg daily from 2025-01-01 every 28 days",
        "diazepam 10 mg daily from 2025-06-01 every 28 days",
    )
    (load,) = [each for each in found["totals"] if each["load"] == "oral-morphine"]
    assert (load["value"], load["unit"], load["at_least"], load["medicines"]) == ("60", "mg", False, ["morphine"])
    assert load["label"] and load["since"] == date(2025, 1, 1)
    assert found["interactions"], "an opioid with a benzodiazepine"
    for each in found["interactions"]:
        assert each["harm"] and each["action"] and each["mark"] and all(source["title"] for source in each["source"])
    (morphine,) = [each for each in found["medicines"] if each["medicine"] == "morphine"]
    assert (morphine["months"], morphine["covered_percent"], morphine["early_issues"], morphine["counted"]) == (17, 100, 0, "60 mg")
    assert {(each["register"], each["left_on"]) for each in found["register_spells"]} >= {("opioid", None), ("benzodiazepine", None)}


def test_nobody_prescribing_is_told_with_its_reason() -> None:
    found = explained("born 1960-01-01", "olanzapine 10 mg daily from 2025-01-01 to 2026-04-01 every 28 days")
    (duty,) = [each for each in found["duties"] if PACK.rules[each["rule"]].kind == "supply"]
    assert (duty["state"], duty["subject"], duty["point"]) == ("overdue", "olanzapine", "2026-04-22")
    assert "supplied until 2026-04-22 by gp, last issue 2026-03-25" in duty["why"]
    assert duty["owner"]["org"] and duty["mark"] and duty["source"]


@pytest.mark.parametrize(("value", "scale", "words"), [(11_250, 100, "112.5"), (4, 1, "4"), (135_000, 1000, "135"), (-50, 100, "-0.5")])
def test_stored_values_in_their_unit(value: int, scale: int, words: str) -> None:
    assert scaled(value, scale) == words
