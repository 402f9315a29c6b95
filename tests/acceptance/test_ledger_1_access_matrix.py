"""Acceptance line 1: every address × role × relationship × method, allowed or refused as declared here; and no page, export, error or
log reveals a person to someone without a reason.

`ADDRESSES` (access_addresses.py) says of each address what it is about and what it needs. An address that is not in it fails
`test_every_address_is_declared`: add a line. Expectations are derived from these lines and from `roles.yaml`, never from the
views. Run again with STEPWELL_TEST_DATABASE=postgres for the other database.
"""

from __future__ import annotations

import logging
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from access_addresses import ADDRESSES, ELSEWHERE, TOMORROW, VIEW
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.template.backends.jinja2 import Template
from django.test import Client, override_settings
from django.urls import get_resolver, reverse

import advice_world
from ledger_world import OTHER_PRACTICE, PCN, PRACTICE, TODAY, TRUST, World
from privacy_support import join
from stepwell.web.accounts.models import Organisation
from stepwell.web.accounts.roles import roles
from stepwell.web.accounts.services import create_organisation
from stepwell.web.advice.models import AdviceService, Question
from stepwell.web.agreements.models import Agreement
from stepwell.web.contact.models import AdjustmentEvent
from stepwell.web.core import clock, layout
from stepwell.web.core.access import GRANTED, RelationshipKind
from stepwell.web.core.actor import Actor
from stepwell.web.core.logs import WithoutData
from stepwell.web.core.permissions import Permission as P
from stepwell.web.ledger.models import Duty, DutyEvent, Handover, PersonRecord, Relationship
from stepwell.web.meetings.models import AgendaItem, ItemEvent, Meeting
from stepwell.web.privacy.models import Closing, Opening, SensitiveMark
from stepwell.web.service_requests.models import Service, ServiceRequest, Stop
from stepwell.web.team.models import TeamEvent
from stepwell.web.transfers.models import Transfer

# One world for all: its tests stay on one worker.
pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("matrix")]

# One member of staff of each role, at an organisation that may have it, and the pharmacist of a network for cover.
STAFF = {
    "gp": PRACTICE, "nurse": PRACTICE, "pharmacist": TRUST, "psychiatrist": TRUST, "mental health nurse": TRUST,
    "practice manager": PRACTICE, "team manager": TRUST, "link worker": PRACTICE, "privacy officer": PRACTICE,
    "community pharmacist": "FA001", "commissioner": "QX1",
}  # fmt: skip
COVERING = {"network pharmacist": "pharmacist"}

# What a person is to an organisation. Every organisation stands in each of them to somebody.
KINDS = [kind.value for kind in RelationshipKind]
HELD = {**dict.fromkeys(KINDS, True), "covered": None, "ended or coming": False, "nothing": False}
BROKEN = ("glass open", "glass over")
RELATIONSHIPS = (*HELD, *BROKEN, "unknown")
UNKNOWN = 9_000_000


def named_addresses() -> set[str]:
    return {
        f"{namespace}:{name}"
        for namespace, (_, resolver) in get_resolver().namespace_dict.items()
        for name in resolver.reverse_dict
        if isinstance(name, str)
    }


def test_every_address_is_declared():
    assert named_addresses() == ADDRESSES.keys() | ELSEWHERE.keys(), "declare what the address is about and what it needs"
    assert not ADDRESSES.keys() & ELSEWHERE.keys()


def test_every_role_is_tried():
    assert STAFF.keys() == roles().keys()


# The world: one evaluated person, and the same person again for every relationship, under another name


