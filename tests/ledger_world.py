"""A practice, its network and a trust over a real store: people told in worked sentences, evaluated by the real engine.

world = World(settings, tmp_path); world.tell({"Ada": ["lithium 800 mg daily from 2025-01-10 every 28 days by trust"]}); world.catch_up()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stepwell import knowledge
from stepwell.engine.worked import WorkedPatient, worked
from stepwell.records.schema import TABLES
from stepwell.records.store import Store

TODAY = date(2026, 6, 1)
PRACTICE, OTHER_PRACTICE, TRUST, PCN = "A81001", "B82002", "RX9", "U00001"
NHS_NUMBERS = ("9990000018", "9990000026", "9990000034", "9990000042", "9990000050", "9990000069")

STAFF = {
    "gp": ("Dr", "Amara Osei", PRACTICE, "gp"),
    "nurse": ("", "Priya Nair", PRACTICE, "nurse"),
    "manager": ("", "Colin Marsh", PRACTICE, "practice manager"),
    "link worker": ("", "Jo Blake", PRACTICE, "link worker"),
    "other gp": ("Dr", "Sian Rees", OTHER_PRACTICE, "gp"),
    "pharmacist": ("", "Tom Reed", PCN, "pharmacist"),
    "psychiatrist": ("Dr", "Lena Hart", TRUST, "psychiatrist"),
}


# Lithium from the trust, olanzapine from the practice, and risperidone from the trust that nobody has taken on.
IRIS = [
    "female",
    "born 1980-03-14",
    "diagnosis bipolar on 2018-02-01",
    "on the caseload of trust from 2024-06-01",
    "olanzapine 10 mg daily from 2023-04-01 every 28 days",
    "lithium 800 mg daily from 2024-06-10 every 28 days by trust",
    "risperidone 2 mg daily from 2026-03-20 every 28 days by trust",
    "weight 71 on 2025-04-20",
    "lithium-level 0.6 on 2026-03-01 by trust",
]


class World:
    """Organisations and staff in the database, people in the store. `today` may be moved."""

    def __init__(self, settings: Any, folder: Path, today: date = TODAY) -> None:
        self.settings = settings
        settings.STORE = str(folder / "store")
        self.store = Store.open(settings.STORE, create=True, buckets=4)
        self.today = today
        self.people: dict[str, list[str]] = {}
        self.as_written: dict[str, str] = {}
        self.second_record_of: dict[str, str] = {}
        self.ids: dict[str, int] = {}
        self.members = _staff()

    @property
    def today(self) -> date:
        return self.settings.AS_OF

    @today.setter
    def today(self, day: date) -> None:
        self.settings.AS_OF = day

    def tell(self, people: Mapping[str, Sequence[str]], *, new_names: Mapping[str, str] | None = None) -> None:
        """The records now say this of these people; everyone told before stays. Does not evaluate."""
        self.people |= {name: list(sentences) for name, sentences in people.items()}
        inputs, self.ids = worked(
            [WorkedPatient(name, lines) for name, lines in self.people.items()], knowledge.load().tables(), self.today
        )
        tables = dict(inputs.records)
        tables["patients"] = self._named(tables["patients"])
        tables["medication_issues"] = self._uncoded(tables["medication_issues"])
        tables["organisations"] = pa.Table.from_pylist([_organisation(*row) for row in ((PRACTICE, "practice"), (TRUST, "trust"))])
        with self.store.importing() as writer:
            while writer.new_person() < max(self.ids.values()):
                pass  # these numbers are taken
            buckets = self.store.manifest.buckets
            for name, table in TABLES.items():
                if name in ("links", "rejects", "originals"):
                    continue
                rows = tables.get(name)
                rows = rows.select(table.names).cast(table.arrow_schema()) if rows is not None else table.arrow_schema().empty_table()
                if "subject_id" not in table.names:
                    writer.put(name, PRACTICE, 0, rows)
                    continue
                for bucket in range(buckets):
                    chosen = pc.equal(pc.subtract(rows["subject_id"], pc.multiply(pc.divide(rows["subject_id"], buckets), buckets)), bucket)
                    writer.put(name, PRACTICE, bucket, rows.filter(chosen))
            writer.put_links(tables["links"])
            writer.commit()

    def more(self, name: str, *sentences: str) -> None:
        """Something more is known of one person."""
        self.tell({name: [*self.people[name], *sentences]})

    def _uncoded(self, issues: pa.Table) -> pa.Table:
        """`as_written`: person → the text that stands in the record instead of the coded medicine."""
        terms = {self.ids[name]: term for name, term in self.as_written.items()}
        rows = issues.to_pylist()
        for row in rows:
            if term := terms.get(row["subject_id"] // 10):
                row.update(code=None, code_system=None, term=term, term_name=term.split()[0].lower(), strength_ug=50_000, unit="tablet")
        return pa.Table.from_pylist(rows, schema=issues.schema)

    def _named(self, patients: pa.Table) -> pa.Table:
        names = {self.ids[name]: name for name in self.people}
        rows = patients.to_pylist()
        for number, row in enumerate(rows):
            row.update(
                family_name="Worked",
                given_name=names[row["subject_id"] // 10],
                title="Ms",
                nhs_number=NHS_NUMBERS[number % len(NHS_NUMBERS)],
                nhs_status="valid",
                address="1 Mill Lane, Northvale",
                phone="01632 960001",
                birth_date=row["birth_date"] or date(1980, 3, 14),
            )
            # A record that says the same of its person as another does, but for the NHS number.
            if first := self.second_record_of.get(names[row["subject_id"] // 10]):
                row.update(given_name=first, nhs_number=None, nhs_status="missing")
        return pa.Table.from_pylist(rows, schema=patients.schema)

    def catch_up(self) -> Any:
        from stepwell.web.ledger.evaluation import catch_up

        return catch_up()

    def agree_lithium(self, name: str) -> None:
        """The trust keeps the lithium of this person, under an agreement of more than a year ago."""
        from stepwell.web.agreements.services import Line
        from stepwell.web.ledger import services

        agreed = self.today - timedelta(400)
        services.record_agreement(
            self.actor("psychiatrist"),
            self.ids[name],
            substance="lithium",
            between_org=TRUST,
            and_org=PRACTICE,
            lines=[Line("all", TRUST, "psychiatrist")],
            agreed_on=agreed,
            from_on=agreed,
            label="Northside CMHT prescribes and monitors",
        )

    def actor(self, key: str) -> Any:
        from stepwell.web.accounts.selectors import actor_for

        return actor_for(self.members[key], self.today)

    def client(self, key: str) -> Any:
        """A test client, signed in as this member of staff."""
        from django.test import Client

        from web_support import sign_in

        return sign_in(Client(), self.members[key])

    def duties(self, name: str, **only: Any) -> list[Any]:
        """Instances of a person's duties, oldest instance first."""
        from stepwell.web.ledger.models import Duty

        return list(Duty.objects.filter(person_id=self.ids[name], **only).order_by("rule_id", "subject", "point", "instance"))

    def duty(self, name: str, rule_id: str, point: str = "ongoing", *, subject: str | None = None) -> Any:
        """The latest instance of one duty."""
        only = {"rule_id": rule_id, "point": point} | ({"subject": subject} if subject else {})
        return self.duties(name, **only)[-1]

    def events(self, duty: Any) -> list[str]:
        return [event.kind for event in duty.events.order_by("id")]


def _organisation(code: str, kind: str) -> dict[str, Any]:
    return {"source": PRACTICE, "native_id": code, "version": "1", "org_code": code, "name": code, "kind": kind}


def _staff() -> dict[str, Any]:
    from stepwell.web.accounts import services
    from stepwell.web.core.actor import Actor

    setup, since = Actor.system("tests"), date(2015, 4, 1)
    organisations = {
        code: services.create_organisation(setup, code=code, name=name, kind=kind)
        for code, name, kind in (
            (PRACTICE, "Riverside Surgery", "practice"),
            (OTHER_PRACTICE, "Hillcrest Medical Centre", "practice"),
            (TRUST, "Northside CMHT", "trust"),
            (PCN, "Northvale PCN", "pcn"),
        )
    }
    services.cover_practice(setup, pcn=organisations[PCN], practice=organisations[PRACTICE], from_on=since)
    members = {}
    for key, (title, name, code, role) in STAFF.items():
        user = services.create_user(setup, username=key.replace(" ", "."), name=name, title=title)
        members[key] = services.add_membership(setup, user=user, organisation=organisations[code], role_key=role, from_on=since)
    return members


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9)
