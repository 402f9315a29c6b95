"""What every page carries: navigation, who is signed in, how old the data is, and what areas add to pages that are not theirs.
They do so in their `AppConfig.ready`.

add_navigation(NavItem("Worklist", "ledger:list_duties", Permission.VIEW_WORKLIST, order=10))
provide_stamp(selectors.stamp)
add_before_contact(selectors.before_contact)      # the strip under every patient banner
add_patient_panel(panels.links, order=30)         # a section in the side column of the patient page
add_medicine_lines(panels.lines)                  # a line beside a medicine on the patient page
add_notice(notices.opened_without_relationship)   # a line above everything else, on every page
add_duty_links(links.ask_about)                   # links beside the acts of a duty, on its page
add_around(panels.strip)                          # in short, beside what somebody writes about the person
add_way_back(panels.ask_for_review, order=20)     # on rows of people who lack a specialist
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.urls import reverse

from stepwell.web.config.compat import csp_nonce
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission


@dataclass(frozen=True, slots=True)
class NavItem:
    """`permission` None shows it to everyone who is signed in; the lowest `order` is the home page. Those of one `group` stand
    together under its name, where an actor may open more than one of them."""

    text: str
    url_name: str
    permission: Permission | None = None
    order: int = 50
    group: str = ""


BETWEEN = "Between services"
REVIEWS = "Reviews"
MANAGE = "Manage"


@dataclass(frozen=True, slots=True)
class Menu:
    """One thing in the main navigation: a page, or the name of a group with its pages."""

    text: str
    items: tuple[NavItem, ...]

    def holds(self, url_name: str) -> bool:
        return any(item.url_name == url_name for item in self.items)


@dataclass(frozen=True, slots=True)
class Stamp:
    """How old what is on the page is. `as_at` is when the records were last brought in, `as_of` the day duties were computed
    for, `approval` who approved the knowledge pack, in words ("approved by Riverside PCN", "not yet approved")."""

    as_at: datetime | None = None
    as_of: date | None = None
    pack: str = ""
    pack_version: str = ""
    approval: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A section of the patient page: `template` is included with `panel` = this; `values` is what it shows."""

    template: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MedicineLine:
    """A line beside a medicine on the patient page: words in a tag of that tone, and the page they lead to."""

    text: str
    tone: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A line above every page. `action` is the address of a form button beside it (POST), `button` its words; `href` leads to what
    it is about, `link` are its words."""

    text: str
    action: str = ""
    button: str = ""
    href: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class ListTool:
    """A link beside a list: another view of it, or something to do with it. `current`: it is the list shown."""

    text: str
    href: str
    current: bool = False


BeforeContact = Callable[[Collection[int], date], Mapping[int, Sequence[str]]]
PatientPanel = Callable[[Actor, int, date], Panel | None]
MedicineLinesFor = Callable[[Actor, int, date], Mapping[str, Sequence[MedicineLine]]]
NoticeFor = Callable[[Actor], Sequence[Notice]]
ListToolsFor = Callable[[Actor, str, str], Sequence[ListTool]]
DutyLinksFor = Callable[[Actor, int, int], Sequence[ListTool]]
WayBackFor = Callable[[Actor, Collection[int]], Mapping[int, ListTool]]

_navigation: dict[str, NavItem] = {}
_before_contact: list[BeforeContact] = []
_panels: dict[PatientPanel, int] = {}
_medicine_lines: list[MedicineLinesFor] = []
_notices: list[NoticeFor] = []
_list_tools: list[ListToolsFor] = []
_duty_links: list[DutyLinksFor] = []
_ways_back: dict[WayBackFor, int] = {}
_around: list[PatientPanel] = []
_stamp: Callable[[Actor], Stamp | None] | None = None


def add_navigation(item: NavItem) -> None:
    _navigation[item.url_name] = item


def provide_stamp(provider: Callable[[Actor], Stamp | None]) -> None:
    """The area that keeps the ledger tells how old its data is."""
    global _stamp  # noqa: PLW0603
    _stamp = provider


def add_before_contact(provider: BeforeContact) -> None:
    """`provider(person_ids, on)`: what to know before any contact with each of these people, in a few words each."""
    if provider not in _before_contact:
        _before_contact.append(provider)


def before_contact(person_ids: Collection[int], on: date) -> dict[int, list[str]]:
    """For every person asked about, the words of all providers; one question per provider however long the list."""
    found: dict[int, list[str]] = {person_id: [] for person_id in person_ids}
    for provider in _before_contact:
        for person_id, words in provider(person_ids, on).items():
            found[person_id] += words
    return found


def add_patient_panel(provider: PatientPanel, *, order: int = 50) -> None:
    """`provider(actor, person_id, on)`: a section of the patient page, None when there is nothing for this actor."""
    _panels[provider] = order


def patient_panels(actor: Actor, person_id: int, on: date) -> list[Panel]:
    found = (provider(actor, person_id, on) for provider in sorted(_panels, key=lambda each: _panels[each]))
    return [panel for panel in found if panel is not None]


def add_medicine_lines(provider: MedicineLinesFor) -> None:
    """`provider(actor, person_id, on)`: lines beside the person's medicines, by substance."""
    if provider not in _medicine_lines:
        _medicine_lines.append(provider)