@dataclass
class Matrix:
    world: World
    clients: dict[str, Client]
    actors: dict[str, Actor]
    people: dict[str, int]
    objects: dict[str, dict[str, int]]
    hidden: dict[tuple[str, str], dict[str, list[str]]] = field(default_factory=dict)

    def address(self, name: str, relationship: str) -> str:
        """Where this address leads for the person of this relationship; for `unknown` nothing is there."""
        values = {"person_id": self.people[relationship], **self.objects.get(relationship, {})} | ADDRESSES[name].values
        if name == "contact:end_adjustment":
            values["event_id"] = values.get("adjustment_id", UNKNOWN)
        namespace, _, short = name.partition(":")
        wanted = get_resolver().namespace_dict[namespace][1].reverse_dict[short][0][0][1]
        return reverse(name, kwargs={key: values.get(key, UNKNOWN) for key in wanted})

    def body(self, name: str, relationship: str) -> dict[str, Any]:
        """The form as somebody allowed would send it: with the hidden fields that its page carries for the evaluated person."""
        each = ADDRESSES[name]
        if (name, relationship) not in self.hidden:
            page = ""
            if each.get is not None and self.related("gp", relationship):
                page = self.clients["gp"].get(self.address(name, relationship)).content.decode()
            fields: dict[str, list[str]] = {}
            for key, value in re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', page):
                fields.setdefault(key, []).append(value)
            if name in ("advice:ask", "advice:log_call"):
                fields["service"] = [str(AdviceService.objects.get().pk)]  # a choice, not a hidden field
            self.hidden[name, relationship] = {key: values for key, values in fields.items() if "csrf" not in key}
        return self.hidden[name, relationship] | each.body

    def marker(self, relationship: str) -> str:
        return f"quill{relationship.replace(' ', '')}"

    def related(self, who: str, relationship: str) -> bool:
        if relationship == "covered":
            return who in COVERING or self.actors[who].organisation == PRACTICE
        if who in COVERING and relationship == RelationshipKind.REGISTRATION:
            return True
        return bool(HELD.get(relationship))

    def reaches(self, who: str, relationship: str, needs: tuple[P, ...]) -> bool:
        """What `roles.yaml` and the declaration say."""
        actor = self.actors[who]
        if relationship == "unknown" or not all(actor.may(permission) for permission in needs):
            return False
        if self.related(who, relationship):
            return True
        return relationship == "glass open" and actor.may(P.BREAK_GLASS) and set(needs) <= GRANTED

    def visible(self, who: str) -> set[str]:
        return {relationship for relationship in RELATIONSHIPS if self.related(who, relationship)}


@pytest.fixture(scope="module")
def matrix(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Matrix]:
    """One world for all of this file; it is rolled back at the end, and after each test what that test did."""
    folder = tmp_path_factory.mktemp("matrix")
    with django_db_blocker.unblock(), override_settings(AS_OF=TODAY, STORE=str(folder / "store")), transaction.atomic():
        yield _build(folder)
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def in_the_world(db, product_settings, settings, matrix, monkeypatch) -> None:
    """The settings of the world; without the engine, which reads the history only after access was decided."""
    from stepwell.web.patients import trends, views
    from stepwell.web.patients.trends import History

    settings.AS_OF, settings.STORE = TODAY, str(matrix.world.store.path)
    monkeypatch.setattr(views, "history_of", lambda person_id, on: History([], []))
    monkeypatch.setattr(trends, "history_of", lambda person_id, on: History([], []))


@pytest.fixture
def told_once(monkeypatch) -> None:
    """What stands above every page of one member of staff, and how the records stand, is read once for each of them: it is theirs and
    not the person's, and the cells that use this change nothing. `test_every_other_page_for_every_role` reads it for every page."""
    for name in ("_notices_for", "_stamp_for"):
        monkeypatch.setattr(layout, name, cache(getattr(layout, name)))


