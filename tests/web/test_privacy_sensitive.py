"""Sensitive entries: who still sees them, everybody else reads that something is restricted, and the rules go on working."""

from __future__ import annotations

import re

import pytest

import web_support
from ledger_world import PRACTICE, TRUST, World
from stepwell.errors import Refused
from stepwell.web.core.append_only import AppendOnlyError
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger import worklist
from stepwell.web.ledger.models import Duty, PersonRecord, Relationship
from stepwell.web.privacy import restrict, selectors, services
from stepwell.web.privacy.models import RestrictedRow, SensitiveMark
from stepwell.web.registers import selectors as registers

pytestmark = pytest.mark.django_db

IRIS = [
    "female",
    "born 1980-03-14",
    "diagnosis bipolar on 2018-02-01",
    "on the caseload of trust from 2024-06-01",
    "olanzapine 10 mg daily from 2023-04-01 every 28 days",
    "quetiapine 300 mg daily from 2024-04-01 every 28 days",
    "lithium 800 mg daily from 2024-06-10 every 28 days",
    "lithium-level 0.62 on 2025-06-01",
    "lithium-level 0.6 on 2026-03-01",
    "weight 71 on 2025-04-20",
]


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS, "Other": IRIS})
    world.catch_up()
    return world


def text(response) -> str:
    return " ".join(response.content.decode().split())


def of_the_person(page: str) -> str:
    """Without what the knowledge base says of a rule to anybody, and without filters, which name every medicine there is."""
    page = re.sub(r"<select.*?</select>", "", page)
    return re.sub(r"<dt>(The rule|Where it comes from)</dt><dd>.*?</dd>", "", page).lower()


def patient(world) -> str:
    return f"/patients/{world.ids['Iris']}"


def mark(world, *, kind="medicine", key="lithium", who="gp", organisations=(PRACTICE,), why="She asked for it"):
    subject = ledger.subject_of(world.ids["Iris"])
    return services.mark_sensitive(world.actor(who), subject, kind=kind, key=key, organisations=organisations, why=why)


def duties_seen(world, who) -> set[str]:
    found = set()
    for tab in worklist.Tab:
        rows = worklist.duties_for(world.actor(who), worklist.Query(tab=tab, deferred=True), world.today)
        found |= set(rows.filter(person_id=world.ids["Iris"]).values_list("rule_id", flat=True))
    return found


def pages(world, who) -> str:
    """Everything this member of staff can see of Iris, and the lists she is on."""
    client = world.client(who)
    addresses = [patient(world), f"{patient(world)}/trends?years=all", f"{patient(world)}/results?test=lithium-level"]
    addresses += [f"/worklist?tab={tab}&size=100&deferred=yes" for tab in worklist.Tab]
    return " ".join(text(client.get(address)) for address in addresses)


# Who sees it


def test_a_sensitive_medicine_is_seen_where_it_was_named_and_by_roles_that_may(world):
    mark(world)
    assert "lithium" in pages(world, "gp") and "lithium" in pages(world, "nurse")
    for who in ("psychiatrist", "manager", "link worker"):
        client = world.client(who)
        page = text(client.get(patient(world)))
        assert "1 entry is restricted" in page, who
        assert "lithium" not in page.lower(), who
        assert "olanzapine" in page, who


def test_nothing_tells_of_it_on_pages_and_lists(world):
    """The only person there is, so that whatever a list says of lithium is about her."""
    PersonRecord.objects.filter(person_id=world.ids["Other"]).update(gp_org="")
    Relationship.objects.filter(person_id=world.ids["Other"]).delete()
    assert "lithium" in of_the_person(pages(world, "psychiatrist"))
    mark(world)
    for who in ("psychiatrist", "manager"):
        seen = of_the_person(pages(world, who))
        assert "lithium" not in seen and "worked, iris" in seen, who


def test_its_duties_leave_lists_and_counts_and_their_pages(world):
    assert {rule for rule in duties_seen(world, "psychiatrist") if rule.startswith("lithium.")}
    before = {who: duties_seen(world, who) for who in ("gp", "psychiatrist")}
    mark(world)
    assert duties_seen(world, "gp") == before["gp"]
    gone = before["psychiatrist"] - duties_seen(world, "psychiatrist")
    assert gone and all(rule.startswith("lithium.") for rule in gone if rule.startswith("lithium"))
    assert not {rule for rule in duties_seen(world, "psychiatrist") if rule.startswith("lithium.")}
    duty = Duty.objects.filter(person_id=world.ids["Iris"], subject="lithium", state="open").first()
    assert world.client("gp").get(f"/duties/{duty.pk}").status_code == 200
    assert world.client("psychiatrist").get(f"/duties/{duty.pk}").status_code == 404
    assert world.client("manager").get(f"/duties/{duty.pk}").status_code == 404


