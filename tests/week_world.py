"""People and duties written straight into the database, for tests of lists that need many of them: no engine, no store of records.

week = WeekWorld(settings, tmp_path); ada = week.person("Ada", points=3); week.duty(ada, "lithium.level", due=TODAY)
"""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import Any

from ledger_world import PRACTICE, TODAY, World
from stepwell import knowledge

WHY = {"kind": "csv", "why": "Calling people for blood tests"}  # what the form for a file is sent
MONDAY = TODAY  # the first of June 2026 is a Monday


class WeekWorld(World):
    """The organisations and staff of `World`; today is a Monday."""

    def __init__(self, settings: Any, folder: Any) -> None:
        super().__init__(settings, folder)
        self._number = 0
        self._rules = {row["rule_id"]: row for row in knowledge.load().tables()["k_rule"].to_pylist()}

    def person(self, given: str, *, family: str = "Week", points: int = 0, practice: str = PRACTICE) -> int:
        """Registered at the practice; gives the key."""
        from stepwell.web.ledger.models import PersonRecord, Relationship

        self._number += 1
        row = PersonRecord.objects.create(
            person_id=self._number,
            family_name=family,
            given_name=given,
            search_name=f"{family} {given}".lower(),
            birth_date=date(1970, 1, 1) + timedelta(days=self._number),
            nhs_number=f"{9_990_000_000 + self._number}",
            gp_org=practice,
            points=points,
            reasons=[{"label": "Overdue", "points": points}] if points else [],
        )
        Relationship.objects.create(person=row, org_code=practice, kind="registration")
        self.ids[given] = row.person_id
        return row.person_id

    def duty(self, person_id: int, rule_id: str, *, due: date = TODAY, subject: str = "", owner: str = PRACTICE, **values: Any) -> Any:
        """An open duty of a rule of the pack; its role is the rule's unless given."""
        from stepwell.web.ledger.models import Duty

        rule = self._rules[rule_id]
        return Duty.objects.create(
            person_id=person_id,
            rule_id=rule_id,
            subject=subject or rule["set_name"],
            point=values.pop("point", "ongoing"),
            instance=1,
            rule_version=rule["version"],
            kind=rule["kind"],
            title=rule["title"],
            test=rule["test"] or "",
            due_on=due,
            owner_org=owner,
            owner_role=values.pop("owner_role", rule["role"]),
            priority=values.pop("priority", rule["points"] or 0),
            opened_as_of=TODAY,
            **values,
        )

    def hours(self, minutes: list[int], *, role: str = "nurse", monday: date = MONDAY, who: str = "manager") -> None:
        """Minutes of seven days, entered by a manager."""
        from stepwell.web.week import services
        from stepwell.web.week.rota import Cell

        services.set_hours(self.actor(who), monday, {Cell(monday + timedelta(days=n), role): each for n, each in enumerate(minutes)})

    def week(self, who: str = "manager", monday: date = MONDAY) -> Any:
        """The plan as this member of staff sees it."""
        from stepwell.web.week.selectors import Asked, week_for

        actor = self.actor(who)
        return week_for(Asked(actor, monday, self.today, actor.organisations))


def taken(response: Any) -> list[list[str]]:
    """The rows of a CSV file, without the lines above the columns."""
    assert response.status_code == 200, response.content.decode()[:300]
    data = b"".join(response.streaming_content).decode().removeprefix("\ufeff")
    return [row for row in csv.reader(io.StringIO(data, newline="")) if len(row) > 1]


def by_column(rows: list[list[str]], name: str) -> list[str]:
    return [row[rows[0].index(name)] for row in rows[1:]]
