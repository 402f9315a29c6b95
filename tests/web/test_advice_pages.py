"""Pages of advice: asking, answering, the desk, what is new, and what nobody without a reason sees."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

import web_support
from advice_world import Still, advice_duties, advice_world, ask, open_desk
from ledger_world import PRACTICE, TODAY, TRUST
from stepwell.web.advice import selectors, services
from stepwell.web.advice.services import Answer
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import services as privacy

FORM = {"do": "Halve it and give it at night", "medicine": "olanzapine", "dose": "5 mg at night", "who": "asker"}


@pytest.fixture
def still(monkeypatch):
    return Still(monkeypatch)


@pytest.fixture
def world(db, settings, tmp_path, still):
    return advice_world(settings, tmp_path)


@pytest.fixture
def desk(world):
    return open_desk(world)


@pytest.fixture
def question(world, desk):
    return ask(world, desk)


def text(response) -> str:
    """What a page says, in one line."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def seen_of(client, question) -> str:
    page = client.get(reverse("advice:show_question", args=[question.pk])).content.decode()
    return re.search(r'name="seen" value="(\d+)"', page).group(1)


def answer(client, question, **more):
    form = {**FORM, "seen": seen_of(client, question)} | more
    return client.post(reverse("advice:answer", args=[question.pk]), form)


def test_who_asks_sees_who_answers_and_by_when_before_asking(world, desk):
    page = text(world.client("gp").get(reverse("advice:ask", args=[world.ids["Ada"]])))
    assert "On duty Mon 01-Jun-2026: Dr Lena Hart" in page and "Asked now: answer by Mon 01-Jun-2026 14:00" in page
    assert "Answers within 4 working hours" in page
    assert "10 mg a day, since 01-Apr-2023 (3 years)" in page and "Lithium level 0.8 mmol/L on 20-Nov-2025" in page


def test_nobody_on_duty_is_told_with_what_to_do_instead(world):
    line = open_desk(world, "pcn manager", None, name="Pharmacist line", role="pharmacist", phone="01632 960122")
    open_desk(world, on_duty=None, fallback_id=line.id)
    page = text(world.client("gp").get(reverse("advice:ask", args=[world.ids["Ada"]])))
    assert "Nobody is named for Mon 01-Jun-2026" in page
    assert "Instead: Ring the duty team, 01632 960109; Pharmacist line, Northvale PCN, 01632 960122" in page


def test_asking_from_a_duty_brings_its_kind_and_medicine(world, desk):
    level = world.duty("Ada", "lithium.level")
    gp = world.client("gp")
    address = f"{reverse('advice:ask', args=[world.ids['Ada']])}?duty={level.pk}"
    duty_page = gp.get(reverse("ledger:show_duty", args=[level.pk])).content.decode()
    assert f'href="{address}"' in duty_page
    page = gp.get(address).content.decode()
    kinds = re.search(r'<select[^>]*name="kind".*?</select>', page, flags=re.S).group()
    assert re.findall(r'value="([\w-]+)"', kinds)[0] == "monitoring"
    assert re.search(r'<option value="lithium" selected', page)
    form = {"service": desk.id, "kind": "monitoring", "substance": "lithium", "words": "Is 0.8 too high for her?"}
    response = gp.post(address, form)
    row = selectors.for_person(world.ids["Ada"])[0]
    assert response.headers["Location"] == f"/advice/{row.pk}?said=asked" and row.duty_id == level.pk


def test_a_question_without_words_keeps_what_was_chosen(world, desk):
    response = world.client("gp").post(
        reverse("advice:ask", args=[world.ids["Ada"]]), {"service": desk.id, "kind": "stop", "substance": "olanzapine", "words": ""}
    )
    page = response.content.decode()
    assert response.status_code == 422 and "Write the question" in page and re.search(r'<option value="stop" selected', page)


