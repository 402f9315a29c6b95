"""Every spec holds on both quick engines (Spark is held equal to them), and the pages of the guide are what the specs give."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from spark_machine import QUICK

from stepwell import knowledge
from stepwell.engine import specs
from stepwell.errors import Refused

KNOWLEDGE = knowledge.load().tables()
SPECS = specs.load()


@pytest.mark.parametrize("engine", QUICK)
def test_every_worked_patient_is_owed_what_the_spec_says(engine):
    assert specs.check(SPECS, KNOWLEDGE, engine) == []


def test_the_pages_are_fresh():
    assert specs.stale(specs.pages(SPECS, KNOWLEDGE)) == [], "write them again: python -m stepwell.engine.specs --write"


def test_a_page_that_differs_or_is_left_over_is_stale(tmp_path):
    (tmp_path / "a.md").write_text("old")
    (tmp_path / "b.md").write_text("left over")
    assert specs.stale({"a.md": "new"}, tmp_path) == ["a.md", "b.md"]


def person(*owed):
    happened = ["lithium from 2024-01-10 every 28 days", "lithium-level 0.6 on 2026-01-15"]
    return specs.Person("Ada", happened, list(owed))


def faults(*owed, rules=("lithium.level",)):
    spec = specs.Spec("title", list(rules), date(2026, 6, 1), "why", [person(*owed)], path="lithium/x.yaml")
    return specs.check([spec], KNOWLEDGE, "reference")


def test_what_the_spec_says_is_really_compared():
    assert faults("lithium.level ongoing: open, due 2026-07-15, practice") == []
    wrong = [
        "lithium.level ongoing: open, due 2026-07-16",
        "lithium.level ongoing: met",
        "lithium.level ongoing: nobody",
        "lithium.level ongoing: because no Lithium level on record",
        "lithium.level baseline: open",
        "not lithium.level",
        "no lithium",
        "lithium: lapsed",
        "nothing",
    ]
    for line in wrong:
        assert any(line in fault for fault in faults("lithium.level ongoing: open", line)) or faults(line), line


def test_an_open_need_that_the_spec_does_not_list_is_a_fault():
    assert ["not listed" in fault for fault in faults()] == [True]


@pytest.mark.parametrize("line", ["lithium.levels ongoing: open", "lithium.level ongoing: soon", "gold: practice"])
def test_a_line_that_says_nothing_is_refused(line):
    with pytest.raises(Refused, match="'"):
        faults(line)


def test_a_sentence_that_no_form_fits_is_refused():
    spec = msgspec.structs.replace(SPECS[0], people=[specs.Person("Ada", ["lithium every day"])])
    with pytest.raises(Refused, match="'lithium every day' is not a sentence"):
        specs.check([spec], KNOWLEDGE, "reference")