def _build(folder: Path) -> Matrix:
    world = World(settings, folder)
    world.tell({"Iris": ["olanzapine 10 mg daily from 2023-04-01 every 28 days", "weight 71 on 2025-04-20"]})
    world.catch_up()
    setup = Actor.system("tests")
    create_organisation(setup, code="FA001", name="Mill Lane Pharmacy", kind="pharmacy")
    create_organisation(setup, code="QX1", name="Northvale ICB", kind="icb")
    for role, code in STAFF.items():
        join(world, role, f"Staff {role}", code, role)
    for who, role in COVERING.items():
        join(world, who, f"Staff {who}", PCN, role)
    advice_world.open_desk(world, on_duty=None)
    staff = [*STAFF, *COVERING]
    actors = {who: world.actor(who) for who in staff}
    people, objects = _people(world, actors)
    clients = {who: world.client(who) for who in staff}
    return Matrix(world, clients, actors, people, objects)


def _people(world: World, actors: dict[str, Actor]) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    first = world.ids["Iris"]
    duty = Duty.objects.filter(person_id=first, state="open", test="weight").first()
    codes = sorted({actor.organisation for actor in actors.values()})
    people, objects = {"unknown": UNKNOWN}, {}
    Relationship.objects.all().delete()
    for place, relationship in enumerate((*HELD, *BROKEN)):
        # The first is the evaluated person: forms that are accepted evaluate them again.
        person_id = people[relationship] = first if place == 0 else first + 10 + place
        record = PersonRecord.objects.get(person_id=first)
        record.person_id = person_id
        record.family_name = f"Quill{relationship.title().replace(' ', '')}"
        record.search_name = record.family_name.lower()
        record.nhs_number, record.nhs_status = f"99988{place:05d}", "valid"
        record.address, record.phone = f"{place} Markerstreet", "01632 960777"
        record.save(force_insert=place > 0)
        if place > 0:
            for each in Duty.objects.filter(person_id=first, pk=duty.pk):
                each.pk, each.person_id = None, person_id
                each.save(force_insert=True)
        mine = Duty.objects.filter(person_id=person_id, state="open", test="weight").first()
        objects[relationship] = _objects(person_id, mine, actors["gp"])
        _relate(person_id, relationship, codes)
        if relationship in BROKEN:
            _break_glass(person_id, relationship, actors)
    return people, objects


def _objects(person_id: int, duty: Duty, gp: Actor) -> dict[str, int]:
    """Something of every kind that an address may name, of this person. None of it gives anybody a reason."""
    now = clock.now()
    common = {"at": now, "by_id": gp.user_id, "role": "gp", "org_code": PRACTICE}
    rows = {
        "duty_id": duty,
        "event_id": DutyEvent.objects.create(duty=duty, kind="acknowledged", as_of=TODAY, **common),
        "agreement_id": Agreement.objects.create(
            person_id=person_id, substance="lithium", between_org=PRACTICE, and_org=OTHER_PRACTICE,
            label="Kept together", agreed_on=date(2025, 1, 1), from_on=date(2025, 1, 1),
        ),
        "handover_id": Handover.objects.create(
            person_id=person_id, duty=duty, scope="duty", from_org=PRACTICE, to_org=TRUST, owner_was=PRACTICE, why="Please",
            offered_at=now, offered_by_id=gp.user_id, answer_by=TODAY + timedelta(7), state="withdrawn",
        ),
        "question_id": Question.objects.create(
            person_id=person_id, service=AdviceService.objects.get(), answering_org=TRUST, asked_org=PRACTICE, asked_by_id=gp.user_id,
            asked_at=now, kind="dose", words="At night?", owed_by=TRUST, due_at=now,
        ),
        "adjustment_id": AdjustmentEvent.objects.create(person_id=person_id, act="recorded", kind="slot", code="longer", **common),
        "mark_id": SensitiveMark.objects.create(
            person_id=person_id, kind="agreement", key="0", organisations=f"|{PRACTICE}|{TRUST}|{PCN}|", why="Asked for", **common
        ),
        "transfer_id": Transfer.objects.create(
            person_id=person_id, from_org=TRUST, to_org=PRACTICE, why="Settled", plan="Repeats", planned_on=TODAY, proposed_at=now,
            answer_by=TODAY,
        ),
        "member_id": TeamEvent.objects.create(
            person_id=person_id, act="recorded", kind="professional", code="other", name="Ann", from_on=TODAY, **common
        ),
    }  # fmt: skip
    meeting = Meeting.objects.create(org_code=PRACTICE, with_orgs=[TRUST], on=TODAY, minutes=60, chair_id=gp.user_id)
    rows["item_id"] = AgendaItem.objects.create(meeting=meeting, person_id=person_id, reasons=[["by hand", "Worries"]], **common)
    other = Meeting.objects.create(org_code=PRACTICE, with_orgs=[TRUST], on=TODAY, minutes=60, chair_id=gp.user_id)
    item = AgendaItem.objects.create(meeting=other, person_id=person_id, reasons=[["by hand", "Worries"]], **common)
    rows["decision_id"] = ItemEvent.objects.create(item=item, kind="no action", **(common | {"why": "Settled"}))
    rows["request_id"] = _service_request(person_id, gp)
    return {name: row.pk for name, row in rows.items()}


