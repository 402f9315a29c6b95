"""From a result to what is done about it, through the pages: a planted patient for each, and a near-miss twin who is not found.

Record the result, see the duty with its owner and its options, close it with an option, read it in the history (rows B2 and B3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from ledger_world import PRACTICE, TODAY, TRUST, World
from stepwell.errors import Refused
from stepwell.web.ledger import services
from stepwell.web.ledger.models import Duty
from stepwell.web.ledger.options import options_of

START = "2026-01-05"
OLANZAPINE = f"olanzapine 10 mg daily from {START} every 28 days"


@dataclass(frozen=True)
class Plant:
    """`record`: what is typed on the form of `ask`; `twin`: the same, a step less."""

    what: str
    happened: list[str]
    ask: str
    record: dict[str, str]
    twin: dict[str, str]
    rule: str
    subject: str
    option: str
    due_in: int = 0
    done: list[str] = field(default_factory=list)


PLANTS = [
    Plant(
        "weight", [OLANZAPINE, f"weight 70 on {START}"], "weight", {"weight": "73.5"}, {"weight": "73.4"},
        "antipsychotic.weight-5", "antipsychotic-any", "switch-advice", 14,
    ),
    Plant(
        "body mass index", [OLANZAPINE], "weight", {"bmi": "30"}, {"bmi": "29.9"},
        "antipsychotic.bmi-high", "antipsychotic-any", "weight-management",
    ),
    Plant(
        "blood pressure", [OLANZAPINE], "systolic-bp", {"systolic-bp": "141"}, {"systolic-bp": "140"},
        "antipsychotic.bp-systolic-raised", "antipsychotic-any", "hypertension-pathway",
    ),
    Plant(
        "diastolic pressure", [OLANZAPINE], "systolic-bp", {"diastolic-bp": "91"}, {"diastolic-bp": "90"},
        "antipsychotic.bp-diastolic-raised", "antipsychotic-any", "hypertension-pathway",
    ),
    Plant(
        "HbA1c", [OLANZAPINE], "hba1c", {"hba1c": "42"}, {"hba1c": "41"},
        "antipsychotic.hba1c-raised", "antipsychotic-any", "diabetes-prevention", 28,
    ),
    Plant(
        "glucose", [OLANZAPINE], "hba1c", {"fasting-glucose": "7"}, {"fasting-glucose": "6.9"},
        "antipsychotic.fasting-glucose-diabetes", "antipsychotic-any", "diabetes-pathway", 14,
    ),
    Plant(
        "lipids", [OLANZAPINE], "lipids", {"lipids": "6.1"}, {"lipids": "6"},
        "antipsychotic.cholesterol-raised", "antipsychotic-any", "record-qrisk3",
    ),
    Plant(
        "cardiovascular risk", [OLANZAPINE], "qrisk3", {"qrisk3": "10"}, {"qrisk3": "9.9"},
        "antipsychotic.qrisk-10", "antipsychotic-any", "statin", 28,
    ),
    Plant(
        "prolactin", [f"risperidone 4 mg daily from {START} every 28 days"], "prolactin", {"prolactin": "531"}, {"prolactin": "530"},
        "antipsychotic.prolactin-raised", "antipsychotic-any", "prolactin-repeat", 28,
    ),
    Plant(
        "QTc", [f"pimozide 4 mg daily from {START} every 28 days"], "ecg", {"qtc": "501"}, {"qtc": "500"},
        "antipsychotic.qtc-red", "antipsychotic-any", "qtc-stop", done=["ecg"],
    ),
    Plant(
        "lithium level", ["lithium 800 mg daily from 2025-01-10 every 28 days"], "lithium-level",
        {"lithium-level": "1"}, {"lithium-level": "0.99"}, "lithium.level-high", "lithium", "lithium-hold",
    ),
]  # fmt: skip


@pytest.fixture
def world(db, settings, tmp_path):
    return World(settings, tmp_path)


def text(response, status: int = 200) -> str:
    assert response.status_code == status, response.content[:2000]
    return re.sub(r"<[^>]+>", "", " ".join(response.content.decode().split()))


def type_in(world, name: str, ask: str, values: dict[str, str], done: list[str] | None = None) -> None:
    """As the nurse does: the form of one test, the figures, save; a question about an unusual value is answered."""
    client = world.client("nurse")
    address = f"/patients/{world.ids[name]}/results?test={ask}"
    page = client.get(address).content.decode()
    for test in values:
        assert f'name="value-{test}"' in page, "what comes with a test is asked for beside it"
    seen = re.search(r'name="version" value="(\d+)"', page)
    assert seen
    typed = {f"value-{test}": value for test, value in values.items()}
    posted = {"on": world.today.isoformat(), "version": seen[1], "done": done or [], **typed}
    answer = client.post(address, posted)
    if answer.status_code == 422:
        answer = client.post(address, {**posted, "ask": "yes", "confirm": "yes"})
    assert answer.status_code == 302, text(answer, answer.status_code)


def version(duty: Duty) -> str:
    """What a form that is opened now has seen."""
    duty.refresh_from_db()
    return str(duty.revision)


def found(world, name: str, rule: str) -> list[Duty]:
    return [duty for duty in world.duties(name, rule_id=rule) if duty.state == "open"]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.what)
def test_a_result_out_of_range_asks_for_what_its_rule_names_and_is_closed_with_an_option(world, plant):
    world.tell({"Ada": plant.happened, "Twin": plant.happened})
    world.catch_up()
    type_in(world, "Ada", plant.ask, plant.record, plant.done)
    type_in(world, "Twin", plant.ask, plant.twin, plant.done)

    assert found(world, "Twin", plant.rule) == []
    (duty,) = found(world, "Ada", plant.rule)
    assert (duty.owner_org, duty.subject, duty.point) == (PRACTICE, plant.subject, TODAY.isoformat())
    assert duty.due_on == TODAY + timedelta(plant.due_in)

    client = world.client("gp")
    page = text(client.get(f"/duties/{duty.pk}"))
    for option in options_of(plant.rule):
        assert option.label.replace("'", "&#39;") in page and f"Mark {option.mark}" in page
    assert "None is an order" in page

    form = f"/duties/{duty.pk}/done"
    assert "Choose what was done" in text(client.post(form, {"on": TODAY.isoformat(), "version": version(duty), "why": "Seen today"}), 422)
    answer = client.post(
        form, {"on": TODAY.isoformat(), "version": version(duty), "options": [plant.option], "why": "Talked about it, agreed"}
    )
    assert answer.status_code == 302
    duty.refresh_from_db()
    label = next(option.label for option in options_of(plant.rule) if option.key == plant.option)
    assert (duty.state, duty.ended_by) == ("met", "done")
    event = duty.events.get(kind="answered")
    assert [row["option"] for row in event.detail["options"]] == [plant.option] and event.detail["words"] == "Talked about it, agreed"
    assert f"{label}. Talked about it, agreed" in text(client.get(f"/duties/{duty.pk}"))


def accrue(world, **values: str) -> None:
    for test, value in values.items():
        type_in(world, "Ada", test.replace("_", "-"), {test.replace("_", "-"): value})


REVIEW = "antipsychotic.cardiometabolic-review"


def test_accruing_risk_opens_a_request_for_specialist_review(world):
    world.tell({"Ada": [OLANZAPINE], "Twin": [OLANZAPINE]})
    world.catch_up()
    type_in(world, "Ada", "systolic-bp", {"systolic-bp": "141"})
    assert found(world, "Ada", REVIEW) == []
    type_in(world, "Ada", "hba1c", {"hba1c": "42"})
    type_in(world, "Twin", "systolic-bp", {"systolic-bp": "141"})
    type_in(world, "Twin", "hba1c", {"hba1c": "41"})
    assert found(world, "Twin", REVIEW) == []
    (duty,) = found(world, "Ada", REVIEW)
    assert duty.owner_org == PRACTICE and duty.due_on == TODAY + timedelta(28)
    page = text(world.client("gp").get(f"/duties/{duty.pk}"))
    assert "blood pressure since 01-Jun-2026, glucose since 01-Jun-2026" in page


@pytest.mark.parametrize(
    ("posted", "said"),
    [
        ({"options": []}, "Choose what was done"),
        ({"options": ["no-change"], "why": "Stable for years"}, "needs a clinical reason"),
        ({"options": ["no-change"], "reasons": ["relapse"], "why": ""}, "needs the reason in words"),
        ({"options": ["no-change"], "reasons": ["no appointments"], "why": "No slots"}, "Select a valid choice"),
        ({"options": ["no-change", "review-switch"], "reasons": ["relapse"], "why": "Both"}, "stands alone"),
        ({"options": ["statin"], "why": "Not of this rule"}, "Select a valid choice"),
    ],
)
def test_no_change_without_a_clinical_reason_is_refused_and_nothing_typed_is_lost(world, posted, said):
    world.tell({"Ada": [OLANZAPINE, "systolic-bp 141 on 2026-05-01", "hba1c 42 on 2026-05-01"]})
    world.catch_up()
    (duty,) = found(world, "Ada", REVIEW)
    answer = world.client("gp").post(f"/duties/{duty.pk}/done", {"on": TODAY.isoformat(), "version": version(duty), "why": "", **posted})
    page = text(answer, 422)
    assert said in page
    if posted.get("why"):
        assert posted["why"] in page
    duty.refresh_from_db()
    assert duty.state == "open"


def test_no_change_with_a_clinical_reason_closes_it_and_another_risk_asks_again(world):
    world.tell({"Ada": [OLANZAPINE, f"weight 70 on {START}", "systolic-bp 141 on 2026-05-01", "hba1c 42 on 2026-05-01"]})
    world.catch_up()
    (duty,) = found(world, "Ada", REVIEW)
    client = world.client("gp")
    posted = {
        "on": TODAY.isoformat(),
        "version": version(duty),
        "options": ["no-change"],
        "reasons": ["relapse"],
        "why": "Relapsed on aripiprazole in 2023",
    }
    assert client.post(f"/duties/{duty.pk}/done", posted).status_code == 302
    duty.refresh_from_db()
    assert duty.state == "met"
    page = text(client.get(f"/duties/{duty.pk}"))
    assert "because: A change was followed by a relapse before. Relapsed on aripiprazole in 2023" in page
    (following,) = found(world, "Ada", REVIEW)
    assert following.due_on == date(2027, 6, 1)
    world.today = TODAY + timedelta(30)
    type_in(world, "Ada", "weight", {"weight": "75"})
    following.refresh_from_db()
    assert following.due_on == TODAY + timedelta(30 + 28), "weight joined the other two after the review"


def test_a_normal_result_ends_it_and_a_later_one_still_out_of_range_asks_anew(world):
    world.tell({"Ada": [OLANZAPINE], "Bo": [OLANZAPINE]})
    world.catch_up()
    for name in ("Ada", "Bo"):
        type_in(world, name, "systolic-bp", {"systolic-bp": "150"})
    rule = "antipsychotic.bp-systolic-raised"
    (ada,), (bo,) = found(world, "Ada", rule), found(world, "Bo", rule)
    world.client("gp").post(
        f"/duties/{bo.pk}/done", {"on": TODAY.isoformat(), "version": version(bo), "options": ["bp-medicine"], "why": "Amlodipine begun"}
    )
    world.today = TODAY + timedelta(29)
    world.catch_up()
    type_in(world, "Ada", "systolic-bp", {"systolic-bp": "138"})
    type_in(world, "Bo", "systolic-bp", {"systolic-bp": "151"})
    ada.refresh_from_db()
    assert ada.state == "superseded" and "no longer out of range" in ada.ended_why
    bo.refresh_from_db()
    assert bo.state == "met"
    (again,) = found(world, "Bo", rule)
    assert (again.point, again.instance) == (world.today.isoformat(), 1)


def test_a_duty_with_options_is_not_closed_by_words_alone(world):
    world.tell({"Ada": [OLANZAPINE, "systolic-bp 150 on 2026-05-01"]})
    world.catch_up()
    (duty,) = found(world, "Ada", "antipsychotic.bp-systolic-raised")
    with pytest.raises(Refused, match="Choose what was done"):
        services.done_with_review(world.actor("gp"), duty.pk, on=TODAY, why="Seen")


def test_the_owner_is_whoever_looks_after_the_medicine(world):
    """The trust keeps lithium: the level is its duty, and the practice cannot close it."""
    world.tell({"Ada": ["lithium 800 mg daily from 2025-01-10 every 28 days by trust", "diagnosis bipolar on 2020-01-01"]})
    world.catch_up()
    world.agree_lithium("Ada")
    type_in(world, "Ada", "lithium-level", {"lithium-level": "1.2"})
    (duty,) = found(world, "Ada", "lithium.level-high")
    assert duty.owner_org == TRUST
    posted = {"on": TODAY.isoformat(), "version": version(duty), "options": ["lithium-hold"], "why": "Held today"}
    assert "belongs to Northside CMHT" in text(world.client("gp").post(f"/duties/{duty.pk}/done", posted), 422)
    assert world.client("psychiatrist").post(f"/duties/{duty.pk}/done", posted).status_code == 302
