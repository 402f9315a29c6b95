"""Letters from outside: filed without being lost, read safely, scored with the measure of our own, their actions made duties."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test import Client

from ledger_world import PRACTICE, TODAY, TRUST, World
from letter_papers import locked_pdf, one_world, scan_pdf, sections_of, text_pdf
from privacy_support import join
from stepwell import knowledge
from stepwell.clinical.letter_completeness import completeness
from stepwell.errors import Refused
from stepwell.web.core.gate import AccessRefused
from stepwell.web.incoming import reading, scoring, selectors, services
from stepwell.web.incoming.models import ReceivedEvent, ReceivedFile, ReceivedLetter
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.evaluation import reevaluate
from stepwell.web.ledger.models import Duty
from stepwell.web.privacy import services as privacy
from web_support import recorded

pytestmark = pytest.mark.django_db

DAY = TODAY.isoformat()
LINES = ("Dear Dr Osei", "Thank you for seeing Iris Worked.", "She takes lithium 800 mg at night.", "Please repeat the level in March.")


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_world(tmp_path_factory.mktemp("letters")) as world:
        join(world, "team manager", "Ola Byrne", TRUST, "team manager")
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    return made


def filed(world: World, who: str = "gp", text: str = "Repeat the level in March.", **values: Any) -> ReceivedLetter:
    given = {"kind": "advice", "from_org": "", "from_name": "Elm Ward", "written_on": TODAY, "received_on": TODAY, "text": text} | values
    return services.file_letter(world.actor(who), world.ids["Iris"], **given)


def posted(**values: Any) -> dict[str, Any]:
    return {"from_org": "other", "from_name": "Elm Ward", "kind": "advice", "written_on": DAY, "received_on": DAY, "text": ""} | values


def upload(data: bytes, name: str = "Iris Worked lithium.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, "application/pdf")


def page(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def open_duties(world: World) -> dict[str, Duty]:
    """After the evaluation that follows a commit."""
    assert reevaluate(world.ids["Iris"])
    found = Duty.objects.filter(person_id=world.ids["Iris"], state="open", rule_id="asked.received letter")
    return {duty.point: duty for duty in found}


# Reading what comes


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", reading.EMPTY),
        (b"Dear doctor, this is no PDF", reading.NO_PDF),
        (b"%PDF-1.7\n" + b"\x00garbage" * 99, reading.BROKEN),
        (text_pdf(*LINES)[:200], reading.BROKEN),
        (b"%PDF-" + b"0" * reading.MOST_BYTES, reading.TOO_LARGE),
    ],
    ids=["empty", "no PDF", "garbage", "cut short", "too large"],
)
def test_what_cannot_be_read_says_what_to_do(data, says):
    with pytest.raises(Refused, match=re.escape(says)):
        reading.extract(data)


def test_a_letter_is_read(world):
    found = reading.extract(text_pdf(*LINES))
    assert found.pages == 1 and found.text.split("\n") == list(LINES) and not found.is_scan
    assert reading.extract(scan_pdf(2)) == reading.Reading("", 2) and reading.extract(scan_pdf()).is_scan


def test_locks_and_too_many_pages():
    with pytest.raises(Refused, match="locked with a password"):
        reading.extract(locked_pdf())
    assert "locked with a password" in reading.extract(locked_pdf(user_password="")).text  # locked against changes only
    with pytest.raises(Refused, match="more than 100 pages"):
        reading.extract(scan_pdf(reading.MOST_PAGES + 1))


def test_a_file_is_read_in_a_process_of_its_own_and_never_stops_ours(monkeypatch):
    assert reading.read(text_pdf(*LINES)).pages == 1
    with pytest.raises(Refused, match="locked"):
        reading.read(locked_pdf())

    def takes_for_ever(*_: Any, **__: Any) -> Any:
        raise subprocess.TimeoutExpired("reading", 1)

    monkeypatch.setattr(reading.subprocess, "run", takes_for_ever)
    with pytest.raises(Refused, match="cannot be read"):
        reading.read(text_pdf(*LINES))
    monkeypatch.setattr(reading.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], -9, b"", b"killed"))
    with pytest.raises(Refused, match="cannot be read"):
        reading.read(text_pdf(*LINES))


def test_text_that_no_database_takes_is_made_plain():
    assert reading.tidy("One\x00 two\x0b \r\n\r\n\r\n\r\nthree\ud800 ") == "One two\n\nthree?"


# Filing


def test_a_pdf_is_filed_and_is_owed_until_somebody_has_read_it(world):
    address = f"/patients/{world.ids['Iris']}/letters/file"
    client = world.client("manager")
    assert "Iris" in page(client.get(address)) or "WORKED" in page(client.get(address))
    with recorded() as trail:
        response = client.post(address, posted(file=upload(text_pdf(*LINES))))
    letter = ReceivedLetter.objects.get()
    assert response.status_code == 302 and response.url == f"/letters/received/{letter.pk}?said=filed"
    assert [entry.action for entry in trail.writes()][:2] == ["keep received file", "file letter"]
    assert (letter.org_code, letter.from_org, letter.from_name, letter.month) == (PRACTICE, "", "Elm Ward", TODAY.replace(day=1))
    assert letter.text == "\n".join(LINES) and letter.file is not None and bytes(letter.file.content) == text_pdf(*LINES)
    # The name of a file may be a patient's: it is kept nowhere.
    kept = json.dumps([entry.reason + entry.subject_id + entry.evidence for entry in trail]) + str(letter.__dict__)
    assert "Iris Worked lithium" not in kept
    duty = open_duties(world)["read"]
    assert (duty.owner_org, duty.title, duty.due_on) == (PRACTICE, "Read the letter from Elm Ward", TODAY)
    shown = page(client.get(f"/letters/received/{letter.pk}"))
    assert "Please repeat the level in March." in shown and "not read yet" in shown


def test_nothing_is_lost_when_the_form_comes_back(world):
    """The browser forgets a chosen file: what could be read is kept here, and the second try needs no file."""
    address, client = f"/patients/{world.ids['Iris']}/letters/file", world.client("gp")
    response = client.post(address, posted(file=upload(scan_pdf(2)), kind="", text=""))
    assert response.status_code == 422 and "Choose the kind of letter" in page(response)
    held = re.search(r'name="held" value="(\d+)"', page(response))
    assert held is not None and "Your PDF is kept: 2 pages, without text: a scan" in page(response) and "Elm Ward" in page(response)
    response = client.post(address, posted(held=held[1]))
    assert response.status_code == 422 and "it holds no text. Type what it says" in page(response) and held[0] in page(response)
    response = client.post(address, posted(held=held[1], text="Repeat the level."))
    letter = ReceivedLetter.objects.get()
    assert response.status_code == 302 and letter.file_id == int(held[1]) and letter.text == "Repeat the level."
    assert ReceivedFile.objects.count() == 1
    # It belongs to this letter now; another form cannot take it.
    assert client.post(address, posted(held=held[1])).status_code == 422 and ReceivedLetter.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"Dear doctor", "This is not a PDF"),
        (locked_pdf(), "locked with a password"),
        (b"%PDF-1.7\n" + b"x" * 500, "cannot be read"),
        (b"", "The file is empty"),
    ],
    ids=["no PDF", "locked", "garbage", "empty"],
)
def test_what_was_typed_stays_when_the_file_is_no_good(world, data, says):
    client, address = world.client("gp"), f"/patients/{world.ids['Iris']}/letters/file"
    response = client.post(address, posted(file=upload(data), text="Typed with care"))
    assert response.status_code == 422 and says in page(response)
    assert "Typed with care" in page(response) and "Elm Ward" in page(response) and not ReceivedFile.objects.exists()


def test_a_file_that_is_too_large_is_not_taken_in(world, settings):
    settings.UPLOAD_BYTES = 2_000
    client, address = world.client("gp"), f"/patients/{world.ids['Iris']}/letters/file"
    response = client.post(address, posted(file=upload(b"%PDF-" + b"0" * 5_000), text="Typed with care"))
    assert response.status_code == 422 and "larger than 10 MB" in page(response) and "Typed with care" in page(response)


def test_a_letter_is_filed_once_and_its_days_are_real(world):
    first = filed(world)
    with pytest.raises(Refused, match="was filed on"):
        filed(world, "nurse")
    services.take_out(world.actor("gp"), first.pk, why="About her sister")
    assert filed(world, "nurse").pk != first.pk
    for days in ({"received_on": TODAY.replace(year=2030)}, {"received_on": TODAY.replace(year=2020)}):
        with pytest.raises(Refused, match=r"\bdays?\b"):
            filed(world, text="Another", **days)
    for nothing in ({"text": ""}, {"from_name": " "}, {"kind": "postcard"}, {"from_org": "X99"}):
        with pytest.raises(Refused):
            filed(world, **{"text": "Another"} | nothing)


def test_a_network_files_for_the_practice_that_it_covers(world):
    assert filed(world, "pharmacist").org_code == PRACTICE
    assert selectors.letter_row(world.actor("gp"), ReceivedLetter.objects.get().pk) is not None
    assert filed(world, "psychiatrist", text="For the team").org_code == TRUST


def test_what_was_filed_cannot_be_changed(world):
    letter = filed(world)
    services.score(world.actor("gp"), letter.pk, marks_of(letter, scoring.Mark.SAYS))
    for table in ("incoming_receivedletter", "incoming_receivedevent"):
        for statement in (f"UPDATE {table} SET by_name = 'x'", f"DELETE FROM {table}"):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)


# Who sees it


def test_only_who_keeps_it_sees_it(world):
    letter = filed(world)
    action = services.propose_action(world.actor("gp"), letter.pk, text="Repeat the level", due_on=TODAY)
    addresses = [
        *(f"/letters/received/{letter.pk}{rest}" for rest in ("", "/score", "/take-out", "/original")),
        f"/letters/received/actions/{action.pk}",
        f"/letters/received/actions/{action.pk}/decline",
    ]
    buttons = [f"/letters/received/{letter.pk}/{act}" for act in ("read", "actions", "score", "take-out")]
    for who in ("other gp", "psychiatrist", "team manager", "nobody"):
        client = world.client(who) if who in world.members else Client()
        for method, each in [("get", address) for address in addresses] + [("post", address) for address in buttons]:
            with recorded() as trail:
                response = getattr(client, method)(each, {"why": "x", "text": "y", "due_on": DAY})
            assert response.status_code in (302, 403, 404) and "level" not in response.content.decode(), (who, each)
            assert not trail.writes()
    assert "Elm Ward" not in page(world.client("psychiatrist").get("/letters/received"))
    # Roles of the practice: a link worker may read what is kept there and change nothing; a manager may not answer for clinicians.
    assert world.client("link worker").get(f"/letters/received/{letter.pk}").status_code == 200
    for who, refused in (("link worker", (*buttons, addresses[4])), ("manager", (buttons[0], addresses[4]))):
        for each in refused:
            assert world.client(who).post(each, {"due_on": DAY}).status_code == 403, (who, each)
    with pytest.raises(AccessRefused):
        services.score(world.actor("link worker"), letter.pk, {})


def test_every_look_is_recorded(world):
    letter = filed(world, file=services.keep_file(world.actor("gp"), world.ids["Iris"], text_pdf(*LINES)))
    client = world.client("nurse")
    for address in (f"/letters/received/{letter.pk}", f"/letters/received/{letter.pk}/original", "/letters/received"):
        with recorded() as trail:
            response = client.get(address)
        assert response.status_code == 200 and len(trail.reads_of(world.ids["Iris"])) == 1, address
        assert "worked" not in str(list(response.headers.items())).lower()
    original = client.get(f"/letters/received/{letter.pk}/original")
    assert original.content == text_pdf(*LINES) and original.headers["Content-Type"] == "application/pdf"
    assert re.fullmatch(r'attachment; filename="letter-received-\d{8}T\d{6}Z\.pdf"', original.headers["Content-Disposition"])


def test_what_is_hidden_stays_hidden_in_what_came_from_outside(world):
    letter = filed(world, text="", file=services.keep_file(world.actor("gp"), world.ids["Iris"], text_pdf(*LINES)))
    subject = ledger.subject_of(world.ids["Iris"])
    privacy.mark_sensitive(
        world.actor("psychiatrist"), subject, kind="medicine", key="lithium", organisations=[TRUST], why="She asked for it"
    )
    shown = page(world.client("gp").get(f"/letters/received/{letter.pk}"))
    assert "lithium 800" not in shown and selectors.RESTRICTED in shown and "Please repeat the level in March." in shown
    assert world.client("gp").get(f"/letters/received/{letter.pk}/original").status_code == 404
    assert "lithium 800" not in page(world.client("gp").get(f"/letters/received/{letter.pk}/score"))


# Scoring


def marks_of(letter: ReceivedLetter, mark: scoring.Mark, **others: str) -> dict[str, str]:
    return {section.key: mark.value for section in scoring.asked(scoring.kinds()[letter.kind])} | others


@pytest.mark.parametrize("kind", ["outpatient", "discharge", "shared care", "advice", "step-down"])
def test_the_measure_is_that_of_letters_written_here(kind):
    """The same letter, written here and scored by hand, has the same figure."""
    written = sections_of(kind)
    found = {"held": scoring.Mark.SAYS, "not known": scoring.Mark.NOT_KNOWN, "missing": scoring.Mark.NOT_NEEDED}
    marks = {section.key: found[section.state].value for section in written if section.conformance != "optional"}
    by_hand, here = scoring.score(knowledge.load().letter_kinds[kind], marks), completeness(written)
    assert (by_hand.filled, by_hand.due) == (here.filled, here.due)
    assert [section.key for section in by_hand.missing] == [section.key for section in here.missing]


def test_a_score_is_kept_by_sender_and_month(world):
    letter, other = filed(world), filed(world, text="Another one", from_org=TRUST)
    kind = scoring.kinds()["advice"]
    address, client = f"/letters/received/{letter.pk}/score", world.client("nurse")
    seen = re.search(r'name="seen" value="(\d+)"', page(client.get(address)))
    assert seen is not None
    marks = marks_of(letter, scoring.Mark.SAYS, interactions="missing", **{"safety-alerts": "not needed"})
    assert client.post(address, marks | {"seen": seen[1]}).url == f"/letters/received/{letter.pk}?said=scored"
    due = len(scoring.asked(kind)) - 1
    standing = selectors.standing(letter)
    assert standing.score is not None and standing.score.detail["missing"] == ["interactions"]
    assert (standing.score.detail["filled"], standing.score.detail["due"]) == (due - 1, due)
    shown = page(client.get(f"/letters/received/{letter.pk}"))
    assert f"{due - 1} of {due} headings" in shown and "Missing: Interactions." in shown
    # A second look counts instead of the first; a form that had not seen it is told.
    response = client.post(address, marks_of(letter, scoring.Mark.MISSING) | {"seen": seen[1], "safety-alerts": "not needed"})
    assert response.status_code == 422 and "was faster" in page(response)
    assert client.post(address, {"seen": "0", "interactions": "says"}).status_code == 422
    services.score(world.actor("gp"), other.pk, marks_of(other, scoring.Mark.SAYS))
    rows = selectors.by_sender_and_month(world.actor("gp"))
    assert [(row.team, row.month, row.letters, row.filled, row.due) for row in rows] == [
        ("Elm Ward", TODAY.replace(day=1), 1, due - 1, due),
        ("Northside CMHT", TODAY.replace(day=1), 1, due + 1, due + 1),
    ]
    shown = page(client.get("/letters/received"))
    assert "Elm Ward" in shown and f"{due - 1} of {due}" in shown
    # In the drawing and in the table; each opens the letters behind it.
    assert f'<a href="/letters/received?like={letter.pk}" aria-label="Elm Ward, Jun-2026: ' in shown
    assert shown.count(f'href="/letters/received?like={letter.pk}"') == 2 and shown.count('<svg class="sw-bars"') == 2
    # The figure opens its letters.
    behind = page(client.get(f"/letters/received?like={letter.pk}"))
    assert "1 scored letter from Elm Ward of Jun-2026" in behind and f'/letters/received/{letter.pk}"' in behind
    assert f'/letters/received/{other.pk}"' not in behind
    services.take_out(world.actor("gp"), letter.pk, why="About her sister")
    assert [row.team for row in selectors.by_sender_and_month(world.actor("gp"))] == ["Northside CMHT"]


def test_a_heading_that_is_always_due_cannot_be_said_not_to_be(world):
    letter = filed(world)
    for mark in ("not needed", "excellent", None):
        with pytest.raises(Refused, match="Clinical summary"):
            services.score(world.actor("gp"), letter.pk, marks_of(letter, scoring.Mark.SAYS) | {"clinical-summary": mark})


# What it asks for


def test_what_it_asks_for_becomes_duties_or_is_declined_with_a_reason(world):
    letter, client = filed(world), world.client("gp")
    address = f"/letters/received/{letter.pk}"
    response = world.client("manager").post(f"{address}/actions", {"text": "Repeat the lithium level", "due_on": "2026-09-01"})
    assert response.url == f"{address}?said=proposed" and list(open_duties(world)) == ["read"]
    services.propose_action(world.actor("manager"), letter.pk, text="Ring her brother", due_on=TODAY)
    with pytest.raises(Refused, match="already on the list"):
        services.propose_action(world.actor("gp"), letter.pk, text="Ring her  brother", due_on=TODAY)
    first, second = ReceivedEvent.objects.filter(act="proposed").order_by("id")
    assert "2 actions wait" in page(client.get(address)) and "Read, nothing more to do" not in page(client.get(address))
    response = client.post(f"{address}/read")
    assert response.status_code == 409 and "Answer what the letter asks for first" in page(response)

    response = client.post(f"/letters/received/actions/{first.pk}", {"role": "nurse", "due_on": "2026-09-01"})
    assert response.url == f"{address}?said=accepted"
    duty = open_duties(world)[f"action {first.pk}"]
    assert (duty.title, duty.owner_org, duty.owner_role, duty.due_on.isoformat()) == (
        "Repeat the lithium level",
        PRACTICE,
        "nurse",
        "2026-09-01",
    )
    again = client.post(f"/letters/received/actions/{first.pk}", {"role": "", "due_on": "2026-09-01"})
    assert again.status_code == 422 and "answered this on" in page(again)
    assert client.post(f"/letters/received/actions/{second.pk}/decline", {"why": ""}).status_code == 422
    assert client.post(f"/letters/received/actions/{second.pk}/decline", {"why": "She asked us not to"}).url == f"{address}?said=declined"

    assert client.post(f"{address}/read").url == f"{address}?said=read"
    assert list(open_duties(world)) == [f"action {first.pk}"]
    shown = page(client.get(address))
    assert "She asked us not to" in shown and "Action accepted, Dr Amara Osei" in shown
    assert not selectors.letters_for(world.actor("gp"), selectors.UNREAD).exists()
    # Something found later is owed again.
    services.propose_action(world.actor("manager"), letter.pk, text="Book an ECG", due_on=TODAY)
    assert open_duties(world)["read"].title == "Answer the letter from Elm Ward"
    assert selectors.letters_for(world.actor("gp"), selectors.UNREAD).get() == letter


def test_taking_a_letter_out_ends_what_it_raised_and_keeps_what_was_accepted(world):
    letter = filed(world)
    action = services.propose_action(world.actor("gp"), letter.pk, text="Repeat the level", due_on=TODAY)
    services.accept_action(world.actor("gp"), action.pk, role="", due_on=TODAY)
    response = world.client("manager").post(f"/letters/received/{letter.pk}/take-out", {"why": "About her sister"})
    assert response.url == f"/letters/received/{letter.pk}?said=out"
    assert list(open_duties(world)) == [f"action {action.pk}"]
    shown = page(world.client("gp").get(f"/letters/received/{letter.pk}"))
    assert "taken out" in shown and "About her sister" in shown
    assert "Elm Ward" not in page(world.client("gp").get("/letters/received"))
    for act in (
        lambda: services.take_out(world.actor("gp"), letter.pk, why="Twice"),
        lambda: services.mark_read(world.actor("gp"), letter.pk),
    ):
        with pytest.raises(Refused, match="took this letter out"):
            act()


def test_the_patient_page_shows_what_came(world):
    person = world.ids["Iris"]
    assert "None has been filed here" in page(world.client("gp").get(f"/patients/{person}"))
    filed(world)
    shown = page(world.client("nurse").get(f"/patients/{person}"))
    assert "Advice letter from Elm Ward" in shown and f"/patients/{person}/letters/file" in shown
    assert "Elm Ward" not in page(world.client("psychiatrist").get(f"/patients/{person}"))