def _service_request(person_id: int, gp: Actor) -> ServiceRequest:
    """Asked by the practice of its own clinic, which also triages; it waits for an answer."""
    clinic, _ = Service.objects.get_or_create(
        organisation=Organisation.objects.get(code=PRACTICE), name="Clinic",
        defaults={"kinds": "|other|", "serves": "All", "contact": "1", "routine_days": 5, "urgent_days": 1, "any_kind": True},
    )  # fmt: skip
    made = ServiceRequest.objects.create(
        person_id=person_id, kind="other", urgency="routine", need="Sleeps badly", why_now="Now", wish="To sleep", agreement="agreed",
        asked_org=PRACTICE, asked_by_id=gp.user_id, asked_on=TODAY, owner_service=clinic, owner_org=PRACTICE, due_on=TODAY, step=1,
    )  # fmt: skip
    Stop.objects.create(request=made, number=1, service=clinic, came_on=TODAY)
    return made


def _relate(person_id: int, relationship: str, codes: list[str]) -> None:
    yesterday, tomorrow = TODAY - timedelta(1), TODAY + timedelta(1)
    if relationship == "covered":
        Relationship.objects.create(
            person_id=person_id, org_code=PRACTICE, kind="registration", from_on=yesterday, evidence="registrations/1"
        )
        return
    for code in codes:
        if relationship in KINDS:
            Relationship.objects.create(
                person_id=person_id, org_code=code, kind=relationship, from_on=yesterday, evidence=f"{relationship}s/1"
            )
        if relationship == "ended or coming":
            for place, kind in enumerate(KINDS):
                # The last day was yesterday; the first is tomorrow.
                days = {"from_on": TODAY - timedelta(9), "to_on": TODAY} if place % 2 else {"from_on": tomorrow}
                Relationship.objects.create(person_id=person_id, org_code=code, kind=kind, evidence=f"{kind}s/1", **days)


def _break_glass(person_id: int, relationship: str, actors: dict[str, Actor]) -> None:
    """Everybody has such a row, also those whose role could not have made it: the role decides again at every request."""
    now = clock.now()
    ends = [now + timedelta(minutes=59)] if relationship == "glass open" else [now - timedelta(seconds=1), now + timedelta(minutes=59)]
    for actor in actors.values():
        for until in ends:
            opening = Opening.objects.create(
                person_id=person_id, by_id=actor.user_id, role=actor.role, org_code=actor.organisation, reason="emergency",
                why="Collapsed", at=now - timedelta(minutes=61), until=until,
            )  # fmt: skip
            if relationship == "glass over" and until > now:
                Closing.objects.create(opening=opening, at=now)


# What the server does


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is taken back, so that one cell of the table does not change the next."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def content(response: Any) -> str:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return body.decode("utf-8", errors="replace") + " ".join(f"{name}: {value}" for name, value in response.headers.items())


