"""Links beside a list: saved lists of its kind, saving it under a name, and taking it as a file."""

from __future__ import annotations

from django.urls import reverse

from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import ListTool
from stepwell.web.core.permissions import Permission
from stepwell.web.week.listings import WEEK, place_of
from stepwell.web.week.saved import views_for


def list_tools(actor: Actor, place: str, query: str) -> list[ListTool]:
    found = place_of(place, query, actor)
    if found is None:
        return []
    asked = f"?{found.query}" if found.query else ""
    tools = []
    if found.kind != WEEK:
        views = views_for(actor, found.key)
        tools = [ListTool(view.name, view.place.href, view.place.query == found.query) for view in views]
        if not any(tool.current for tool in tools):
            tools.append(ListTool("Save this list", reverse("week:save_view", args=[found.key]) + asked))
        if any(view.mine for view in views):
            tools.append(ListTool("Saved lists", reverse("week:list_views")))
    if actor.may(Permission.EXPORT_LISTS):
        tools.append(ListTool("Export", reverse("week:export_list", args=[found.key]) + asked))
    return tools
