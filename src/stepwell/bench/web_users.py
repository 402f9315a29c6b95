"""People at work, simulated: each keeps one connection, thinks, opens what the pages before it named, and is timed.

Only the standard library: this runs beside the server on the same cores.
"""

from __future__ import annotations

import http.client
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

# Half worklists, a third patient pages, the rest search and actions.
MIX = (("worklist", 6), ("patient", 4), ("search", 1), ("action", 1))
TABS = ("mine", "mine", "mine", "soon", "waiting", "nobody", "done")
REGISTERS = ("antipsychotic", "lithium", "opioid", "gabapentinoid", "adhd")
_PATIENT = re.compile(r'href="/patients/(\d+)(?:["?#])')
_DUTY = re.compile(r'href="/duties/(\d+)(?:["?#])')
_HTTP_ERROR = 400
_TIMEOUT = 30


@dataclass(frozen=True, slots=True)
class Timed:
    """One request: seconds since the clock began, seconds until the last byte, what was wrong with it (empty: nothing)."""

    kind: str
    at: float
    seconds: float
    wrong: str = ""


@dataclass(slots=True)
class FoundForm:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    """The forms of a page with the values they would send as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[FoundForm] = []
        self._open = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            self.found.append(FoundForm(given.get("action") or "", (given.get("method") or "get").lower()))
            self._open = True
        elif not self._open:
            return
        elif tag == "input" and name and (given.get("type") not in {"radio", "checkbox", "submit"} or "checked" in given):
            self.found[-1].fields[name] = given.get("value") or ""
        elif tag == "textarea" and name:
            self.found[-1].fields[name] = ""
        elif tag == "select":
            self._select = name
            self.found[-1].fields.setdefault(name, "")
        elif tag == "option" and self._select and "selected" in given:
            self.found[-1].fields[self._select] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
        elif tag == "select":
            self._select = ""


def forms_of(page: str) -> list[FoundForm]:
    parser = _Forms()
    parser.feed(page)
    return parser.found


class Visitor:
    """One signed-in user of a server on this machine. `told` is what `bench.web_fill.sessions` gives of them."""

    def __init__(self, port: int, told: dict[str, Any], seed: int, today: date, began: Callable[[], float]) -> None:
        self.port, self.told, self.today, self._began = port, told, today, began
        self.draw = random.Random(seed)  # noqa: S311 - which page next, nothing secret
        self.cookies = {told["cookie_name"]: told["cookie"]}
        self.people: list[int] = list(told["people"])
        self.timed: list[Timed] = []
        self._connection: http.client.HTTPConnection | None = None

    # One request

    def ask(self, kind: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, body and where it redirects to; timed. A failure to connect has status 0."""
        begun = time.perf_counter()
        try:
            status, body, location = self._exchange(path, form)
            wrong = self._wrong(status, location)
        except (OSError, http.client.HTTPException) as error:
            self._close()
            status, body, location, wrong = 0, "", "", type(error).__name__
        ended = time.perf_counter()
        # An address can name a person by key; what went wrong is told by kind only.
        self.timed.append(Timed(kind, begun - self._began(), ended - begun, wrong))
        return status, body, location

    @staticmethod
    def _wrong(status: int, location: str) -> str:
        if status >= _HTTP_ERROR:
            return f"status {status}"
        return "signed out" if location.startswith("/sign-in") else ""

    def _exchange(self, path: str, form: dict[str, str] | None) -> tuple[int, str, str]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT)
            self._connection.connect()
            # As browsers do: a form must not wait for the acknowledgement of its headers.
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), "Accept-Encoding": "identity"}
        if form is None:
            self._connection.request("GET", path, headers=headers)
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            self._connection.request("POST", path, body=urlencode(form), headers=headers)
        answer = self._connection.getresponse()
        body = answer.read().decode("utf-8", "replace")
        for line in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        if answer.will_close:
            self._close()
        return answer.status, body, answer.getheader("Location") or ""

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # What they do

    def step(self) -> None:
        kind = self.draw.choices([kind for kind, _ in MIX], [weight for _, weight in MIX])[0]
        getattr(self, f"_{kind}")()

    def begin(self) -> None:
        """One of everything, before the clock begins."""
        self._worklist()
        self._patient()
        self._search()

    def _worklist(self) -> None:
        asked: dict[str, str] = {"tab": self.draw.choice(TABS)}
        if self.draw.random() < 0.25:
            asked["page"] = str(self.draw.randint(2, 4))
        if self.draw.random() < 0.25:
            asked["register"] = self.draw.choice(REGISTERS)
        if self.draw.random() < 0.25:
            asked["order"] = "due"
        _, body, _ = self.ask("worklist", f"/worklist?{urlencode(asked)}")
        if seen := [int(each) for each in _PATIENT.findall(body)]:
            self.people = (self.people + seen)[-200:]

    def _patient(self) -> str:
        return self.ask("patient", f"/patients/{self.draw.choice(self.people)}")[1]

    def _search(self) -> None:
        _, body, _ = self.ask("search form", "/search")
        form = next((each for each in forms_of(body) if each.method == "post" and "nhs_number" in each.fields), None)
        if form is None:
            self.timed.append(Timed("search", 0.0, 0.0, "no search form"))
            return
        family, given, number = self.draw.choice(self.told["names"])
        if number and self.draw.random() < 0.4:
            form.fields["nhs_number"] = number
        else:
            form.fields["family"] = family[: self.draw.randint(3, len(family))] if len(family) > 3 else family
            form.fields["given"] = given if self.draw.random() < 0.5 else ""
        self.ask("search", form.action or "/search", form.fields)

    def _action(self) -> None:
        """Seen, put off or a weight recorded, on what a patient page offers; where it offers nothing, a search instead."""
        if self.told["may_record"] and self.told["in_store"] and self.draw.random() < 0.5 and self._record_weight():
            return
        for _ in range(3):
            duties = _DUTY.findall(self._patient())
            if duties and self._on_duty(self.draw.choice(duties)):
                return
        self._search()

    def _on_duty(self, duty: str) -> bool:
        _, page, _ = self.ask("duty", f"/duties/{duty}")
        seen = next((form for form in forms_of(page) if form.action == f"/duties/{duty}/acknowledge"), None)
        if seen is not None and self.draw.random() < 0.5:
            return self._send(seen)
        if f"/duties/{duty}/not-this-time" not in page:
            return False
        path = f"/duties/{duty}/not-this-time"
        _, page, _ = self.ask("form", path)
        form = next((each for each in forms_of(page) if "why" in each.fields and each.method == "post"), None)
        if form is None:
            return False
        day = self.today + timedelta(days=14)
        form.fields |= {"choice": "later", "day-day": str(day.day), "day-month": str(day.month), "day-year": str(day.year)}
        form.fields["why"] = "Asked to come after the holidays"
        form.action = form.action or path
        return self._send(form)

    def _record_weight(self) -> bool:
        """A result that the engine reads: only for people whose records are in the store."""
        path = f"/patients/{self.draw.choice(self.told['in_store'])}/results"
        _, page, _ = self.ask("form", path)
        form = next((each for each in forms_of(page) if "value-weight" in each.fields), None)
        if form is None:
            return False
        form.fields["value-weight"] = f"{self.draw.uniform(60, 90):.1f}"
        form.fields |= {"on-day": str(self.today.day), "on-month": str(self.today.month), "on-year": str(self.today.year)}
        form.action = form.action or path
        return self._send(form, kind="result")

    def _send(self, form: FoundForm, kind: str = "action") -> bool:
        _, _, location = self.ask(kind, form.action, form.fields)
        if location:
            self.ask("patient", location)
        return True


def work(visitors: Sequence[Visitor], *, seconds: float, think: float, clock: Callable[[], float]) -> None:
    """Everybody at once until `seconds` after the clock began; what began before the end is waited for."""

    def busy(visitor: Visitor) -> None:
        # Not all at the same moment.
        time.sleep(visitor.draw.uniform(0, think))
        while time.perf_counter() - clock() < seconds:
            visitor.step()
            time.sleep(visitor.draw.uniform(0.5, 1.5) * think)

    threads = [threading.Thread(target=busy, args=[visitor]) for visitor in visitors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
