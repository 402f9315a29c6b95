"""Services of four organisations and people they are asked for, written straight into the database: no engine, no store of records.

world = RequestsWorld(settings, tmp_path); world.quiet(monkeypatch); pk = world.ask("Ada")
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from ledger_world import OTHER_PRACTICE, PCN, PRACTICE, TODAY, TRUST
from privacy_support import join
from week_world import WeekWorld

SIDE = "VZ999"  # a voluntary organisation
ASKED: dict[str, Any] = {
    "kind": "therapy",
    "urgency": "routine",
    "need": "Help with panic on buses",
    "why_now": "Cannot get to work any more",
    "wish": "“I want to be able to travel again”",
    "agreement": "agreed",
}
# key: organisation, name, kinds, working days routine and urgent, whether triage decides there
SERVICES: dict[str, tuple[str, str, tuple[str, ...], int, int, bool]] = {
    "triage": (TRUST, "Northside triage", ("step-up", "crisis"), 5, 1, True),
    "therapy": (TRUST, "Northside talking therapy", ("therapy",), 10, 3, False),
    "review": (PCN, "Network medication review", ("medication-review",), 7, 2, False),
    "side": (SIDE, "Side by Side", ("social-prescribing",), 4, 1, False),
    "physical": (OTHER_PRACTICE, "Hillcrest group", ("other",), 3, 1, False),
}
# Who answers for each, as keys of `world.actor`.
TRIAGER = {"triage": "psychiatrist", "therapy": "therapy nurse", "review": "pharmacist", "side": "side worker", "physical": "other gp"}


class RequestsWorld(WeekWorld):
    """The organisations and staff of `World`, a voluntary organisation, managers of each, and five services."""

    def __init__(self, settings: Any, folder: Any, today: date = TODAY) -> None:
        super().__init__(settings, folder)
        from stepwell.web.accounts import services as accounts
        from stepwell.web.core.actor import Actor
        from stepwell.web.service_requests import directory
        from stepwell.web.service_requests.models import Service

        setup = Actor.system("tests")
        self.today = today
        accounts.create_organisation(setup, code=SIDE, name="Northvale Side by Side", kind="voluntary")
        accounts.create_organisation(setup, code="QX1", name="Northvale ICB", kind="icb")
        join(self, "side worker", "Ben Cole", SIDE, "link worker")
        join(self, "therapy nurse", "Marcus Bell", TRUST, "mental health nurse")
        join(self, "trust manager", "Grace Adeyemi", TRUST, "team manager")
        join(self, "commissioner", "Ola Byrne", "QX1", "commissioner")
        rows = [
            {
                "organisation": code, "name": name, "kinds": kinds, "serves": "Adults of Northvale", "contact": "01632 960109",
                "routine_days": routine, "urgent_days": urgent, "any_kind": first_door,
            }
            for code, name, kinds, routine, urgent, first_door in SERVICES.values()
        ]  # fmt: skip
        directory.seed_services(setup, rows)
        by_name = {row.name: row for row in Service.objects.select_related("organisation")}
        self.services = {key: by_name[row[1]] for key, row in SERVICES.items()}

    @staticmethod
    def quiet(monkeypatch: Any) -> None:
        """Without the engine: what requests do to duties and access is stated all the same."""
        monkeypatch.setattr("stepwell.web.service_requests.services.reevaluate", lambda person_id: True)
        monkeypatch.setattr("stepwell.web.ledger.raised.reevaluate", lambda person_id: True)

    def ask(self, person_id: int, who: str = "gp", *, to: str | None = None, on: date | None = None, **values: Any) -> int:
        """Ask for a person; gives the request's key. `to`: a key of `SERVICES`, None for triage."""
        from stepwell.web.service_requests import services

        service = self.services[to].pk if to else None
        asked = services.Asked(**(ASKED | values), service_id=service)
        return services.ask(self.actor(who), person_id, asked, on=on).request_id

    def row(self, request_id: int) -> Any:
        from stepwell.web.service_requests import selectors

        found = selectors.request_row(request_id)
        assert found is not None
        return found

    def redirect(self, request_id: int, by: str, to: str, *, reason: str = "not-our-kind", on: date | None = None) -> None:
        from stepwell.web.service_requests import services

        services.redirect(
            self.actor(TRIAGER[by]), request_id, to_service_id=self.services[to].pk, reason=reason, why=f"{to} does this", on=on
        )

    def bounce(self, person_id: int, *, asked_on: date | None = None) -> int:
        """Asked five weeks ago and redirected three times since; gives the request's key."""
        from stepwell.web.service_requests import services

        first = asked_on or self.today - timedelta(35)
        pk = self.ask(person_id, on=first)
        self.redirect(pk, "triage", "therapy", on=first + timedelta(7))
        services.not_for_us(self.actor("therapy nurse"), pk, reason="too-complex", why="Needs more than we give", on=first + timedelta(14))
        self.redirect(pk, "triage", "review", on=first + timedelta(15))
        self.redirect(pk, "review", "side", on=first + timedelta(28))
        return pk


__all__ = ["ASKED", "OTHER_PRACTICE", "PCN", "PRACTICE", "SERVICES", "SIDE", "TODAY", "TRIAGER", "TRUST", "RequestsWorld"]