REVEALING = re.compile(r"Quill\w+|99988\d{5}|999 88\d \d{4}|Markerstreet|01632 960777", re.IGNORECASE)


def told(response: Any) -> set[str]:
    """Whatever of a person stands in the answer."""
    return {found.lower() for found in REVEALING.findall(content(response))}


@contextmanager
def undrawn() -> Iterator[None]:
    """Pages decide and read as always, and are not drawn. For cells whose page is drawn for another person."""
    draw = Template.render
    Template.render = lambda self, context=None, request=None: ""
    try:
        yield
    finally:
        Template.render = draw


# Of each kind of answer one person whose page is drawn; the others of its kind are decided by the same rule.
DRAWN = {"registration", "covered", "glass open", "nothing", "unknown"}


def drawn(relationship: str) -> Any:
    return nullcontext() if relationship in DRAWN else undrawn()


def tables() -> dict[str, int]:
    """How many rows every table has, but for the audit, sessions and the counters of how often."""
    left_out = {"core_auditentry", "core_auditseal", "django_session", "core_rateuse"}
    return {m._meta.db_table: m._default_manager.count() for m in apps.get_models() if m._meta.db_table not in left_out and m._meta.managed}


class Told(logging.Handler):
    """Every log line of the product as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(WithoutData())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    handler, loggers = Told(), [logging.getLogger(name) for name in ("", "django", "django.request", "stepwell", "stepwell.web")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler.lines
    for logger in loggers:
        logger.removeHandler(handler)


PERSON = {name: each for name, each in ADDRESSES.items() if each.about == "person" and name in named_addresses()}
OTHERS = {name: each for name, each in ADDRESSES.items() if each.about != "person" and name in named_addresses()}


def tried(name: str, who: str) -> Iterator[str]:
    """Every relationship on SQLite. On PostgreSQL, where the whole table takes eight minutes, each page and role meets a quarter of
    them, in turn, so that every relationship is met by every role; STEPWELL_TEST_EVERYTHING=1 tries the whole table there too."""
    whole = connection.vendor == "sqlite" or os.environ.get("STEPWELL_TEST_EVERYTHING", "") == "1"
    turn = zlib.crc32(f"{name} {who}".encode())
    return (relationship for place, relationship in enumerate(RELATIONSHIPS) if whole or (place + turn) % 4 == 0)


def allowed(status: int) -> bool:
    """Shown, redirected after it was done, or a form shown again with what is wrong in it."""
    return status < 400 or status in (409, 422)


@pytest.mark.usefixtures("told_once")
def test_every_patient_page_for_every_role_and_relationship(matrix, log_lines):
    wrong = []
    for who, client in matrix.clients.items():
        for name, each in PERSON.items():
            if each.get is None:
                continue
            for relationship in tried(name, who):
                with drawn(relationship):
                    response = client.get(matrix.address(name, relationship))
                wanted = matrix.reaches(who, relationship, each.get)
                if allowed(response.status_code) != wanted:
                    wrong.append(
                        f"{who}, {relationship}: GET {name} answered {response.status_code}, wanted {'shown' if wanted else 'refused'}"
                    )
                if not wanted and told(response):
                    wrong.append(f"{who}, {relationship}: the refusal of {name} tells {told(response)}")
                if wanted and told(response) and matrix.marker(relationship) not in told(response):
                    wrong.append(f"{who}, {relationship}: {name} shows somebody else")
    assert not wrong, "\n".join(wrong)
    assert not REVEALING.search("\n".join(log_lines))


@pytest.mark.usefixtures("told_once")
def test_every_change_is_refused_before_it_writes(matrix, log_lines):
    """Bodies that would be accepted, from everybody who is not allowed; the rows of every table are counted."""
    before, wrong = tables(), []
    for who, client in matrix.clients.items():
        for name, each in PERSON.items():
            if each.post is None:
                continue
            for relationship in tried(name, who):
                if matrix.reaches(who, relationship, each.post):
                    continue
                address, body = matrix.address(name, relationship), matrix.body(name, relationship)
                with nullcontext() if relationship in ("nothing", "unknown") else undrawn():
                    response = client.post(address, body)
                # A form that was not filled in rightly may be shown again to somebody who may see it, never accepted.
                if response.status_code < 400 or (allowed(response.status_code) and not matrix.reaches(who, relationship, VIEW)):
                    wrong.append(f"{who}, {relationship}: POST {name} answered {response.status_code}")
                if not matrix.reaches(who, relationship, VIEW) and told(response):
                    wrong.append(f"{who}, {relationship}: the refusal of {name} tells {told(response)}")
        if tables() != before:
            changed = {table: (count, tables()[table]) for table, count in before.items() if tables()[table] != count}
            wrong.append(f"{who}: rows were written {changed}")
            before = tables()
    assert not wrong, "\n".join(wrong)
    assert not REVEALING.search("\n".join(log_lines))


def test_the_bodies_are_those_that_are_accepted(matrix):
    """Otherwise a refusal above might be the form's."""
    wrong = []
    for name, each in PERSON.items():
        if not each.post or not each.body:
            continue
        who = next(
            who for who in matrix.clients if matrix.reaches(who, "registration", each.post) and matrix.actors[who].organisation == PRACTICE
        )
        address, body = matrix.address(name, "registration"), matrix.body(name, "registration")
        with undone():
            response = matrix.clients[who].post(address, body)
        if response.status_code != 302 and name not in NOT_NOW:
            problems = re.findall(r"<li>\s*(?:<a[^>]*>)?([^<]{10,200})", content(response).split("There is a problem")[-1])[:2]
            wrong.append(f"POST {name} as {who} answered {response.status_code}: {problems}")
    assert not wrong, "\n".join(wrong)