def test_what_another_medicine_answers_for_stays(world):
    """Two antipsychotics: with one of them hidden, duties about antipsychotics are still owed and still shown."""
    mark(world, key="olanzapine")
    client = world.client("psychiatrist")
    page = text(client.get(patient(world)))
    assert "quetiapine" in page and "olanzapine" not in of_the_person(page)
    assert RestrictedRow.objects.exists()
    shown = Duty.objects.filter(person_id=world.ids["Iris"], state="open").exclude(pk__in=RestrictedRow.objects.values("duty_id"))
    assert shown.filter(subject="quetiapine").exists()
    assert not shown.filter(subject="olanzapine").exists()
    hidden = RestrictedRow.objects.filter(register="antipsychotic")
    assert not hidden.exists()


def test_two_marks_hide_together_what_neither_hides_alone(world):
    mark(world, key="olanzapine")
    assert not RestrictedRow.objects.filter(register="antipsychotic").exists()
    mark(world, key="quetiapine")
    assert RestrictedRow.objects.filter(register="antipsychotic").exists()
    assert "2 entries are restricted" in text(world.client("manager").get(patient(world)))


def test_registers_and_their_counts_leave_them_out(world):
    def on(who):
        seen = registers.Seen(world.actor(who), world.today)
        counted = registers.overview(seen).counts.get("lithium", {}).get("on", 0)
        listed = registers.page_for(seen, "lithium", registers.Query()).total
        assert counted == listed
        return listed

    assert (on("gp"), on("manager")) == (2, 2)
    mark(world)
    assert (on("gp"), on("manager")) == (2, 1)


def test_filters_that_would_tell_do_not_list_the_person(world):
    mark(world)
    for query in (worklist.Query(register="lithium"), worklist.Query(reason="lithium"), worklist.Query(medicine="lithium")):
        rows = worklist.duties_for(world.actor("manager"), query, world.today)
        assert world.ids["Iris"] not in set(rows.values_list("person_id", flat=True)), query


def test_a_sensitive_diagnosis_is_hidden_with_what_it_decides(world):
    record = PersonRecord.objects.get(person_id=world.ids["Iris"])
    assert any(row["register"] == "bipolar" for row in record.registers)
    mark(world, kind="register", key="bipolar")
    page = text(world.client("psychiatrist").get(patient(world)))
    assert "bipolar" not in of_the_person(page) and "1 entry is restricted" in page and "lithium" in page
    assert "ipolar" in text(world.client("gp").get(patient(world)))


def test_a_sensitive_duty_and_a_sensitive_agreement(world):
    duty = Duty.objects.filter(person_id=world.ids["Iris"], state="open", subject="olanzapine").first()
    mark(world, kind="duty", key=f"{duty.rule_id}|{duty.subject}|{duty.point}")
    assert world.client("psychiatrist").get(f"/duties/{duty.pk}").status_code == 404
    world.agree_lithium("Iris")
    from stepwell.web.agreements.models import Agreement

    agreement = Agreement.objects.get()
    assert agreement.label in text(world.client("psychiatrist").get(patient(world)))
    mark(world, kind="agreement", key=str(agreement.pk))
    cards = text(world.client("manager").get(patient(world))).split('id="agreements"')[1].split("<h2")[0]
    assert "No agreement from paper is on record here" in cards
    assert "2 entries are restricted" in text(world.client("manager").get(patient(world)))


# The rules go on


def test_evaluation_is_the_same_with_and_without_a_mark(world):
    def owed():
        return sorted(Duty.objects.filter(person_id=world.ids["Iris"]).values_list("rule_id", "subject", "point", "state", "due_on"))

    before = owed()
    mark(world)
    world.catch_up()
    assert owed() == before
    assert (
        PersonRecord.objects.get(person_id=world.ids["Iris"]).medicines == PersonRecord.objects.get(person_id=world.ids["Other"]).medicines
    ), "what is cut for showing is never stored"


def test_new_duties_of_a_hidden_medicine_are_hidden_by_the_evaluation_that_opens_them(world):
    mark(world)
    world.more("Iris", "lithium-level 1.4 on 2026-05-20")
    world.catch_up()
    opened = Duty.objects.filter(person_id=world.ids["Iris"], state="open", subject="lithium")
    assert opened.exists()
    assert set(opened.values_list("pk", flat=True)) <= set(RestrictedRow.objects.values_list("duty_id", flat=True))