def test_the_desk_has_the_oldest_clock_first_with_the_record_beside_it(world, desk, question, still):
    still.at(9, 30)
    first = ask(world, desk, "Bo", kind="stop", words="A year well. How to stop?")
    still.at(13, 45)
    services.answer(world.actor("psychiatrist"), question.pk, Answer("Halve it"))
    second = ask(world, desk, kind="side-effect", words="Still sedated")
    client = world.client("psychiatrist")
    with web_support.recorded() as trail:
        page = client.get("/desk")
    assert trail.reads_of(world.ids["Ada"]) and trail.reads_of(world.ids["Bo"])
    said = text(page)
    assert "2 questions wait for an answer, 1 overdue" in said
    assert page.content.decode().index(f"/advice/{first.pk}") < page.content.decode().index(f'href="/advice/{second.pk}"')
    assert "overdue since today 13:30" in said and "due Tue 02-Jun-2026 09:45" in said
    assert "50 mg a day, since 01-Apr-2025" in said and "Earlier, 01-Jun-2026: Sedated on 10 mg." in said and "Halve it" in said


def test_the_reply_is_on_the_page_of_the_question(world, desk, question):
    client = world.client("psychiatrist")
    said = text(client.get(reverse("advice:show_question", args=[question.pk])))
    assert "You owe the answer, due today 14:00" in said and "Send answer" in said and "Earlier advice None was asked before" in said
    assert "Lithium level" in said and "What the record showed when it was asked" in said
    response = answer(client, question, duty1="Weigh her", **{"due1": (TODAY + timedelta(28)).isoformat(), "owner1": "asker"})
    assert response.headers["Location"] == f"/advice/{question.pk}?said=answered"
    page = text(client.get(response.headers["Location"]))
    assert "Answered by Dr Lena Hart, 01-Jun-2026 10:00" in page and "olanzapine : 5 mg at night" in page
    assert "By 29-Jun-2026 Weigh her: Riverside Surgery" in page
    assert advice_duties(world)["to do 1"] == (PRACTICE, TODAY + timedelta(28))


def test_the_practice_sees_it_new_until_somebody_has_read_it(world, desk, question):
    gp, patient = world.client("gp"), f"/patients/{world.ids['Ada']}"
    assert "something new" not in text(gp.get(patient))
    answer(world.client("psychiatrist"), question)
    said = text(gp.get(patient))
    assert "1 question of yours has something new." in said and "Advice 1" in said and "Halve it and give it at night" in said
    assert "Dr Lena Hart, Northside CMHT, 01-Jun-2026 10:00" in said
    assert "Read new advice" in text(gp.get("/worklist?tab=mine"))
    assert "1 question has something new" in text(gp.get("/advice"))
    response = gp.post(reverse("advice:read", args=[question.pk]), {"seen": seen_of(gp, question)})
    assert response.status_code == 302
    assert "something new" not in text(gp.get(patient)) and "Read new advice" not in text(gp.get("/worklist?tab=mine"))
    assert "something new" not in text(world.client("nurse").get(patient))


def test_the_second_of_two_answers_is_shown_the_first_and_keeps_its_words(world, desk, question):
    first, second = world.client("psychiatrist"), world.client("second psychiatrist")
    seen = seen_of(second, question)
    answer(first, question)
    response = second.post(reverse("advice:answer", args=[question.pk]), {**FORM, "do": "Stop it slowly", "seen": seen})
    said = text(response)
    assert response.status_code == 409 and "What changed since you opened this" in said
    assert "Dr Lena Hart answered, 01-Jun-2026 10:00" in said and "Halve it and give it at night" in said
    assert "Stop it slowly" in said and "A further answer" in said  # nothing typed is lost
    assert selectors.question(question.pk).answer["do"] == FORM["do"]
    # Whoever still means it sends it as a further answer, on top of the first.
    page = response.content.decode()
    again = {name: re.search(rf'name="{name}" value="(\w+)"', page).group(1) for name in ("seen", "further")}
    assert second.post(reverse("advice:answer", args=[question.pk]), {**FORM, "do": "Stop it slowly", **again}).status_code == 302
    said = text(second.get(reverse("advice:show_question", args=[question.pk])))
    assert "Answered by Dr Max Klein" in said and "Said before, and replaced: Halve it and give it at night Dr Lena Hart" in said