# The duty at hand has an owner and a test: these say so to somebody who is allowed (409 or 422), whatever is typed.
NOT_NOW = {
    "service_requests:answer_advice",
    "service_requests:take_request_back",
    "service_requests:close_request",
    "transfers:propose",
    "transfers:withdraw",
    "transfers:record_transfer",
    "transfers:arrange_joint",
    "transfers:complete_checks",
    "transfers:ask_return",
    "transfers:answer_return",
    "meetings:add_person",
    "ledger:take_on_duty",
    "ledger:close_duty",
    "portal:print_slip",
    "portal:withdraw_code",
}


def test_every_other_page_for_every_role(matrix, log_lines):
    """Lists, searches and exports name nobody but people with a relationship, whatever was broken open."""
    wrong = []
    for who, client in matrix.clients.items():
        seen = {matrix.marker(relationship) for relationship in matrix.visible(who)}
        for name, each in OTHERS.items():
            address = matrix.address(name, "nothing")
            for method, needs, body in (("GET", each.get, None), ("POST", each.post, each.body)):
                if needs is None:
                    continue
                # What says nothing of anybody is drawn once.
                with undone(), undrawn() if each.about == "signed in" and who != "gp" else nullcontext():
                    response = client.get(address) if method == "GET" else client.post(address, body)
                    names = {found for found in told(response) if found.startswith("quill")} - {
                        value.lower() for value in each.body.values()
                    }
                wanted = each.about != "organisation" or all(matrix.actors[who].may(permission) for permission in needs)
                fine = response.status_code == 405 or allowed(response.status_code)
                if fine != wanted:
                    wrong.append(f"{who}: {method} {name} answered {response.status_code}, wanted {'shown' if wanted else 'refused'}")
                if names - seen or (not wanted and told(response)):
                    wrong.append(f"{who}: {method} {name} names {names - seen or told(response)}")
    assert not wrong, "\n".join(wrong)
    assert not REVEALING.search("\n".join(log_lines))