def medicine_lines(actor: Actor, person_id: int, on: date) -> dict[str, list[MedicineLine]]:
    found: dict[str, list[MedicineLine]] = {}
    for provider in _medicine_lines:
        for substance, lines in provider(actor, person_id, on).items():
            found.setdefault(substance, []).extend(lines)
    return found


def add_notice(provider: NoticeFor) -> None:
    if provider not in _notices:
        _notices.append(provider)


def add_list_tools(provider: ListToolsFor) -> None:
    """`provider(actor, place, query)`: links beside the list of `place` ("worklist", "week", "register:lithium") as its address
    asks for it. A page shows them with `{% set list_place = "worklist" %}{% include "core/list_tools.jinja" %}`."""
    if provider not in _list_tools:
        _list_tools.append(provider)


def list_tools(actor: Actor | None, place: str, query: str) -> list[ListTool]:
    return [tool for provider in _list_tools for tool in provider(actor, place, query)] if actor else []


def add_duty_links(provider: DutyLinksFor) -> None:
    """`provider(actor, duty_id, person_id)`: links beside the acts of an open duty, on its page."""
    if provider not in _duty_links:
        _duty_links.append(provider)


def duty_links(actor: Actor, duty_id: int, person_id: int) -> list[ListTool]:
    return [link for provider in _duty_links for link in provider(actor, duty_id, person_id)]


def add_around(provider: PatientPanel) -> None:
    """`provider(actor, person_id, on)`: who is around the person, in short, for pages on which somebody writes about them. Such a page
    shows it with `{% include "core/around.jinja" %}`; it has opened the person and has `banner`."""
    if provider not in _around:
        _around.append(provider)


def around(actor: Actor | None, person_id: int, on: date) -> list[Panel]:
    return [panel for provider in _around if (panel := provider(actor, person_id, on))] if actor else []


def add_way_back(provider: WayBackFor, *, order: int = 50) -> None:
    """`provider(actor, person_ids)`: for those whom it can bring to a specialist, the link that does; the first by `order` counts."""
    _ways_back[provider] = order


def ways_back(actor: Actor, person_ids: Collection[int]) -> dict[int, ListTool]:
    found: dict[int, ListTool] = {}
    for provider in sorted(_ways_back, key=lambda each: _ways_back[each]):
        found = {**provider(actor, person_ids), **found}
    return found


def navigation_for(actor: Actor | None) -> list[NavItem]:
    if actor is None:
        return []
    allowed = (item for item in _navigation.values() if item.permission is None or actor.may(item.permission))
    return sorted(allowed, key=lambda item: (item.order, item.text))


def menu_for(actor: Actor | None) -> list[Menu]:
    """What the actor may open, in order; a group stands where its first page would."""
    items = navigation_for(actor)
    groups = {item.group: tuple(other for other in items if other.group == item.group) for item in items if item.group}
    found: dict[str, Menu] = {}
    for item in items:
        menu = Menu(item.group, groups[item.group]) if len(groups.get(item.group, ())) > 1 else Menu(item.text, (item,))
        found.setdefault(menu.text, menu)
    return list(found.values())


def home_for(actor: Actor | None) -> str | None:
    """Address of the first page this actor may open."""
    items = navigation_for(actor)
    return reverse(items[0].url_name) if items else None


def context(request: HttpRequest) -> Mapping[str, Any]:
    """Template context of every page, error pages included: it never fails for want of a session or a database."""
    actor: Actor | None = getattr(request, "actor", None)
    match = getattr(request, "resolver_match", None)
    return {
        "actor": actor,
        "navigation": menu_for(actor),
        "current_view": match.view_name if match else "",
        "stamp": _stamp_for(actor),
        "notices": _notices_for(actor),
        "list_tools": lambda place: list_tools(actor, place, request.META.get("QUERY_STRING", "")),
        "around": lambda person_id, on: around(actor, person_id, on),
        "demo": settings.DEMO,
        "cspNonce": csp_nonce(request),
        "signs_out_at": clock.now() + timedelta(seconds=settings.IDLE_SECONDS) if actor else None,
        "idle_seconds": settings.IDLE_SECONDS,
    }


def _notices_for(actor: Actor | None) -> list[Notice]:
    if actor is None:
        return []
    try:
        return [notice for provider in _notices for notice in provider(actor)]
    except DatabaseError:
        return []


def _stamp_for(actor: Actor | None) -> Stamp | None:
    if actor is None or _stamp is None:
        return None
    try:
        return _stamp(actor)
    except DatabaseError:
        return None
