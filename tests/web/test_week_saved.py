"""Lists that people save under a name: checked, own or shared, as links above the list, renamed and removed by events."""

from __future__ import annotations

import html
import re

import pytest

import web_support
from ledger_world import TODAY
from stepwell.errors import Refused
from stepwell.web.week import saved
from stepwell.web.week.models import ViewEvent
from week_world import WeekWorld


@pytest.fixture
def world(db, settings, tmp_path):
    world = WeekWorld(settings, tmp_path)
    world.duty(world.person("Ada"), "antipsychotic.hba1c", due=TODAY)
    return world


def text(response, status=200) -> str:
    assert response.status_code == status, response.status_code
    return html.unescape(" ".join(response.content.decode().split()))


def tools(page: str) -> dict[str, str]:
    """Links beside a list: text → address."""
    block = re.search(r'<ul class="sw-list-tools[^"]*">(.*?)</ul>', page)
    return dict((name, href) for href, name in re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', block.group(1))) if block else {}


def test_a_list_is_saved_opened_renamed_and_removed(world):
    client = world.client("nurse")
    links = tools(text(client.get("/worklist?tab=soon&kind=monitor&page=3&nonsense=1")))
    assert links["Save this list"] == "/lists/worklist/save?tab=soon&kind=monitor"
    assert "Give the list a name" in text(client.post(links["Save this list"], {"name": " "}), 422)
    with web_support.recorded() as trail:
        answer = client.post(links["Save this list"], {"name": "Tests  coming up"})
    assert answer["Location"] == "/worklist?tab=soon&kind=monitor" and trail.writes("list saved")
    page = text(client.get("/worklist"))
    assert tools(page)["Tests coming up"] == "/worklist?tab=soon&kind=monitor"
    assert "Save this list" not in tools(text(client.get("/worklist?tab=soon&kind=monitor"))), "it is saved"
    assert 'aria-current="true">Tests coming up' in text(client.get("/worklist?kind=monitor&tab=soon"))
    view = ViewEvent.objects.get().view
    assert "Tests coming up" in text(client.get("/lists"))
    assert client.post(f"/lists/saved/{view}", {"name": "Next tests", "shared": "yes"}).status_code == 302
    assert next(iter(tools(text(client.get("/worklist"))))) == "Next tests"
    assert client.post(f"/lists/saved/{view}", {"remove": "yes"}).status_code == 302
    assert "No saved lists yet" in text(client.get("/lists")) and "Next tests" not in text(client.get("/worklist"))
    assert client.get(f"/lists/saved/{view}").status_code == 404
    assert [row.kind for row in ViewEvent.objects.order_by("id")] == ["saved", "renamed", "removed"], "nothing is lost"


def test_own_lists_are_own_and_shared_ones_are_everybodys(world):
    nurse, gp = world.actor("nurse"), world.actor("gp")
    saved.save(nurse, place="worklist", query="tab=soon", name="Mine alone", shared=False)
    saved.save(nurse, place="register:lithium", query="overdue=yes", name="Lithium late", shared=True)
    assert [view.name for view in saved.views_for(gp)] == ["Lithium late"]
    assert [view.name for view in saved.views_for(nurse)] == ["Lithium late", "Mine alone"]
    assert saved.views_for(world.actor("other gp")) == []
    assert saved.views_for(world.actor("link worker")) == [], "registers are not for this role"
    client = world.client("gp")
    assert "Lithium late" in tools(text(client.get("/registers/lithium")))
    assert "Lithium late" not in tools(text(client.get("/registers/antipsychotic")))
    view = saved.views_for(gp)[0].view
    assert client.get(f"/lists/saved/{view}").status_code == 404, "whoever saved it changes it"
    with pytest.raises(Refused):
        saved.rename(gp, view, name="Taken over", shared=False)
    with pytest.raises(Refused):
        saved.remove(gp, view)


def test_what_cannot_be_saved(world):
    nurse = world.actor("nurse")
    for place in ("nonsense", "register:nonsense", "week", "worklist:x"):
        with pytest.raises(Refused):
            saved.save(nurse, place=place, query="", name="x", shared=False)
    saved.save(nurse, place="worklist", query="javascript:alert(1)&tab=<b>&register=" + "x" * 9000, name="Odd", shared=False)
    assert saved.views_for(nurse)[0].place.query == "", "only what the list itself can read is kept"
    for name in ("odd", "", "x" * 61):
        with pytest.raises(Refused):
            saved.save(nurse, place="worklist", query="", name=name, shared=False)


def test_a_name_is_text_wherever_it_is_shown(world):
    client = world.client("nurse")
    client.post("/lists/worklist/save?tab=soon", {"name": '<script>alert("1")</script>'})
    raw = client.get("/worklist").content.decode()
    assert "<script>alert" not in raw and "&lt;script&gt;alert" in raw


def test_there_is_an_end_to_names(world, monkeypatch):
    monkeypatch.setattr(saved, "MOST_OWN", 1)
    nurse = world.actor("nurse")
    saved.save(nurse, place="worklist", query="", name="One", shared=False)
    with pytest.raises(Refused, match="Remove one"):
        saved.save(nurse, place="worklist", query="tab=soon", name="Two", shared=False)
