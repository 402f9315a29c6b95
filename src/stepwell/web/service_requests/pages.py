"""Requests in words: where one stands in a line, its page, lists, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from stepwell.web.accounts.roles import roles
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.pages import Banner
from stepwell.web.service_requests import choices, clocks
from stepwell.web.service_requests.facts import Shown
from stepwell.web.service_requests.lists import (
    Counts,
    Query,
    Redirection,
    ServiceCounts,
    Since,
    Tab,
    What,
    address,
)
from stepwell.web.service_requests.models import EventKind, RequestEvent, Service, ServiceRequest, State, Stop
from stepwell.web.service_requests.selectors import unbarred

TAB_WORDS = {
    Tab.INBOX: "To answer",
    Tab.PASSED: "Redirected, still yours",
    Tab.CARE: "Taken on",
    Tab.SENT: "Sent by you",
    Tab.BOUNCED: "Bounced people",
    Tab.ENDED: "Ended",
}
WHAT_WORDS = {
    What.RECEIVED: "Received",
    What.ACCEPTED: "Accepted",
    What.ADVISED: "Advised",
    What.REDIRECTED: "Redirected",
    What.SENT_BACK: "Sent back",
    What.WAITING: "Waiting now",
}
SINCE_WORDS = {Since.QUARTER: "last 3 months", Since.YEAR: "last 12 months", Since.ALWAYS: "since the beginning"}
SAID = {
    "asked": "Sent. It has an owner from now on; where it stands is shown here and on the patient’s page.",
    "taken-on": "Taken on. Whoever asked sees it now.",
    "advised": "Sent. It stays yours until they have confirmed reading it.",
    "redirected": "Redirected. It stays yours until they accept.",
    "taken-over": "It is yours now.",
    "sent-back": "Sent back to the service that named you.",
    "taken-back": "Taken back: decide again.",
    "read": "Closed: you have read the advice.",
    "returned": "Sent back: they decide again.",
    "withdrawn": "Withdrawn.",
    "closed": "Closed.",
}
CRISIS_WORDS = (
    "In a crisis phone first. A form waits until somebody reads it. Then write down here whom you spoke to and what was agreed, "
    "so that the person does not have to tell it twice."
)


def service_words(service: Service) -> str:
    return f"{service.name}, {service.organisation.name}"


def days_words(service: Service) -> str:
    """`first word in 10 working days, urgent in 2`"""
    urgent = "the same day" if service.urgent_days == 0 else count(service.urgent_days, "working day")
    return f"first word in {count(service.routine_days, 'working day')}, urgent {'on ' if service.urgent_days == 0 else 'in '}{urgent}"


class Line:
    """One request as the actor sees it on day `on`; `stops` is its way so far."""

    def __init__(self, row: ServiceRequest, stops: Sequence[Stop], actor: Actor, on: date, names: Mapping[str, str]) -> None:
        self.row, self.stops, self.actor, self.on, self.names = row, stops, actor, on, names

    @property
    def id(self) -> int:
        return self.row.pk

    @property
    def kind(self) -> str:
        return choices.kind_label(self.row.kind)

    @property
    def urgency(self) -> tuple[str, str] | None:
        """The tag of what cannot wait; none for routine."""
        found = choices.urgencies().get(self.row.urgency)
        return (found.label.split(":")[0].lower(), found.tone) if found is not None and found.key != choices.ROUTINE else None

    def _org(self, code: str) -> str:
        return "you" if code == self.actor.organisation else self.names.get(code, code)

    @property
    def owner(self) -> str:
        """Who has it: the service, and "you" where it is the actor's."""
        service = self.row.owner_service
        return f"{service.name} (you)" if self.row.owner_org == self.actor.organisation else service_words(service)

    @property
    def asker(self) -> str:
        return self._org(self.row.asked_org)

    @property
    def standing(self) -> str:
        """Where it stands, in one line."""
        row, owner = self.row, self.row.owner_service.name
        if row.state == State.TRIAGE:
            return (
                f"with {owner}, who {'owe' if row.due_on and row.due_on >= self.on else 'owed'} an answer by {clinician.date(row.due_on)}"
            )
        if row.state == State.OFFERED and row.offered_service is not None:
            named = f"redirected to {row.offered_service.name}, who answer by {clinician.date(row.due_on)}"
            return f"{named}; until they accept it stays with {owner}"
        if row.state == State.ADVISED:
            return f"{owner} advised; {self.asker} {'have' if self.asker == 'you' else 'has'} not confirmed reading it"
        if row.state == State.TAKEN_ON:
            return f"{owner} took it on ({self.outcome}), to be seen by {clinician.date(row.seen_by)}"
        words = "withdrawn" if row.state == State.WITHDRAWN else "closed"
        return f"{words} on {clinician.date(row.ended_on)}, last with {owner}"

    @property
    def outcome(self) -> str:
        found = choices.outcomes().get(self.row.outcome)
        return found.in_line if found else self.row.outcome

    @property
    def clock(self) -> tuple[str, str]:
        """The clock that both sides see, with its tone."""
        if not self.row.is_open:
            return State(self.row.state).label.lower(), "grey"
        whose = self.row.offered_org or (self.row.asked_org if self.row.state == State.ADVISED else self.row.owner_org)
        return clocks.words(self.row.due_on, whose, self.on)

    @property
    def age(self) -> str:
        """Since it was first asked: `3 weeks`."""
        return clinician.span(self.row.asked_on, self.row.ended_on or self.on)

    @property
    def since(self) -> str:
        """`first asked today`, `first asked 3 weeks ago`"""
        return f"first asked {'today' if self.row.asked_on == self.on else self.age + ' ago'}"

    @property
    def asked(self) -> str:
        by = f"{self.row.asked_by.display_name}, " if self.row.asked_by else ""
        return f"{by}{self.names.get(self.row.asked_org, self.row.asked_org)}, {clinician.date(self.row.asked_on)}"

    @property
    def bounced(self) -> str:
        """`redirected 3 times` from the figure of bounced people on; empty before."""
        number = self.row.redirects
        return f"redirected {count(number, 'time')}" if number >= choices.figure("bounced_from") else ""

    @property
    def path(self) -> list[str]:
        """Each stop with what it said."""
        return [f"{stop.service.name}{self._said(stop)}" for stop in self.stops]

    @staticmethod
    def _said(stop: Stop) -> str:
        said = choices.outcomes().get(stop.answer)
        words = said.in_line if said else stop.answer
        return f" ({words} {clinician.date(stop.answered_on)})" if words and stop.answered_on else f" ({words or 'waiting'})"

    # What the actor can do next

    @property
    def _ours(self) -> bool:
        return self.row.owner_org in self.actor.organisations

    @property
    def _offered_to_us(self) -> bool:
        return bool(self.row.offered_org) and self.row.offered_org in self.actor.organisations

    @property
    def _triages(self) -> bool:
        return self.actor.may(Permission.TRIAGE_REQUESTS)

    @property
    def _asks(self) -> bool:
        return self.actor.may(Permission.ASK_SERVICE) and self.row.asked_org in self.actor.organisations

    @property
    def may_answer(self) -> bool:
        return self._triages and (self._offered_to_us or (self._ours and self.row.state == State.TRIAGE))

    @property
    def may_close(self) -> bool:
        return self._triages and self._ours and self.row.state == State.TAKEN_ON

    @property
    def may_decide_again(self) -> bool:
        return self.may_close

    @property
    def may_take_back(self) -> bool:
        return self._triages and self._ours and self.row.state == State.OFFERED

    @property
    def may_read(self) -> bool:
        return self._asks and self.row.state == State.ADVISED

    @property
    def may_withdraw(self) -> bool:
        return self._asks and self.row.is_open

    @property
    def act(self) -> tuple[str, str] | None:
        """The next act of the actor: the address' name and its words."""
        if self.may_answer:
            return "service_requests:triage_request", "Answer"
        if self.may_read:
            return "service_requests:answer_advice", "Read the advice"
        if self.may_close:
            return "service_requests:close_request", "Report back"
        return None


