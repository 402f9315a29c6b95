"""The pages of letters: what they say, that nothing typed is lost, that every figure opens its letters."""

from __future__ import annotations

import re
from datetime import date

import pytest
from django.urls import reverse

import letters_world
from ledger_world import IRIS, PRACTICE, TRUST, World
from letters_world import ACTION, SUMMARY
from privacy_support import join
from stepwell.web.accounts import services as accounts
from stepwell.web.core.actor import Actor
from stepwell.web.letters import selectors, services
from stepwell.web.letters.models import Draft, Letter
from web_support import recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS})
    world.catch_up()
    return world


def page(client, name, *values, query=""):
    response = client.get(reverse(f"letters:{name}", args=values) + query)
    assert response.status_code == 200
    return response.content.decode()


def heading(text):
    return re.sub(r"<[^>]+>|\s+", " ", re.search(r"<h1[^>]*>(.*?)</h1>", text, re.S)[1]).strip()


def plain(text):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def whole_form(draft, **changes):
    """What a browser would post: every box as the page has it, with these changes."""
    now = selectors.content_of(draft)
    posted = {"seen": str(now.last)}
    for each in now.sections:
        posted[f"words-{each.key}"] = each.text
        posted[f"asked-{each.key}"] = each.asked_of
    for place in range(2):
        posted |= {
            f"action-{place}-text": "",
            f"action-{place}-role": "",
            **{f"action-{place}-due_on-{part}": "" for part in ("day", "month", "year")},
        }
    return posted | changes


def test_from_the_patient_page_to_a_sent_letter(world):
    client = world.client("psychiatrist")
    person = client.get(reverse("patients:show_person", args=[world.ids["Iris"]])).content.decode()
    assert reverse("letters:begin_letter", args=[world.ids["Iris"]]) in person
    begin = page(client, "begin_letter", world.ids["Iris"])
    assert 'value="lithium"' in begin
    response = client.post(
        reverse("letters:begin_letter", args=[world.ids["Iris"]]), {"kind": "outpatient", "to": PRACTICE, "medicines": ["lithium"]}
    )
    draft = Draft.objects.get()
    assert response["Location"] == reverse("letters:edit_draft", args=[draft.pk]) + "?said=begun"
    form = page(client, "edit_draft", draft.pk)
    assert heading(form) == "Outpatient letter to Riverside Surgery"
    posted = whole_form(draft, **{"words-clinical-summary": SUMMARY, "do": "send"})
    posted |= {"action-0-text": ACTION, "action-0-role": "nurse", "action-0-due_on": "2026-07-01"}
    response = client.post(reverse("letters:edit_draft", args=[draft.pk]), posted)
    assert response["Location"] == reverse("letters:send_draft", args=[draft.pk])
    look = page(client, "send_draft", draft.pk)
    assert "Riverside Surgery" in re.search(r'name="asked-allergies-and-adverse-reactions" value="([^"]*)"', look)[1]
    asked = dict(re.findall(r'name="(asked-[\w-]+)" value="([^"]*)"', look))
    assert asked["asked-stop-plan"] == "", "nobody is named for what the writer has to know"
    asked = {key: value or "Dr Hart’s registrar" for key, value in asked.items()}
    seen = re.search(r'name="seen" value="(\d+)"', look)[1]
    response = client.post(reverse("letters:send_draft", args=[draft.pk]), {"seen": seen, **asked})
    letter = Letter.objects.get()
    assert response["Location"] == reverse("letters:show_letter", args=[letter.pk]) + "?said=sent"
    assert heading(page(client, "show_letter", letter.pk)) == "Sent to Riverside Surgery, not read yet , actions: 1 waiting".replace(
        " ,", ","
    )


def test_an_unsendable_letter_names_what_is_missing_and_keeps_what_was_typed(world):
    draft = letters_world.begun(world)
    client = world.client("psychiatrist")
    response = client.post(reverse("letters:send_draft", args=[draft.pk]), {"seen": "0", "asked-clinical-summary": "Dr Other"})
    text = response.content.decode()
    assert response.status_code == 422
    assert "Allergies and adverse reactions" in text
    assert 'value="Dr Other"' in text
    assert not Letter.objects.exists()


def test_a_fault_in_an_action_keeps_everything_else(world):
    draft = letters_world.begun(world)
    posted = whole_form(draft, **{"words-clinical-summary": SUMMARY, "action-0-text": ACTION})
    response = world.client("psychiatrist").post(reverse("letters:edit_draft", args=[draft.pk]), posted)
    text = response.content.decode()
    assert response.status_code == 422
    assert "Give the day by which it should be done" in text
    assert ACTION in text
    assert selectors.content_of(draft).section("clinical-summary").words == [SUMMARY]


