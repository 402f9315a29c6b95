"""The protocol library as organisations use it: versions by dated rows, what is superseded, what a protocol draws from the rules."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

import msgspec
import pytest

from ledger_world import OTHER_PRACTICE, PCN, PRACTICE, TODAY, TRUST, World
from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.knowledge import shared_care
from stepwell.web.agreements import protocol_use, selectors, services
from stepwell.web.agreements.models import Agreement, ProtocolUse
from stepwell.web.core import clock
from stepwell.web.core.gate import AccessRefused


@pytest.fixture
def world(db, settings, tmp_path):
    return World(settings, tmp_path)


@pytest.fixture
def version_two(monkeypatch):
    """The library moves on: lithium's protocol has a second version, with a longer time of stability and another owner of a line."""
    pack = knowledge.load()
    lithium = pack.protocols["lithium"]
    longer = msgspec.structs.replace(lithium.stability, weeks=26)
    newer = replace(pack, protocols=dict(pack.protocols) | {"lithium": msgspec.structs.replace(lithium, version=2, stability=longer)})
    bloods = msgspec.structs.replace(pack.responsibilities["bloods"], proposed="specialist")
    newer = replace(newer, responsibilities={key: bloods if key == "bloods" else each for key, each in pack.responsibilities.items()})

    def publish():
        monkeypatch.setattr("stepwell.knowledge.load", lambda: newer)

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


# Adopting on the page

USE = "/shared-care/protocols/lithium/use"


def text(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def confirmed(client, version, on, why="Area prescribing committee, minute 7"):
    """Choose, look at what changes, say why, send."""
    page = client.get(f"{USE}?version={version}&from_on={on.isoformat()}")
    seen = re.search(r'name="seen" value="(\d+)"', page.content.decode())[1]
    return page, client.post(USE, {"version": version, "from_on": on.isoformat(), "seen": seen, "why": why}, follow=True)


def in_force(version):
    return Agreement.objects.create(
        person_id=1, substance="lithium", between_org=TRUST, and_org=PRACTICE, label="x", agreed_on=TODAY, from_on=TODAY - timedelta(9),
        protocol="lithium", protocol_version=version,
    )  # fmt: skip


def test_a_practice_adopts_moves_on_and_goes_back_on_the_page(world, version_two):
    gp = world.client("gp")
    first = in_force(1)
    assert "Adopt it" in text(gp.get("/shared-care/protocols/lithium")) and "None yet." in text(gp.get("/shared-care/protocols/lithium"))
    page, kept = confirmed(gp, 1, TODAY)
    assert "Nothing: it is the version that is shown now" in text(page) and "All of them were made under this version" in text(page)
    assert "1 in use" in text(kept) and "minute 7" in text(kept)
    version_two()
    told = text(gp.get("/shared-care/protocols/lithium"))
    assert "the pack has a newer version" in told and "version 1" in told
    page, kept = confirmed(gp, 2, TODAY)
    words = text(page)
    assert "12 weeks on the same medicine and dose 26 weeks on the same medicine and dose" in words
    assert "Who does what the practice the specialist team" in words and "1 was made under another version" in words
    assert "Kept, and in the list" in text(kept) and "1 on another version" in text(kept) and lithium(PRACTICE).version == 2
    assert selectors.superseded_since(first, TODAY) == TODAY
    # Back to the first: its text is as it was, and what was made under the second is the one to renew.
    second = in_force(2)
    page, kept = confirmed(gp, 1, TODAY)
    assert "26 weeks on the same medicine and dose 12 weeks" in text(page)
    assert (lithium(PRACTICE).version, lithium(PRACTICE).protocol.stability.weeks) == (1, 12)
    assert selectors.superseded_since(first, TODAY) is None and selectors.superseded_since(second, TODAY) == TODAY
    assert [row.version for row in ProtocolUse.objects.order_by("id")] == [1, 2, 1]
    assert {(row.by.display_name, row.role) for row in ProtocolUse.objects.all()} == {("Dr Amara Osei", "gp")}


def test_what_cannot_be_adopted_is_said_on_the_page(world):
    gp, sent = world.client("gp"), {"version": "1", "from_on": TODAY.isoformat(), "seen": "0"}
    assert "Say why" in text(gp.post(USE, sent)) and not ProtocolUse.objects.exists()
    assert gp.get(f"{USE}?version=1&from_on={TODAY - timedelta(1)}").status_code == 422
    assert gp.get(f"{USE}?version=9&from_on={TODAY}").status_code == 422
    confirmed(gp, 1, TODAY)
    again = gp.post(USE, sent | {"why": "The same again"})
    assert again.status_code == 409 and "Somebody adopted a version of this protocol meanwhile" in text(again)
    _, again = confirmed(gp, 1, TODAY)
    assert "in use on that day already" in text(again) and ProtocolUse.objects.count() == 1
    assert world.client("nurse").get(USE).status_code == 403 and "Adopt it" not in text(world.client("nurse").get(USE[:-4]))
    assert gp.get("/shared-care/protocols/tea/use").status_code == 404


def test_an_area_touches_the_practices_that_adopted_nothing_themselves(world):
    in_force(1)
    assert protocol_use.touched(PCN, "lithium", TODAY).by_version == {1: 1}
    services.use_protocol(world.actor("gp"), "lithium", from_on=TODAY)
    apart = protocol_use.touched(PCN, "lithium", TODAY)
    assert (apart.number, apart.practices_apart) == (0, 1)


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