class EventLine:
    """What happened, in a line, with who did it as what."""

    def __init__(self, event: RequestEvent, names: Mapping[str, str], reasons: Mapping[str, str]) -> None:
        self.event = event
        self.on = event.on
        self.what = self._what(event)
        self.reason = reasons.get(event.reason, event.reason)
        self.why = event.why
        known = roles()
        role = known[event.role].label if event.role in known else event.role
        who = event.by.display_name if event.by else "Stepwell"
        self.who = ", ".join(part for part in (who, role, names.get(event.org_code, event.org_code)) if part)
        self.owner = service_words(event.owner_service)

    @staticmethod
    def _what(event: RequestEvent) -> str:
        owner, offered = event.owner_service.name, event.offered_service.name if event.offered_service else ""
        outcome = choices.outcomes().get(event.outcome)
        words = {
            EventKind.ASKED: f"Asked of {owner}" + (": triage decides" if event.detail.get("undecided") else ""),
            EventKind.TAKEN_OVER: f"Accepted by {owner}: theirs from now on",
            EventKind.TAKEN_ON: f"Taken on by {owner}: {outcome.in_line if outcome else event.outcome}",
            EventKind.ADVISED: f"Advice by {owner}",
            EventKind.REDIRECTED: f"Redirected to {offered}; stays with {owner} until they accept",
            EventKind.NOT_FOR_US: f"Sent back to {owner}, who decides again",
            EventKind.TAKEN_BACK: f"Taken back by {owner}, who decides again",
            EventKind.READ: "Advice read by the asker",
            EventKind.RETURNED: f"The advice does not answer it: with {owner} again",
            EventKind.WITHDRAWN: "Withdrawn by the asker",
            EventKind.CLOSED: f"Closed by {owner}",
        }
        return words[EventKind(event.kind)]