def test_the_score_stays_the_sum_of_its_reasons(world):
    record = PersonRecord.objects.get(person_id=world.ids["Iris"])
    points = sum(row["points"] for row in record.reasons)
    mark(world)
    restrict.cut_for(world.actor("manager"), [record])
    assert sum(row["points"] for row in record.reasons) == points == record.points
    assert all("ithium" not in row["label"] for row in record.reasons)


# Marking


def test_marking_through_the_page(world):
    client = world.client("gp")
    page = text(client.get(f"{patient(world)}/sensitive"))
    assert "Medicine: lithium" in page and re.search(rf'value="{PRACTICE}"[^>]*checked', page)
    given = {"entry": "medicine:lithium", "organisations": [PRACTICE, TRUST], "why": "She asked for it"}
    for missing in ({"entry": ""}, {"why": " "}, {"organisations": []}, {"entry": "medicine:methadone"}):
        assert client.post(f"{patient(world)}/sensitive", given | missing).status_code == 422, missing
    assert client.post(f"{patient(world)}/sensitive", given | {"organisations": [TRUST]}).status_code == 422
    with web_support.recorded() as trail:
        assert client.post(f"{patient(world)}/sensitive", given).status_code == 302
    written = trail.writes("mark sensitive")[0]
    assert (written.person_id, written.subject_type) == (world.ids["Iris"], "sensitive medicine")
    assert "lithium" not in f"{written.reason} {written.subject_id}"
    assert client.post(f"{patient(world)}/sensitive", given).status_code == 422
    assert "lithium" in text(world.client("psychiatrist").get(patient(world)))
    assert "lithium" not in text(world.client("manager").get(patient(world))).lower()


def test_who_may_mark(world):
    for who, status in (("nurse", 200), ("psychiatrist", 200), ("manager", 403), ("link worker", 403), ("other gp", 403)):
        assert world.client(who).get(f"{patient(world)}/sensitive").status_code == status, who


def test_taking_a_mark_off_is_another_event(world):
    made = mark(world)
    address = f"{patient(world)}/sensitive/{made.pk}/take-off"
    assert world.client("psychiatrist").get(address).status_code == 404
    assert "lithium" not in text(world.client("psychiatrist").get(f"{patient(world)}/sensitive")).lower()
    client = world.client("gp")
    assert client.post(address, {"why": ""}).status_code == 422
    assert client.post(address, {"why": "She no longer minds"}).status_code == 302
    assert SensitiveMark.objects.count() == 2 and not RestrictedRow.objects.exists()
    assert "lithium" in text(world.client("psychiatrist").get(patient(world)))
    page = text(client.get(f"{patient(world)}/sensitive"))
    assert "She asked for it" in page and "She no longer minds" in page and "mark taken off" in page
    assert client.post(address, {"why": "again"}).status_code == 404
    mark(world)
    with pytest.raises(AppendOnlyError):
        made.delete()


def test_refusals(world):
    mark(world)
    with pytest.raises(Refused, match="already"):
        mark(world)
    with pytest.raises(Refused, match="own organisation"):
        mark(world, key="olanzapine", organisations=(TRUST,))
    with pytest.raises(Refused, match="no such mark"):
        services.take_mark_off(world.actor("psychiatrist"), ledger.subject_of(world.ids["Iris"]), SensitiveMark.objects.get().pk, why="x")


def test_cover_does_not_open_it(world):
    """The network's pharmacist works for the practice; the mark names who sees it."""
    mark(world)
    assert "lithium" not in text(world.client("pharmacist").get(patient(world))).lower()
    assert selectors.hidden_marks(world.actor("pharmacist")).count() == 1
    assert selectors.hidden_marks(world.actor("gp")).count() == 0


def test_breaking_the_glass_does_not_open_it(world):
    mark(world)
    world.client("other gp").post(f"{patient(world)}/break-glass", {"reason": "emergency", "why": "Collapsed"})
    page = text(world.client("other gp").get(patient(world)))
    assert "olanzapine" in page and "lithium" not in page.lower() and "1 entry is restricted" in page


def test_where_nothing_is_marked_a_list_asks_one_question_more(world, django_assert_max_num_queries):
    actor = world.actor("gp")
    with django_assert_max_num_queries(2):
        list(restrict.duties(actor, Duty.objects.all()))