def test_does_not_apply_without_a_reason_is_told(world):
    draft = letters_world.begun(world)
    response = world.client("psychiatrist").post(
        reverse("letters:edit_draft", args=[draft.pk]), whole_form(draft, **{"na-relapse-signature": "yes"})
    )
    assert response.status_code == 422
    assert "Relapse signature: say why it does not apply" in response.content.decode()
    assert re.search(r'name="na-relapse-signature" value="yes" checked', response.content.decode())


def test_two_writers_on_the_page(world):
    draft = letters_world.begun(world)
    join(world, "colleague", "Max Stone", TRUST, "mental health nurse")
    theirs, mine = whole_form(draft, **{"words-clinical-summary": "Relapsed"}), whole_form(draft, **{"words-clinical-summary": SUMMARY})
    address = reverse("letters:edit_draft", args=[draft.pk])
    assert world.client("colleague").post(address, theirs).status_code == 302
    response = world.client("psychiatrist").post(address, mine)
    text = response.content.decode()
    assert response.status_code == 422
    assert "Max Stone wrote: Relapsed" in text
    assert f">{SUMMARY}</textarea>" in text
    again = {**mine, "seen": re.search(r'name="seen" value="(\d+)"', text)[1]}
    assert world.client("psychiatrist").post(address, again).status_code == 302
    assert selectors.content_of(draft).section("clinical-summary").words == [SUMMARY]


def test_the_script_gets_the_score_and_what_it_has_seen(world):
    draft = letters_world.begun(world)
    client, address = world.client("psychiatrist"), reverse("letters:edit_draft", args=[draft.pk])
    before = selectors.content_of(draft).score.filled
    with recorded() as trail:
        response = client.post(address, whole_form(draft, **{"words-clinical-summary": SUMMARY}), headers={"X-Stepwell-Draft": "1"})
    told = response.json()
    assert f"{before + 1} of" in told["score"]
    assert told["seen"] == selectors.content_of(draft).last
    assert not told["theirs"]
    assert trail.writes("letter draft saved")


def test_the_script_never_takes_a_colleagues_words_back(world):
    draft = letters_world.begun(world)
    join(world, "colleague", "Max Stone", TRUST, "mental health nurse")
    address, script = reverse("letters:edit_draft", args=[draft.pk]), {"X-Stepwell-Draft": "1"}
    mine = whole_form(draft)
    world.client("colleague").post(address, whole_form(draft, **{"words-stop-plan": "Call us first"}))
    client = world.client("psychiatrist")
    for text in ("We", "Well"):
        told = client.post(address, {**mine, "words-clinical-summary": text}, headers=script).json()
        assert told["theirs"]
        mine["seen"] = str(told["seen"])
    now = selectors.content_of(draft)
    assert now.section("stop-plan").words == ["Call us first"]
    assert now.section("clinical-summary").words == ["Well"]


def test_the_receiver_reads_accepts_and_declines(world):
    draft = letters_world.begun(world)
    letters_world.saved(world, draft, {"clinical-summary": SUMMARY}, [letters_world.action(), letters_world.action("Arrange a dentist")])
    letter = letters_world.sent(world, draft)
    client = world.client("gp")
    inbox = page(client, "list_inbox")
    assert heading(inbox) == "1 new letter, 1 letter waits for your answer"
    text = page(client, "show_letter", letter.pk)
    assert heading(text) == "Northside CMHT asks you for two things"
    first, second = letter.actions.order_by("number")
    accept = re.search(rf'action="({reverse("letters:answer_action", args=[first.pk])})">(.*?)</form>', text, re.S)
    fields = dict(re.findall(r'name="(do|role|due_on)" value="([^"]*)"', accept[2]))
    assert client.post(accept[1], fields).status_code == 302
    response = client.post(reverse("letters:answer_action", args=[second.pk]), {"do": "decline", "why": ""})
    assert response.status_code == 422
    assert "Say why: the sender reads it" in response.content.decode()
    client.post(reverse("letters:answer_action", args=[second.pk]), {"do": "decline", "why": "They book it themselves"})
    assert heading(page(client, "show_letter", letter.pk)) == "Everything that Northside CMHT asked for is answered"
    sender = world.client("psychiatrist")
    assert "actions: 1 accepted, 1 declined" in heading(page(sender, "show_letter", letter.pk))
    assert "They book it themselves" in page(sender, "show_letter", letter.pk)
    assert "came back with an action declined" in plain(page(sender, "list_inbox"))


