"""The protocol library as organisations use it: versions by dated rows, what is superseded, what a protocol draws from the rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import msgspec
import pytest

from ledger_world import OTHER_PRACTICE, PCN, PRACTICE, TODAY, World
from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.knowledge import shared_care
from stepwell.web.agreements import protocol_use, selectors, services
from stepwell.web.agreements.models import Agreement, ProtocolUse
from stepwell.web.core import clock
from stepwell.web.core.gate import AccessRefused


@dataclass(frozen=True)
class Newer:
    """The pack with the lithium protocol a version on."""

    protocols: dict
    info: object


@pytest.fixture
def world(db, settings, tmp_path):
    return World(settings, tmp_path)


@pytest.fixture
def version_two(monkeypatch):
    pack = knowledge.load()
    protocols = {key: msgspec.structs.replace(each, version=2) if key == "lithium" else each for key, each in pack.protocols.items()}

    def publish():
        monkeypatch.setattr("stepwell.web.agreements.protocol_use.knowledge.load", lambda: Newer(protocols, pack.info))

    return publish


def lithium(org_code, on=TODAY):
    return protocol_use.one_in_use(org_code, "lithium", on)


def test_without_a_row_an_organisation_uses_the_packs_version(world):
    found = selectors.protocols_for(PRACTICE)
    assert [each.protocol.protocol for each in found] == list(knowledge.load().protocols)
    assert {(each.since, each.by_org, each.newer) for each in found} == {(None, "", False)}


def test_an_area_adopts_for_its_parts_and_a_practice_for_itself(world, version_two):
    def adopted(org_code, on):
        entry = knowledge.load().protocols["lithium"]
        ProtocolUse.objects.create(
            org_code=org_code, protocol="lithium", version=1, from_on=on, text=msgspec.to_builtins(entry), at=clock.now()
        )

    adopted(PCN, TODAY - timedelta(100))
    assert (lithium(PRACTICE).by_org, lithium(PRACTICE).since) == (PCN, TODAY - timedelta(100))
    assert lithium(PRACTICE, TODAY - timedelta(101)).since is None and lithium(OTHER_PRACTICE).since is None
    version_two()
    # The area stays on what it adopted, and is told that there is a newer one; others use the new one.
    assert (lithium(PRACTICE).version, lithium(PRACTICE).newer, lithium(PRACTICE).protocol.version) == (1, True, 1)
    assert lithium(OTHER_PRACTICE).version == 2
    services.use_protocol(world.actor("gp"), "lithium", from_on=TODAY + timedelta(10), why="agreed at the partners' meeting")
    assert lithium(PRACTICE).version == 1
    assert (lithium(PRACTICE, TODAY + timedelta(10)).version, lithium(PRACTICE, TODAY + timedelta(10)).by_org) == (2, PRACTICE)


def test_an_agreement_under_an_earlier_version_is_told_from_the_day(world, version_two):
    agreement = Agreement(person_id=1, substance="lithium", and_org=PRACTICE, protocol="lithium", protocol_version=1)
    assert selectors.superseded_since(agreement, TODAY) is None
    version_two()
    assert selectors.superseded_since(agreement, TODAY) == date.fromisoformat(knowledge.load().info.authored)
    services.use_protocol(world.actor("gp"), "lithium", from_on=TODAY)
    assert selectors.superseded_since(agreement, TODAY) == TODAY
    assert selectors.superseded_since(Agreement(person_id=1, substance="lithium", and_org=PRACTICE), TODAY) is None


def test_who_may_adopt_and_from_when(world):
    with pytest.raises(AccessRefused):
        services.use_protocol(world.actor("nurse"), "lithium", from_on=TODAY)
    with pytest.raises(Refused, match="today on"):
        services.use_protocol(world.actor("gp"), "lithium", from_on=TODAY - timedelta(1))
    with pytest.raises(Refused, match="no such protocol"):
        services.use_protocol(world.actor("gp"), "tea", from_on=TODAY)


# What the library draws from the rules (no database)


def test_every_rule_about_a_medicine_stands_under_one_responsibility():
    pack = knowledge.load()
    owners = {key: key for key in pack.responsibilities}
    for substance in sorted(pack.members["monitored"]):
        lines = shared_care.lines(pack, substance, owners)
        assert lines["all"] == "rest" and lines["prescribe"] == "prescribe"
        about = shared_care.rules_about(pack, substance)
        assert about, substance
        for rule in about:
            assert lines.get(rule.rule, lines["all"]) == shared_care.responsibility_of(pack, rule).responsibility


def test_the_lines_that_only_specialists_do_stay_theirs():
    pack = knowledge.load()
    owners = {key: line.proposed for key, line in pack.responsibilities.items()}
    lines = shared_care.lines(pack, "valproate", owners)
    assert lines["valproate.annual-risk-form"] == "specialist" and lines["all"] == "practice"
    assert shared_care.lines(pack, "olanzapine", owners)["antipsychotic.specialist-five-yearly"] == "specialist"


def test_a_protocol_reads_baseline_monitoring_and_thresholds_from_the_rules():
    pack = knowledge.load()
    assert shared_care.protocol_of(pack, "clozapine").requestable.value is False
    assert shared_care.protocol_of(pack, "sertraline") is None
    tests = [rule.test for rule in shared_care.baseline_rules(pack, "lithium")]
    assert tests == ["u-and-e", "egfr", "calcium", "tft", "weight", "fbc", "ecg"]
    monitoring = {rule.rule: rule for rule in shared_care.monitoring(pack, ["lithium"])}
    assert monitoring["lithium.level"].usual_owner["first 12 months"] == "secondary care"
    assert {"lithium.level-toxic", "lithium.egfr-low"} <= {rule.rule for rule in shared_care.thresholds(pack, ["lithium"])}
