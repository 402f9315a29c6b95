"""Themes: suggested from structure and never from words, counted by who asked, and opened without names for who has no reason."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from test_advice_pages import text

from advice_world import Still, advice_world, ask, open_desk
from ledger_world import OTHER_PRACTICE, TODAY
from stepwell.errors import Refused
from stepwell.web.advice import running, selectors, services, themes
from stepwell.web.advice.choices import choices, kinds
from stepwell.web.advice.running import Sorting
from stepwell.web.advice.services import Answer
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Relationship


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    Still(monkeypatch)
    return advice_world(settings, tmp_path)


@pytest.fixture
def desk(world):
    return open_desk(world)


def names_of(question) -> set[str]:
    wanted = set(themes.suggested(question))
    return {theme.name for theme in themes.themes_of(question.service_id) if theme.id in wanted}


def test_every_starter_theme_is_of_kinds_and_classes_that_are_there():
    for starter in choices().themes:
        assert set(starter.kinds) <= set(kinds()) and set(starter.rules) <= set(known.rule_titles())
        assert all(known.members(name) or name in known.substances() for name in starter.sets), starter.name
        assert starter.kinds or starter.sets or starter.rules


@pytest.mark.parametrize(
    ("given", "suggested"),
    [
        ({"kind": "stop", "substance": "olanzapine"}, {"Stopping or reducing an antipsychotic"}),
        ({"kind": "result", "substance": "lithium"}, {"Lithium levels and kidneys"}),
        ({"kind": "pregnancy", "substance": "lithium"}, {"Pregnancy and planning"}),
        ({"kind": "dose", "substance": "olanzapine"}, set()),
        # The words speak of stopping and pregnancy; only the structure counts.
        ({"kind": "dose", "substance": "", "words": "She is pregnant: stop lithium and olanzapine? Benzodiazepine?"}, set()),
    ],
)
def test_suggestions_come_from_structure(world, desk, given, suggested):
    assert names_of(ask(world, desk, **given)) == suggested


def test_the_rule_of_the_duty_suggests_too(world, desk):
    made = running.add_theme(world.actor("psychiatrist"), desk.id, Sorting("Levels that nobody takes", rules=["lithium.level"]))
    level = world.duty("Ada", "lithium.level")
    assert made in themes.suggested(ask(world, desk, duty_id=level.pk, kind="other", substance=""))
    assert made not in themes.suggested(ask(world, desk, kind="other", substance="lithium"))


def test_counts_by_theme_and_practice_and_what_became_of_it(world, desk):
    theme = next(each for each in themes.themes_of(desk.id) if each.name == "Side effects")
    for words in ("Sedated", "Gains weight"):
        question = ask(world, desk, kind="side-effect", words=words)
        services.answer(world.actor("psychiatrist"), question.pk, Answer("At night"), themed=themes.suggested(question))
    running.note_became(world.actor("psychiatrist"), theme.id, became="teaching", words="Lunch with Riverside, 20-May")
    counted, total, without = themes.counts_of(desk.id, themes.since(TODAY))
    assert (counted[0].theme.name, counted[0].total, dict(counted[0].asked_by)) == ("Side effects", 2, {"A81001": 2})
    assert (total, without) == (2, 0)
    page = text(world.client("psychiatrist").get(reverse("advice:list_themes", args=[desk.id])))
    assert "Most asked: Side effects (2 questions)" in page and "Riverside Surgery 2" in page
    assert "Teaching: Lunch with Riverside, 20-May" in page and "WORKED" not in page


def test_a_count_opens_its_questions_with_names_only_for_who_has_a_reason(world, desk):
    theme = next(each for each in themes.themes_of(desk.id) if each.name == "Side effects")
    for name in ("Ada", "Bo"):
        question = ask(world, desk, name, kind="side-effect", words=f"Sedated, says {name}'s sister")
        services.answer(world.actor("psychiatrist"), question.pk, Answer("At night"), themed=[theme.id])
    Relationship.objects.filter(person_id=world.ids["Bo"], org_code="RX9").delete()  # the days after the answer are over
    page = text(world.client("psychiatrist").get(reverse("advice:show_theme", args=[theme.id])))
    assert "Side effects: 2 questions" in page and "WORKED, Ada" in page and "says Ada's sister" in page.replace("&#39;", "'")
    assert "Bo" not in re.findall(r"\w+", page) and "somebody whose record you have no reason to open now" in page


def test_themes_are_kept_by_who_answers_and_who_runs_it(world, desk):
    actor = world.actor("psychiatrist")
    made = running.add_theme(actor, desk.id, Sorting("Sleep", kinds=["dose"]))
    running.change_theme(actor, made, Sorting("Sleep and sedation", kinds=["dose", "side-effect"]))
    assert themes.theme(made).name == "Sleep and sedation"
    running.remove_theme(world.actor("team manager"), made)
    assert made not in [each.id for each in themes.themes_of(desk.id)]
    for who in ("gp", "pharmacist", "pcn manager"):
        with pytest.raises(AccessRefused):
            running.add_theme(world.actor(who), desk.id, Sorting("Sleep"))
        assert world.client(who).get(reverse("advice:list_themes", args=[desk.id])).status_code == 403
        assert world.client(who).get(reverse("advice:show_theme", args=[made])).status_code == 403
    wrong = [(Sorting(" "), "a name"), (Sorting("Side effects"), "already"), (Sorting("New", kinds=["gossip"]), "kinds of question")]
    for sorting, told in wrong:
        with pytest.raises(Refused, match=told):
            running.add_theme(actor, desk.id, sorting)


def test_pages_of_themes(world, desk):
    client, address = world.client("psychiatrist"), reverse("advice:list_themes", args=[desk.id])
    response = client.post(address, {"name": "Sleep", "kinds": ["dose"], "sets": ["lithium"], "rule": ""})
    assert response.status_code == 302
    theme = next(each for each in themes.themes_of(desk.id) if each.name == "Sleep")
    own = reverse("advice:show_theme", args=[theme.id])
    assert "No answered question since 01-Jun-2025" in text(client.get(own))
    assert client.post(address, {"name": ""}).status_code == 422
    assert client.post(own, {"act": "became", "became": "pathway", "words": ""}).status_code == 422
    assert client.post(own, {"act": "became", "became": "pathway", "words": "A sleep leaflet"}).status_code == 302
    seen = themes.theme(theme.id).version
    change = {"act": "change", "name": "Sleeping", "kinds": ["dose"], "seen": seen}
    assert client.post(own, change).status_code == 302
    late = world.client("second psychiatrist").post(own, change | {"name": "Slept"})
    assert late.status_code == 409 and "Dr Lena Hart changed this theme" in text(late) and 'value="Slept"' in late.content.decode()
    assert client.post(own, {"act": "remove", "seen": themes.theme(theme.id).version}).status_code == 302
    assert themes.theme(theme.id).removed


def test_an_answered_question_is_sorted_again(world, desk):
    question = ask(world, desk, kind="side-effect")
    services.answer(world.actor("psychiatrist"), question.pk, Answer("At night"))
    theme = themes.themes_of(desk.id)[0]
    client = world.client("psychiatrist")
    form = {"seen": selectors.version_of(question.pk), "themes": [str(theme.id)]}
    assert client.post(reverse("advice:set_themes", args=[question.pk]), form).status_code == 302
    assert selectors.question(question.pk).themes == [theme.id]
    assert theme.name in text(client.get(reverse("advice:show_question", args=[question.pk])))
    with pytest.raises(Refused, match="not one of this service"):
        services.set_themes(world.actor("psychiatrist"), question.pk, themed=[10_000])
    assert OTHER_PRACTICE not in str(selectors.question(question.pk).themes)