def test_lists_do_name_those_whom_they_may(matrix):
    """The sweep above is not passed by lists that are empty."""
    for who in ("gp", "psychiatrist", "network pharmacist"):
        found = told(matrix.clients[who].get("/worklist?tab=mine&size=100")) | told(
            matrix.clients[who].get("/worklist?tab=waiting&size=100")
        )
        assert {matrix.marker(relationship) for relationship in matrix.visible(who)} <= found, who


def test_nobody_who_is_not_signed_in_sees_anything(matrix):
    client, wrong = Client(), []
    for name, each in (PERSON | OTHERS).items():
        for method in ("get", "post"):
            response = getattr(client, method)(matrix.address(name, "registration"))
            if each.about != "open" and not (response.status_code == 302 and response.headers["Location"].startswith("/sign-in")):
                wrong.append(f"{method} {name} answered {response.status_code}")
            if told(response):
                wrong.append(f"{method} {name} tells {told(response)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.usefixtures("told_once")
def test_a_stranger_looks_like_nobody_to_who_may_not_break_the_glass(matrix):
    wrong = []
    for who, client in matrix.clients.items():
        if matrix.actors[who].may(P.BREAK_GLASS):
            continue
        for name, each in PERSON.items():
            for method in ("get", "post"):
                if getattr(each, method) is None:
                    continue
                with undrawn():
                    answers = {
                        getattr(client, method)(matrix.address(name, relationship), each.body).status_code
                        for relationship in ("nothing", "unknown")
                    }
                if len(answers) != 1:
                    wrong.append(f"{who}: {method} {name} answers {answers}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("address", ["/patients/{person}/nothing", "/patients/Quill/999880000", "/search?family=QuillNothing", "/fail/500"])
def test_errors_and_logs_reveal_nobody(matrix, settings, log_lines, address):
    settings.ROOT_URLCONF = "error_urls"
    client = matrix.clients["gp"]
    client.raise_request_exception = False
    response = client.get(address.format(person=matrix.people["nothing"]))
    # What somebody typed into an address may stand in that address, nowhere else.
    assert not {found for found in told(response) if found not in address.lower()}
    assert not REVEALING.search("\n".join(line for line in log_lines).replace(address, ""))


def test_a_view_that_fails_over_a_patient_tells_nothing(matrix, log_lines, monkeypatch):
    """The exception quotes the row, as those of databases do; neither the page nor the log repeats it."""
    from stepwell.web.patients import views

    def fail(record: PersonRecord, *_: Any, **__: Any) -> None:
        raise ValueError(f"cannot draw {record.family_name} {record.nhs_number} {record.address}")

    monkeypatch.setattr(views, "PatientPage", fail)
    client = matrix.clients["gp"]
    client.raise_request_exception = False
    response = client.get(matrix.address("patients:show_person", "registration"))
    assert response.status_code == 500 and not told(response)
    assert any("ValueError" in line for line in log_lines) and not REVEALING.search("\n".join(log_lines))


def test_the_tests_that_are_named_exist():
    missing = {path for path in ELSEWHERE.values() if not (Path(__file__).parents[2] / path).exists()}
    assert not missing


def test_acts_on_many_name_nobody_else(matrix):
    """Numbers of duties sent to the page that acts on many, whosever they are."""
    everybody = [f"{own['duty_id']}.0" for own in matrix.objects.values()]
    for who in ("gp", "psychiatrist", "nurse"):
        seen = {matrix.marker(relationship) for relationship in matrix.visible(who)}
        for act in ("seen", "assign", "later", "hand over"):
            for step in ("choose", "details", "confirm"):
                body = {"pick": everybody, "act": act, "step": step, "why": "Together", "to": "nobody", "until": TOMORROW}
                with undone():
                    found = told(matrix.clients[who].post("/worklist/act", body))
                assert {name for name in found if name.startswith("quill")} <= seen, (who, act, step)


def test_it_runs_on_the_database_it_says(matrix):
    assert connection.vendor in ("sqlite", "postgresql")