def test_was_this_enough_in_one_tap(world):
    letter = letters_world.letter(world)
    client = world.client("gp")
    assert client.post(reverse("letters:judge_letter", args=[letter.pk]), {"enough": "no", "missing": ["stop-plan"]}).status_code == 302
    assert "not enough" in page(client, "show_letter", letter.pk)
    assert "Plan to switch, wean or stop" in plain(page(world.client("psychiatrist"), "show_letter", letter.pk))


def test_the_letter_says_of_every_mandatory_heading_something_or_whom_was_asked(world):
    letter = letters_world.letter(world)
    text = plain(page(world.client("gp"), "show_letter", letter.pk))
    for each in letter.parts:
        if each.conformance == "mandatory":
            assert each.words or f"Not known: asked of {each.asked_of}" in text


def test_a_letter_can_be_corrected_from_its_page(world):
    letter = letters_world.letter(world)
    response = world.client("psychiatrist").post(reverse("letters:correct_letter", args=[letter.pk]))
    draft = Draft.objects.get(corrects=letter)
    assert response["Location"] == reverse("letters:edit_draft", args=[draft.pk])
    second = letters_world.sent(world, draft)
    gp = world.client("gp")
    assert reverse("letters:show_letter", args=[second.pk]) in page(gp, "show_letter", letter.pk)
    assert "superseded" in page(gp, "list_for_person", world.ids["Iris"])


def test_what_the_last_letter_said_is_offered(world):
    draft = letters_world.begun(world)
    letters_world.saved(world, draft, {"clinical-summary": SUMMARY, "relapse-signature": "Sleeps three hours and spends"})
    letters_world.sent(world, draft)
    again = letters_world.begun(world)
    text = page(world.client("psychiatrist"), "edit_draft", again.pk)
    assert "Sleeps three hours and spends" in text
    assert selectors.content_of(again).section("relapse-signature").is_gap, "offered, not copied"


def test_a_sent_draft_leads_to_its_letter_and_a_discarded_one_says_so(world):
    draft, other = letters_world.begun(world), letters_world.begun(world)
    letter = letters_world.sent(world, draft)
    client = world.client("psychiatrist")
    assert client.get(reverse("letters:edit_draft", args=[draft.pk]))["Location"] == reverse("letters:show_letter", args=[letter.pk])
    assert client.post(reverse("letters:discard_draft", args=[other.pk])).status_code == 302
    assert heading(page(client, "edit_draft", other.pk)) == "This draft was discarded"


# Measures


def at_month(world, day, words=SUMMARY):
    world.today = day
    draft = letters_world.begun(world)
    letters_world.saved(world, draft, {"clinical-summary": words})
    return letters_world.sent(world, draft)


def test_completeness_by_team_and_month_is_a_table_and_a_drawing_that_open_the_letters(world):
    today = world.today
    may = at_month(world, date(2026, 5, 4))
    june = [at_month(world, today), at_month(world, today)]
    services.judge(world.actor("gp"), june[0].pk, answer="partly")
    client = world.client("gp")
    text = page(client, "show_measures")
    filled, due = sum(each.filled for each in june), sum(each.due for each in june)
    for month, letters in (("2026-05", [may]), ("2026-06", june)):
        link = f"{reverse('letters:list_measured')}?team={TRUST}&amp;month={month}"
        assert text.count(link) == 2, "once in the table and once in the drawing"
        behind = page(client, "list_measured", query=f"?team={TRUST}&month={month}")
        assert {f"/letters/{each.pk}" in behind for each in letters} == {True}
    rows = plain(text)
    assert f"{filled} of {due}" in rows
    assert "yes 0, partly 1, no 0" in rows
    drawn = re.findall(r'class="sw-bars__bar"[^>]*height="(\d+)"', text)
    assert [int(height) for height in drawn] == [round(96 * may.percent / 100), round(96 * june[0].percent / 100)]


def test_a_commissioner_sees_counts_and_no_letter(world):
    letters_world.letter(world)
    icb = accounts.create_organisation(Actor.system("tests"), code="QX1", name="Northvale ICB", kind="icb")
    trust = world.members["psychiatrist"].organisation
    accounts.make_part_of(Actor.system("tests"), part=trust, whole=icb, from_on=date(2020, 1, 1))
    join(world, "commissioner", "Ola Byrne", "QX1", "commissioner")
    text = page(world.client("commissioner"), "show_measures")
    assert "Northside CMHT" in text
    assert "/letters/completeness/letters" not in text
    assert world.client("commissioner").get(reverse("letters:list_inbox")).status_code == 403


def test_a_practice_sees_letters_to_it_and_not_those_to_others(world):
    letters_world.letter(world)
    assert "No letter was sent" in heading(page(world.client("other gp"), "show_measures"))
    assert "Letters say" in heading(page(world.client("gp"), "show_measures"))