class RequestPage:
    """One request: where it stands, what was asked, what goes with it, its history."""

    def __init__(self, line: Line, events: Sequence[EventLine], facts: Shown) -> None:
        self.line, self.row, self.events, self.facts = line, line.row, events, facts

    @property
    def heading(self) -> str:
        standing = self.line.standing
        return f"{self.line.kind}: {standing}"

    @property
    def advice(self) -> str:
        """The last advice, for whoever asked."""
        return next((event.why for event in reversed(self.events) if event.event.kind == EventKind.ADVISED), "")

    @property
    def agreement(self) -> str:
        found = choices.agreements().get(self.row.agreement)
        return found.label if found else self.row.agreement

    @property
    def duty(self) -> tuple[int, str] | None:
        return (self.row.duty.pk, self.row.duty.title) if self.row.duty is not None else None


class Row(Line):
    """A request in a list. `person` is None where the actor may not open the record any more: then only its way is told."""

    person: Banner | None = None


class ListPage:
    """One list of requests; `rows` are those of its page."""

    def __init__(
        self, rows: Sequence[Row], query: Query, tabs: Mapping[Tab, int], *, number: int, actor: Actor, services: Mapping[int, Service],
        reasons: Mapping[str, str], names: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.rows, self.query, self.number, self.actor = rows, query, number, actor
        self.services, self.reasons, self.names = services, reasons, names
        self.tabs = [
            (TAB_WORDS[tab], tabs[tab], address(Query(tab=tab)), tab is query.tab, tab is Tab.BOUNCED and tabs[tab] > 0)
            for tab in TAB_WORDS
        ]

    @property
    def heading(self) -> str:
        number = count(self.number, "request")
        words = {
            Tab.INBOX: f"{number} {'waits' if self.number == 1 else 'wait'} for your answer",
            Tab.PASSED: f"{number} redirected and still yours",
            Tab.CARE: f"{number} taken on or answered with advice",
            Tab.SENT: f"{number} sent by you {'is' if self.number == 1 else 'are'} open",
            Tab.BOUNCED: f"{count(self.number, 'person', 'people')} redirected {choices.figure('bounced_from')} times or more",
            Tab.ENDED: f"{number} ended",
        }
        return words.get(self.query.tab) or f"{number}: {self.asked}"

    @property
    def asked(self) -> str:
        """What a count asked, in words."""
        query = self.query
        parts = [WHAT_WORDS[query.what or What.RECEIVED].lower()]
        parts += [f"by {self._service(query.service)}"] if query.service else []
        parts += [f"to {self._service(query.to)}"] if query.to else []
        parts += [f"because “{self.reasons.get(query.reason, query.reason)}”"] if query.reason else []
        parts += [f"asked by {self.names.get(query.asker, query.asker)}"] if query.asker else []
        parts += ["asked by you"] if query.ours else []
        if query.redirects is not None:
            more = " or more" if query.redirects >= choices.figure("bounced_from") else ""
            parts.append(f"redirected {count(query.redirects, 'time')}{more}")
        return ", ".join([*parts, SINCE_WORDS[query.since]])

    def _service(self, number: int) -> str:
        found = self.services.get(number)
        return found.name if found else "a service"

    @property
    def empty(self) -> str:
        here = self.actor.organisation_name
        words = {
            Tab.INBOX: f"No request waits for an answer of {here}.",
            Tab.PASSED: f"No request that {here} redirected waits for another service.",
            Tab.CARE: f"No request is taken on by {here} and open.",
            Tab.SENT: f"No request of {here} is open.",
            Tab.BOUNCED: f"Nobody known to {here} by a request was redirected {choices.figure('bounced_from')} times or more.",
            Tab.ENDED: f"No request of or to {here} has ended.",
        }
        return words.get(self.query.tab) or f"No request matches: {self.asked}."


@dataclass(frozen=True, slots=True)
class Number:
    """A count with the list that it opens; `href` is empty for who sees numbers only."""

    text: str
    number: int
    href: str
    what: str


class CountsPage:
    """Counts both ways; each opens its list."""

    def __init__(
        self, counts: Counts, since: Since, *, actor: Actor, services: Mapping[int, Service], reasons: Mapping[str, str],
        names: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.counts, self.since, self.actor = counts, since, actor
        self.services, self.reasons, self.names = services, reasons, names
        self.bounced_from = choices.figure("bounced_from")
        self.periods = [(SINCE_WORDS[each], f"?since={each}", each is since) for each in Since]
        self.columns = [WHAT_WORDS[what] for what in What]

    @property
    def heading(self) -> str:
        bounced = self.counts.redirects.get(self.bounced_from, 0)
        asked = sum(self.counts.redirects.values())
        return f"{count(asked, 'request')}, {bounced:,} redirected {self.bounced_from} times or more ({SINCE_WORDS[self.since]})"

    def _href(self, **asked: Any) -> str:
        return "" if self.counts.whole_region else address(Query(tab=Tab.ALL, since=self.since), **asked)

    def _service(self, number: int) -> str:
        found = self.services.get(number)
        return service_words(found) if found else "a service"

    def _rows(self, found: Sequence[ServiceCounts], *, ours: bool) -> list[dict[str, Any]]:
        rows = []
        for each in sorted(found, key=lambda row: self._service(row.service)):
            numbers = [
                Number(
                    WHAT_WORDS[what],
                    each.numbers.get(what, 0),
                    self._href(what=what, service=each.service, ours=ours) if each.numbers.get(what, 0) else "",
                    f"{WHAT_WORDS[what].lower()}, {self._service(each.service)}",
                )
                for what in What
            ]
            rows.append({"name": self._service(each.service), "numbers": numbers, "first": each.first_answer, "taken": each.acceptance})
        return rows

    @property
    def ours(self) -> list[dict[str, Any]]:
        return self._rows(self.counts.ours, ours=False)

    @property
    def asked(self) -> list[dict[str, Any]]:
        return self._rows(self.counts.asked, ours=True)

    @property
    def redirections(self) -> list[dict[str, Any]]:
        return [
            {
                "from": self._service(row.service),
                "to": self._service(row.to),
                "reason": self.reasons.get(row.reason, row.reason),
                "number": Number("Requests", row.number, self._redirected(row), f"redirected to {self._service(row.to)}"),
            }
            for row in self.counts.redirections
        ]

    @property
    def sent_back(self) -> list[dict[str, Any]]:
        return [
            {
                "service": self._service(row.service),
                "reason": self.reasons.get(row.reason, row.reason),
                "number": Number(
                    "Requests",
                    row.number,
                    self._href(what=What.SENT_BACK, service=row.service, reason=row.reason),
                    f"sent back by {self._service(row.service)}",
                ),
            }
            for row in self.counts.sent_back
        ]

    def _redirected(self, row: Redirection) -> str:
        return self._href(what=What.REDIRECTED, service=row.service, to=row.to, reason=row.reason)

    @property
    def askers(self) -> list[dict[str, Any]]:
        rows = []
        for each in self.counts.askers:
            name = self.names.get(each.asker, each.asker)
            asked: tuple[tuple[str, int, dict[str, Any], str], ...] = (
                ("Asked", each.asked, {}, "asked by"),
                ("Accepted", each.accepted, {"what": What.ACCEPTED}, "accepted, asked by"),
                ("Waiting now", each.waiting, {"what": What.WAITING}, "waiting, asked by"),
                ("Bounced", each.bounced, {"redirects": self.bounced_from}, "bounced people, asked by"),
            )
            numbers = [
                Number(text, number, self._href(asker=each.asker, **how) if number else "", f"{what} {name}")
                for text, number, how, what in asked
            ]
            rows.append({"name": name, "numbers": numbers, "wait": each.whole_wait})
        return rows

    @property
    def repeated(self) -> list[Number]:
        found = []
        for times, number in self.counts.redirects.items():
            words = "never" if times == 0 else "once" if times == 1 else count(times, "time")
            words += " or more" if times == self.bounced_from else ""
            found.append(Number(words, number, self._href(redirects=times) if number else "", f"requests redirected {words}"))
        return found


class ServiceLine:
    """One entry of the directory."""

    def __init__(self, service: Service, *, may_keep: bool, answered: bool) -> None:
        self.service, self.may_keep = service, may_keep
        self.kinds = [choices.kind_label(key) for key in unbarred(service.kinds)]
        self.days = days_words(service)
        self.unanswered = "" if answered else "nobody there can answer here yet: phone or write"
