"""What changed since the version an organisation approved, and one way to knowledge in the navigation."""

from __future__ import annotations

import re

import pytest

from stepwell.web.ledger import known
from stepwell.web.ledger.approvals import approve_pack, changes_since_approval
from stepwell.web.ledger.models import PackApproval
from web_support import build_network, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def network(db):
    return build_network()


def approved_earlier(network, **rules: dict[str, str]) -> None:
    """The GP's practice approved this version; then another one came into use: the earlier one is renamed, its rules altered."""
    approve_pack(network.actor("gp"), version=known.pack()[1], evaluate=False)
    row = PackApproval.objects.get()
    kept = {rule: told for rule, told in row.rules.items() if rule not in ("lithium.level", "antipsychotic.weight")}
    changed = {"antipsychotic.weight": {"title": "Weight", "digest": "another"}, "old.rule": {"title": "An old rule", "digest": "x"}}
    PackApproval.objects.update(version="2020.1", rules=rules or kept | changed)


def page(client, network, who: str = "manager") -> str:
    return sign_in(client, network.members[who]).get("/knowledge").content.decode()


def test_an_approval_keeps_the_rules_it_was_given_for(network):
    approve_pack(network.actor("gp"), version=known.pack()[1], evaluate=False)
    row = PackApproval.objects.get()
    assert row.rules == known.rules_now() and row.rules["lithium.level"]["title"]
    assert changes_since_approval("P1") is None  # nothing else was approved before


def test_what_is_new_changed_and_gone_is_told(network, client):
    approved_earlier(network)
    found = changes_since_approval("P1")
    assert [rule for rule, _ in found.added] == ["lithium.level"]
    assert [rule for rule, _ in found.changed] == ["antipsychotic.weight"]
    assert found.removed == [("old.rule", "An old rule")]
    text = page(client, network)
    assert "What changed since version 2020.1" in text and "New rules (1)" in text and "An old rule" in text
    assert 'href="/library/rule/lithium.level"' in text and "/library/rule/old.rule" not in text


def test_a_version_with_the_same_rules_says_so(network, client):
    approved_earlier(network, **known.rules_now())
    assert "No rule was added, changed or removed." in page(client, network)


def test_rules_of_reducing_are_part_of_an_approval(network, client):
    told = known.rules_now()
    others = {rule: row for rule, row in told.items() if rule != "guard clozapine"}
    approved_earlier(network, **others | {"taper-rule opioid": {"title": "Reducing: Opioid", "digest": "another"}})
    text = page(client, network)
    assert 'href="/library/guard/clozapine"' in text and 'href="/library/taper-rule/opioid"' in text
    assert "New rules (1)" in text and "Changed rules (1)" in text
    assert re.search(r"Figures of .*reducing.* by how they were checked", text)


def test_an_approval_without_its_rules_says_so(network, client):
    approved_earlier(network)
    PackApproval.objects.update(rules={})
    assert "cannot be listed" in page(client, network)


def test_another_organisations_approval_does_not_count(network):
    approved_earlier(network)
    assert changes_since_approval("P2") is None


def test_knowledge_stands_once_in_the_navigation_and_leads_to_the_approval(network, client):
    sign_in(client, network.members["manager"])
    text = client.get("/library").content.decode()
    navigation = text.partition('aria-label="Main"')[2].partition("</nav>")[0]
    assert navigation.count("Knowledge") == 1
    assert 'href="/knowledge">Not approved by Riverside Surgery yet' in text
    approve_pack(network.actor("gp"), version=known.pack()[1], evaluate=False)
    assert "Approved by Riverside Surgery: since when" in client.get("/library").content.decode()
    assert 'href="/knowledge"' not in sign_in(client, network.members["nurse"]).get("/library").content.decode()
