"""A letter is drawn from what is held and from nothing else; what is hidden from the writer or the reader is not in it."""

from __future__ import annotations

import pytest

import letters_world
from ledger_world import IRIS, PRACTICE, TRUST, World
from stepwell.clinical.letter_completeness import BLANK, State
from stepwell.errors import Refused
from stepwell.web.contact import services as contact
from stepwell.web.contact.services import Item
from stepwell.web.letters import selectors, services
from stepwell.web.privacy import services as privacy
from stepwell.web.whoiswho import services as whoiswho

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS, "Bare": ["on the caseload of trust from 2026-01-01"]})
    world.catch_up()
    return world


def section(draft, key):
    return selectors.content_of(draft).section(key)


def text(draft, key):
    return section(draft, key).text


def test_every_heading_of_the_kind_is_there_in_its_order(world):
    from stepwell.web.letters.compose import begun_by_hand

    for key, kind in begun_by_hand().items():
        draft = letters_world.begun(world, kind=key)
        assert [each.key for each in selectors.content_of(draft).sections] == [part.heading for part in kind.parts]


def test_the_record_is_drawn_with_its_dates(world):
    draft = letters_world.begun(world, about=("lithium", "olanzapine"))
    assert "WORKED, Iris (Ms)" in text(draft, "patient-demographics")
    assert text(draft, "gp-practice") == f"Riverside Surgery ({PRACTICE})"
    assert "since 01-Feb-2018" in text(draft, "diagnoses")
    assert "lithium: 800 mg a day, since 10-Jun-2024" in text(draft, "dose-and-titration")
    assert "risperidone" in text(draft, "medications-and-medical-devices"), "every medicine on record is told, not only those asked about"
    assert "risperidone" not in text(draft, "dose-and-titration")
    assert "0.6 mmol/L on 01-Mar-2026" in text(draft, "investigation-results")
    assert text(draft, "person-completing-record") == "Dr Lena Hart, Psychiatrist, Northside CMHT, 01-Jun-2026"
    assert text(draft, "distribution-list") == "Riverside Surgery"
    monitoring = text(draft, "next-monitoring")
    assert "Lithium level: due" in monitoring or "Lithium level," in monitoring
    assert "nobody has taken this on" in monitoring, "nobody's duties are told as nobody's"


def test_what_is_not_held_is_left_for_the_writer(world):
    draft = letters_world.begun(world)
    for key in ("clinical-summary", "stop-plan", "relapse-signature", "treatment-target", "discussed-with-patient"):
        assert section(draft, key).is_gap
        assert not section(draft, key).words
    assert section(draft, "allergies-and-adverse-reactions").is_gap
    assert text(draft, "intended-duration") == f"lithium: until {BLANK}"
    assert section(draft, "intended-duration").is_gap
    assert "no result on record from then" in text(draft, "baseline-results")


def test_a_person_with_nothing_on_record_has_a_letter_without_inventions(world):
    draft = letters_world.begun(world, "Bare", to=PRACTICE, about=())
    said = {each.key for each in selectors.content_of(draft).sections if each.words}
    assert said <= {
        "patient-demographics", "gp-practice", "person-completing-record", "distribution-list", "interactions",
    }  # fmt: skip
    assert section(draft, "dose-and-titration") is None, "without a medicine there is nothing to say about it"


def test_contacts_and_adjustments_come_from_their_areas(world):
    practice, trust = world.members["gp"].organisation, world.members["psychiatrist"].organisation
    details = whoiswho.Details("Dr Lena Hart", "01632 960109", "Mon to Fri, 09:00 to 17:00")
    from stepwell.web.core.actor import Actor

    whoiswho.add_link(
        Actor.system("tests"), practice=practice, organisation=trust, kind="psychiatrist", details=details, from_on=world.today
    )
    wanted = [Item("slot", "longer"), Item("review", "review", until=world.today)]
    contact.save_adjustments(world.actor("nurse"), world.ids["Iris"], wanted, seen=0)
    draft = letters_world.begun(world)
    assert "01632 960109, Mon to Fri, 09:00 to 17:00" in text(draft, "contact-for-advice")
    assert "longer" in text(draft, "individual-requirements").lower()


def test_who_may_begin(world):
    with pytest.raises(Refused, match="receiver"):
        letters_world.begun(world, to=TRUST)
    with pytest.raises(Refused, match="kind"):
        letters_world.begun(world, kind="postcard")
    with pytest.raises(Refused, match="medicines"):
        letters_world.begun(world, about=("warfarin",))


# Hidden entries


def hide(world, organisations, *, kind="medicine", key="risperidone", who="gp"):
    from stepwell.web.ledger import selectors as ledger

    subject = ledger.subject_of(world.ids["Iris"])
    privacy.mark_sensitive(world.actor(who), subject, kind=kind, key=key, organisations=organisations, why="Asked for")


def test_what_is_hidden_from_the_writer_is_not_drawn(world):
    hide(world, [PRACTICE])
    draft = letters_world.begun(world)
    told = "\n".join(each.text for each in selectors.content_of(draft).sections)
    assert "lithium" in told
    assert "risperidone" not in told


def test_a_hidden_diagnosis_is_not_drawn(world):
    hide(world, [PRACTICE], kind="register", key="bipolar")
    draft = letters_world.begun(world)
    told = "\n".join(each.text for each in selectors.content_of(draft).sections).lower()
    assert "bipolar" not in told


def test_what_is_hidden_from_the_reader_is_taken_out_of_a_sent_letter(world):
    draft = letters_world.begun(world)
    letters_world.saved(world, draft, {"clinical-summary": "Well.\nRisperidone was a mistake."}, [letters_world.action("Stop risperidone")])
    letter = letters_world.sent(world, draft)
    assert "mistake" in "\n".join(selectors.letter(world.actor("gp"), letter.pk).parts[0].words)
    hide(world, [TRUST], who="psychiatrist")
    shown = selectors.letter(world.actor("gp"), letter.pk)
    told = "\n".join(each.text for each in shown.parts)
    assert "isperidone" not in told
    assert "1 statement is restricted" in told
    assert [each.text for each in selectors.actions_of(world.actor("gp"), shown)] == ["Restricted entry"]
    assert "mistake" in "\n".join(each.text for each in selectors.letter(world.actor("psychiatrist"), letter.pk).parts)


def test_a_correction_needs_somebody_who_sees_all_of_it(world):
    letter = letters_world.letter(world)
    hide(world, [PRACTICE], key="lithium")
    with pytest.raises(Refused, match="restricted"):
        services.correct(world.actor("psychiatrist"), letter.pk)


def test_the_states_of_a_draft_survive(world):
    draft = letters_world.begun(world)
    from stepwell.web.letters.drafting import Said

    typed = {
        "relapse-signature": Said.typed("", "the patient, at the next visit"),
        "treatment-target": Said.typed("Prophylaxis: no target", "", True),
    }
    services.save(world.actor("psychiatrist"), draft.pk, typed, None, seen=0)
    assert section(draft, "relapse-signature").says == "not known: asked of the patient, at the next visit"
    assert section(draft, "treatment-target").state == State.NOT_APPLICABLE