def test_what_was_added_meanwhile_is_shown_and_the_answer_can_be_sent_again(world, desk, question):
    client = world.client("psychiatrist")
    seen = seen_of(client, question)
    services.add(world.actor("gp"), question.pk, words="She is pregnant")
    response = client.post(reverse("advice:answer", args=[question.pk]), {**FORM, "seen": seen})
    page = response.content.decode()
    assert response.status_code == 409 and "She is pregnant" in page and FORM["do"] in page
    again = re.search(r'name="seen" value="(\d+)"', page).group(1)
    assert client.post(reverse("advice:answer", args=[question.pk]), {**FORM, "seen": again}).status_code == 302


def test_errors_of_an_answer_say_what_to_do(world, desk, question):
    response = answer(world.client("psychiatrist"), question, do="", duty1="Weigh her")
    said = text(response)
    assert response.status_code == 422 and "Write what to do" in said and "Give the day by which it is to be done" in said


@pytest.mark.parametrize(
    ("who", "name", "ends"), [("gp", "add", "waiting"), ("gp", "withdraw", "withdrawn"), ("psychiatrist", "ask_back", "asked back")]
)
def test_acts_with_words(world, question, who, name, ends):
    form = {"words": "What is her weight?"}
    client, address = world.client(who), reverse(f"advice:{name}", args=[question.pk])
    assert client.get(address).status_code == 200
    assert client.post(address, {"seen": selectors.version_of(question.pk), "words": ""}).status_code == 422
    assert client.post(address, {"seen": selectors.version_of(question.pk), **form}).status_code == 302
    assert selectors.question(question.pk).state == ends
    assert client.post(address, {"seen": selectors.version_of(question.pk), **form}).status_code == (409 if ends != "waiting" else 302)


def test_passing_on_in_pages(world, desk, question):
    line = open_desk(world, "pcn manager", None, name="Pharmacist line", role="pharmacist", unit="days", amount=1)
    client, address = world.client("psychiatrist"), reverse("advice:pass_on", args=[question.pk])
    assert "Pharmacist line, Northvale PCN" in text(client.get(address)) and "Psychiatrist of the day, Northside" not in text(
        client.get(address)
    ).replace("to Psychiatrist of the day, Northside CMHT", "")
    response = client.post(address, {"seen": selectors.version_of(question.pk), "service": line.id, "words": "Formulation"})
    assert response.status_code == 302
    nurse, own = world.client("nurse"), reverse("advice:show_question", args=[question.pk])
    assert "passed to Pharmacist line, Northvale PCN, not taken yet" in text(nurse.get(own)) and "something new" in text(nurse.get(own))
    assert nurse.post(reverse("advice:read", args=[question.pk]), {"seen": seen_of(nurse, question)}).status_code == 302
    assert "something new" not in text(nurse.get(own)) and advice_duties(world)["answer"][0] == TRUST
    pharmacist = world.client("pharmacist")
    said = text(pharmacist.get("/desk"))
    assert "passed to you by Northside CMHT" in said
    shown = pharmacist.get(reverse("advice:show_question", args=[question.pk]))
    assert "Take it over" in text(shown) and "Send answer" not in text(shown)
    taken = pharmacist.post(reverse("advice:take", args=[question.pk]), {"seen": selectors.version_of(question.pk)})
    assert taken.status_code == 302
    assert "Send answer" in text(pharmacist.get(reverse("advice:show_question", args=[question.pk])))


def test_a_button_that_was_overtaken_says_so(world, desk, question):
    client, seen = world.client("psychiatrist"), selectors.version_of(question.pk)
    services.withdraw(world.actor("gp"), question.pk, words="Not needed")
    response = client.post(reverse("advice:take", args=[question.pk]), {"seen": seen})
    assert response.status_code == 409 and "Dr Amara Osei withdrew it" in text(response)


