"""A medicine beside its long-acting relative: the published range with its sources, a dose that only a person chooses, and the change drawn
for it; refused where the liver or a guard forbids it, and kept nowhere."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest

from ledger_world import PRACTICE, TODAY, World
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import services as privacy
from stepwell.web.tapers.models import TaperPlan
from taper_world import one_taper_world

pytestmark = pytest.mark.django_db
PEOPLE = {
    "Lou": ["female", "lorazepam 3 mg daily from 2022-01-10 every 28 days", "diagnosis anxiety on 2020-01-01"],
    "Eve": ["female", "lorazepam 1 mg daily from 2022-01-10 every 28 days", "diagnosis epilepsy on 2010-01-01"],
    "Fay": ["female", "lorazepam 2 mg daily from 2022-01-10 every 28 days", "clonazepam 2 mg daily from 2022-01-10 every 28 days"],
    "Sam": ["sertraline 100 mg daily from 2022-01-10 every 28 days"],
}


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("switch"), PEOPLE) as world:
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


def opened(world: World, query: str = "", *, name: str = "Lou", medicine: str = "lorazepam", who: str = "gp", status: int = 200) -> str:
    response = world.client(who).get(f"/patients/{world.ids[name]}/reduce/{medicine}/change{f'?{query}' if query else ''}")
    assert response.status_code == status
    return response.content.decode()


def text(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S))).split())


def heading(page: str) -> str:
    return text(re.search(r"<h1>(.*?)</h1>", page, flags=re.S).group(1))  # type: ignore[union-attr]


DRAWN = "target=20&doses=3&rest=no&start=2026-06-08"


def test_the_tables_stand_side_by_side_with_sources_and_marks_and_nothing_is_chosen(world):
    page = opened(world)
    said = text(page)
    assert heading(page) == "lorazepam 3 mg a day is 15 mg to 30 mg of diazepam by the published tables"
    rows = [text(row) for row in re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", page, flags=re.S)]
    assert rows[0].startswith("Right Decisions, Scotland ( RDBZ, mark V) 0.5 mg 30 mg of diazepam".replace("( ", "("))
    assert any("mark K, needs local approval" in row for row in rows) and any("VA/DoD" in row and "15 mg" in row for row in rows)
    assert "They differ: 15 mg to 30 mg." in said and "Never by itself" in said
    assert re.search(r'id="target"[^>]*value=""', page) and "Before the steps are drawn: choose a dose of diazepam in this range" in said
    assert "One dose of the day at a time" not in page


def test_the_change_is_drawn_for_the_dose_that_was_chosen(world):
    page = opened(world, DRAWN)
    said = text(page)
    assert "One dose of the day at a time, 3 in all" in said
    doses = re.findall(r'<td data-label="(?:Lorazepam|Diazepam) a day"><strong class="sw-nowrap">(.*?)</strong>', page)
    assert doses == ["3 mg", "0 mg", "2 mg", "7 mg", "1 mg", "12 mg", "0 mg", "20 mg"]
    assert "lorazepam 1 mg tablets: take 2 tablets a day for 7 days. Supply 14 tablets." in said
    assert "diazepam 5 mg tablets: take 1 tablet a day for 7 days. Supply 7 tablets." in said
    assert "7 days for each dose of the day" in said and "Review how it is tolerated after 5 to 7 days: 27-Jun-2026 to 29-Jun-2026" in said
    assert re.search(r"plan its reduction here by its own rule: as the knowledge base proposes it, \d+ steps over", said)
    assert not TaperPlan.objects.exists() and "does not keep the change as a plan" in said


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("target=10&doses=3&rest=no", "10 mg of diazepam is outside what the published tables say (15 mg to 30 mg)"),
        ("target=lots&doses=3&rest=no", "The new dose must be a number of mg, for example 20"),
        ("target=20&doses=3", "Before the steps are drawn: ask"),
        ("dose=20&target=200&doses=1&rest=no", "more than 40 mg of diazepam a day"),
    ],
)
def test_what_cannot_be_drawn_says_why(world, query, told):
    page = opened(world, query)
    assert told in text(page) and "One dose of the day at a time" not in page


def test_liver_failure_and_guards_refuse_with_a_route(world):
    said = text(opened(world, f"{DRAWN}&q-liver+failure=yes"))
    assert "With liver failure there is no change to diazepam" in said and "Specialist advice" in said and "One dose of the day" not in said
    assert heading(opened(world, name="Eve")) == "No change from lorazepam to diazepam here"
    assert "The epilepsy specialist" in text(opened(world, name="Eve"))


def test_what_is_hidden_from_its_reader_still_holds_and_is_not_told(world):
    assert "more than 40 mg of diazepam a day" in text(opened(world, name="Fay"))
    subject, gp = ledger.subject_of(world.ids["Fay"]), world.actor("gp")
    privacy.mark_sensitive(gp, subject, kind="medicine", key="clonazepam", organisations=[PRACTICE], why="asked for")
    page = opened(world, DRAWN, name="Fay", who="pharmacist")
    assert "Something in this record that you are not shown speaks against it" in text(page)
    assert "clonazepam" not in page and "40 mg" not in text(page) and "One dose of the day at a time" not in page


def test_only_where_a_relative_is_named_and_by_whom_may_plan(world):
    opened(world, name="Sam", medicine="sertraline", status=404)
    assert world.client("nurse").get(f"/patients/{world.ids['Lou']}/reduce/lorazepam/change").status_code == 403
    studio = world.client("gp").get(f"/patients/{world.ids['Lou']}/reduce/lorazepam").content.decode()
    assert f'href="/patients/{world.ids["Lou"]}/reduce/lorazepam/change"' in studio
    assert "3 mg a day is 15 mg to 30 mg of diazepam by the published tables" in text(studio)