@pytest.mark.parametrize(
    ("who", "other"), [("psychiatrist", {"other_org": PRACTICE, "other_name": "Dr Osei"}), ("gp", {"other_name": "Dr Hart"})]
)
def test_a_telephone_answer_in_one_form(world, desk, who, other):
    client, address = world.client(who), reverse("advice:log_call", args=[world.ids["Ada"]])
    page = client.get(address)
    assert ("Who rang" if who == "psychiatrist" else "Who answered") in text(page)
    form = {"service": desk.id, "kind": "stop", "question": "May she stop?", "do": "Not before autumn", "who": "asker", **other}
    response = client.post(address, form)
    assert response.status_code == 302
    for reader in ("gp", "psychiatrist"):
        assert "Not before autumn" in text(world.client(reader).get(f"/patients/{world.ids['Ada']}"))
    reader = world.client("gp" if who == "psychiatrist" else "psychiatrist")
    panel = reader.get(f"/patients/{world.ids['Ada']}").content.decode().split('id="advice"')[1].split("<h2")[0]
    assert 'sw-tag--amber">new' in panel and "Not before autumn" in panel


def test_notices_name_nobody(world, desk, question):
    for who in ("psychiatrist", "second psychiatrist"):
        said = text(world.client(who).get("/advice/services"))
        assert "1 question waits at your duty desk: it is due 01-Jun-2026 14:00." in said
        assert "WORKED" not in said and "Ada" not in said and "Sedated" not in said
    assert "waits at your duty desk" not in text(world.client("gp").get("/advice/services"))


def test_what_is_sensitive_is_hidden_from_those_not_named(world, desk, still):
    """A question about a marked medicine is seen by who asked and who answers; the record beside it is cut as everywhere."""
    from ledger_world import PCN

    open_desk(world, "pcn manager", None, name="Pharmacist line", role="pharmacist")
    lithium = ask(world, desk, substance="lithium", kind="result", words="0.8, and tremor")
    dose = ask(world, desk)
    subject = ledger.subject_of(world.ids["Ada"])
    privacy.mark_sensitive(world.actor("gp"), subject, kind="medicine", key="lithium", organisations=[PRACTICE], why="She asked for it")
    psychiatrist = world.client("psychiatrist")
    said = text(psychiatrist.get(reverse("advice:show_question", args=[lithium.pk])))
    assert "0.8, and tremor" in said and "800 mg a day" not in said and "Lithium level 0.8" not in said
    assert "800 mg" not in text(psychiatrist.get(reverse("advice:show_question", args=[dose.pk])))
    # Somebody else with a relationship, who neither asked nor answers.
    from stepwell.web.ledger.models import Relationship

    Relationship.objects.create(person_id=world.ids["Ada"], org_code="B82002", kind="appointment", evidence="appointments/1")
    other = world.client("other gp")
    assert other.get(reverse("advice:show_question", args=[lithium.pk])).status_code == 404
    panel = text(other.get(f"/patients/{world.ids['Ada']}"))
    assert "tremor" not in panel and "1 question is restricted" in panel and "Sedated on 10 mg" in panel
    assert PCN


def test_who_has_no_reason_sees_no_question(world, desk, question):
    for name in ("show_question", "add", "withdraw", "ask_back", "pass_on", "refuse_pass"):
        response = world.client("other gp").get(reverse(f"advice:{name}", args=[question.pk]))
        assert response.status_code == 403 and "Sedated" not in text(response)
    assert world.client("other gp").post(reverse("advice:answer", args=[question.pk]), FORM).status_code == 403
    assert world.client("link worker").get(reverse("advice:ask", args=[world.ids["Ada"]])).status_code == 403
    with pytest.raises(AccessRefused):
        services.read(world.actor("other gp"), question.pk)


def test_the_wrong_side_is_told_and_gets_no_form(world, desk, question):
    page = text(world.client("psychiatrist").get(reverse("advice:withdraw", args=[question.pk])))
    assert "This cannot be done now" in page and "Withdraw it" not in page


def test_empty_pages_say_what_was_looked_for(world, desk):
    assert "No question waits for Northside CMHT" in text(world.client("psychiatrist").get("/desk"))
    assert "Looked for questions that Riverside Surgery asked" in text(world.client("gp").get("/advice"))
    assert "No advice was asked about this person here" in text(world.client("gp").get(f"/patients/{world.ids['Ada']}"))
