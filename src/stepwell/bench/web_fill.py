"""Fills a ledger to size: a small synthetic network through the real engine, then copied by the database, row by row, with new keys.

`python -m stepwell.bench.web_fill fill|sessions JSON` runs in a process of its own with the product's settings and prints JSON.

A copy of a person keeps duties, events, registers and medicines as the engine made them, under keys of its own; so many copies are
one more network with organisations and staff of its own. Which tables there are is asked of the models, so that a new area's rows
are copied like the others. The audit trail is not copied: its chain has one beginning.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import Field, Model

# People of one network: six practices and the share of a trust, as the demo's.
NETWORK_PEOPLE = 40_000
NUMBERS = "bench_numbers"
LEFT_OUT = {"core"}


def fill(folder: str, patients: int, duties: int, as_of: str, seed: int = 7) -> dict[str, Any]:
    """Make the sample with everything the demo has, then copy it until there are at least `duties` duties."""
    from stepwell.web.demo import build

    begun = perf_counter()
    wanted = build.Wanted(Path(folder) / "sample", patients, seed, date.fromisoformat(as_of), fresh=True)
    build.prepare(wanted)
    build.make_network(wanted, date.fromisoformat(as_of), _say)
    _setup()
    build.fill_ledger(wanted, date.fromisoformat(as_of), _say)
    sampled = perf_counter()
    counts = Copier(patients).copy(duties)
    return {**counts, "sample_seconds": round(sampled - begun, 1), "copy_seconds": round(perf_counter() - sampled, 1)}


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _setup() -> None:
    import django

    django.setup()


class Copier:
    """Copies everything about people `copies` times and every organisation and its staff once per network."""

    def __init__(self, patients: int) -> None:
        from django.db import connection

        self.connection, self.patients = connection, patients
        self.per_network = max(1, NETWORK_PEOPLE // patients)
        self.person_models, self.network_models = _models()
        self.codes = _codes()
        # Room between one copy's keys and the next one's: a round number, so that a copied row shows where it came from.
        self.room = {model: self._room(model) for model in (*self.person_models, *self.network_models)}

    def copy(self, duties: int) -> dict[str, Any]:
        from stepwell.web.ledger.models import Duty

        copies = max(0, -(-duties // max(1, Duty.objects.count())) - 1)
        networks = copies // self.per_network + 1
        self._sql("SET synchronous_commit = off")
        self._numbers()
        for model in self.network_models:
            if networks > 1:
                self._insert(model, "generate_series(1, %s) AS n", "n", [networks - 1])
        if copies:
            with self._without_indexes(self.person_models):
                self._copy_people(copies)
        for statement in self._sequences():
            self._sql(statement)
        return {"networks": networks, "copies": copies, **self._counts()}

    def _copy_people(self, copies: int) -> None:
        """One network after the other, as they would have been taken on."""
        for model in self.person_models:
            self._sql(f'CREATE TEMP TABLE "base_{model._meta.db_table}" AS SELECT * FROM "{model._meta.db_table}" ORDER BY 1')
        first = 1
        while first <= copies:
            last = min(copies, (first // self.per_network + 1) * self.per_network - 1)
            for model in self.person_models:
                source = f"(SELECT c, c / {self.per_network} AS n FROM generate_series(%s, %s) AS c) AS k"
                self._insert(model, source, "c", [first, last], base=f'"base_{model._meta.db_table}"')
            _say(f"copied to {last:,} of {copies:,}")
            first = last + 1

    def _insert(self, model: type[Model], series: str, step: str, values: list[Any], base: str = "") -> None:
        table = model._meta.db_table
        columns, shown = [], []
        for column in model._meta.concrete_fields:
            columns.append(f'"{column.column}"')
            shown.append(self._expression(model, column, step))
        rows = base or f'"{table}"'
        self._sql(f'INSERT INTO "{table}" ({", ".join(columns)}) SELECT {", ".join(shown)} FROM {rows} AS t CROSS JOIN {series}', values)

    def _expression(self, model: type[Model], column: Field[Any, Any], step: str) -> str:
        """What a column of a copy holds: its own key, the key of the copy it points to, its network's organisation."""
        from django.db import models

        given = str(column.column)
        name = f't."{given}"'
        # Organisations and staff are numbered by network, people by copy.
        if column.is_relation:
            target = column.related_model
            if target in self.person_models:
                return self._moved(name, target, "c")  # type: ignore[arg-type]
            return self._moved(name, target, "n") if target in self.network_models else name  # type: ignore[arg-type]
        if (model, given) in _SPECIAL:
            return _SPECIAL[model, given].format(name=name, numbers=NUMBERS, room=self.patients + 1)
        if column.column == "person_id" and not column.primary_key:
            return self._moved(name, _person_record(), "c")
        if column.primary_key:
            return self._moved(name, model, step)
        if isinstance(column, (models.CharField, models.TextField)):
            if column.unique:
                return f"{name} || '-' || {step}"
            if self._holds_codes(model, given):
                codes = ", ".join("'" + code + "'" for code in self.codes)
                return f"CASE WHEN n > 0 AND {name} IN ({codes}) THEN {name} || '-' || n ELSE {name} END"
        return name

    def _moved(self, name: str, model: type[Model], step: str) -> str:
        if self.room.get(model):
            return f"{name} + {step} * {self.room[model]}"
        return f"{name} || '-' || {step}"

    def _room(self, model: type[Model]) -> int:
        """Zero where the key is not a number."""
        from django.db import models

        key = model._meta.pk
        if isinstance(key, models.OneToOneField):
            return self._room(key.related_model)  # type: ignore[arg-type]
        if not isinstance(key, models.IntegerField):
            return 0
        highest = model._default_manager.order_by("-pk").values_list("pk", flat=True).first() or 0
        return 10 ** len(str(highest))

    def _holds_codes(self, model: type[Model], column: str) -> bool:
        asked = f'SELECT EXISTS (SELECT 1 FROM "{model._meta.db_table}" WHERE "{column}" = ANY(%s))'
        return bool(self._rows(asked, [list(self.codes)])[0][0])

    def _numbers(self) -> None:
        """Valid NHS numbers of the range kept for tests, one for each copied person while they last."""
        import numpy as np

        first = 999_000_000 + np.arange(1_000_000)
        digits = first[:, None] // 10 ** np.arange(8, -1, -1) % 10
        check = 11 - (digits * np.arange(10, 1, -1)).sum(axis=1) % 11
        valid = check != 10
        numbers = first[valid] * 10 + check[valid] % 11
        self._sql(f"CREATE TEMP TABLE {NUMBERS} (place bigint PRIMARY KEY, number text)")
        with self.connection.cursor() as cursor, cursor.copy(f"COPY {NUMBERS} FROM STDIN") as rows:
            for place, number in enumerate(numbers.tolist()):
                rows.write_row((place, f"{number:010d}"))

    @contextmanager
    def _without_indexes(self, models: Iterable[type[Model]]) -> Iterator[None]:
        """Indexes and constraints are built afterwards, all at once, as the database itself describes them."""
        tables = [model._meta.db_table for model in models]
        constraints = self._rows(
            """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype::text FROM pg_constraint
               WHERE conrelid::regclass::text = ANY(%s) AND contype IN ('f', 'u') ORDER BY contype""",
            [tables],
        )
        indexes = self._rows(
            """SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
               WHERE i.indrelid::regclass::text = ANY(%s) AND NOT i.indisprimary
                 AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)""",
            [tables],
        )
        for table, name, _, _ in constraints:
            self._sql(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for name, _ in indexes:
            self._sql(f"DROP INDEX {name}")
        yield
        _say("building indexes")
        for _, definition in indexes:
            self._sql(definition)
        for table, name, definition, _ in sorted(constraints, key=lambda row: row[3], reverse=True):
            self._sql(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')

    def _sequences(self) -> list[str]:
        from django.core.management.color import no_style

        return list(self.connection.ops.sequence_reset_sql(no_style(), [*self.person_models, *self.network_models]))

    def _counts(self) -> dict[str, int]:
        from stepwell.web.accounts.models import Organisation, User
        from stepwell.web.ledger.models import Duty, DutyEvent, PersonRecord

        asked = {"people": PersonRecord, "duties": Duty, "events": DutyEvent, "organisations": Organisation, "staff": User}
        open_duties = Duty.objects.filter(state="open").count()
        return {**{name: model._default_manager.count() for name, model in asked.items()}, "open_duties": open_duties}

    def _sql(self, statement: str, values: list[Any] | None = None) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)

    def _rows(self, statement: str, values: list[Any]) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())


def _person_record() -> type[Model]:
    from stepwell.web.ledger.models import PersonRecord

    return PersonRecord


class _Special(dict[tuple[Any, str], str]):
    """Columns of a person that must differ from copy to copy; read when first asked for, because models need the settings."""

    def __contains__(self, key: object) -> bool:
        if not self:
            record = _person_record()
            self[record, "nhs_number"] = (
                "CASE WHEN {name} = '' THEN '' ELSE (SELECT number FROM {numbers} WHERE place = (t.person_id + c * {room}) %% 900000) END"
            )
            self[record, "birth_date"] = "{name} + (c %% 27)::int"
        return super().__contains__(key)


_SPECIAL = _Special()


def _models() -> tuple[list[type[Model]], list[type[Model]]]:
    """Models with rows about people, and models with rows about organisations and staff; each also holds what points to such a row."""
    from django.apps import apps

    from stepwell.web.accounts.models import Organisation, User

    ours = [
        model
        for config in apps.get_app_configs()
        if config.name.startswith("stepwell.web.") and config.label not in LEFT_OUT
        for model in config.get_models()
    ]

    def points_to(model: type[Model], targets: Container[Any]) -> bool:
        return any(field.is_relation and field.related_model in targets for field in model._meta.concrete_fields)

    people = {_person_record()} | {m for m in ours if any(f.column == "person_id" for f in m._meta.concrete_fields)}
    while more := {model for model in ours if model not in people and points_to(model, people)}:
        people |= more
    networks: set[type[Model]] = {Organisation, User} | {
        model for model in ours if model not in people and any(field.column == "org_code" for field in model._meta.concrete_fields)
    }
    while more := {model for model in ours if model not in people | networks and points_to(model, networks)}:
        networks |= more
    return [model for model in ours if model in people], [model for model in ours if model in networks]


def _codes() -> list[str]:
    from stepwell.web.accounts.models import Organisation

    return sorted(Organisation.objects.values_list("code", flat=True))


# Signed-in users


def sessions(users: int, as_of: str, folder: str) -> dict[str, Any]:
    """Staff spread over the networks and their roles, signed in by the product's own verb; with people they may open, to begin with."""
    _setup()
    from django.conf import settings
    from django.contrib.auth.models import AnonymousUser
    from django.contrib.sessions.backends.db import SessionStore
    from django.test import RequestFactory

    from stepwell.records.store import Store
    from stepwell.web.accounts import services
    from stepwell.web.core import request_context
    from stepwell.web.core.permissions import Permission

    on = date.fromisoformat(as_of)
    in_store = Store.open(Path(folder) / "sample" / "store").table("links", columns=["person_id"])["person_id"].to_pylist()
    told = []
    for membership, actor in _spread(users, on):
        request = RequestFactory().get("/sign-in", REMOTE_ADDR="127.0.0.1")
        request.session, request.user = SessionStore(), AnonymousUser()  # type: ignore[assignment]
        request_context.begin()
        services.sign_in(request, membership.user, [membership])
        request_context.end()
        request.session.save()
        told.append(
            {
                "cookie_name": settings.SESSION_COOKIE_NAME,
                "cookie": request.session.session_key,
                "role": membership.role,
                "organisation": membership.organisation.kind,
                "may_record": actor.may(Permission.RECORD_RESULT),
                **_known_people(actor, on, set(in_store)),
            }
        )
    return {"users": told}


def _spread(users: int, on: date) -> list[tuple[Any, Any]]:
    """As many memberships as users, from every network in turn and every role in turn: those who work with lists of patients."""
    from stepwell.web.accounts import selectors
    from stepwell.web.accounts.models import Membership
    from stepwell.web.core.permissions import Permission

    needed = (Permission.VIEW_WORKLIST, Permission.VIEW_PATIENT, Permission.SEARCH_PATIENTS)
    by_network: dict[str, list[tuple[Any, Any]]] = {}
    for row in Membership.objects.select_related("user", "organisation").order_by("pk"):
        actor = selectors.actor_for(row, on)
        if row.user.is_active and all(actor.may(each) for each in needed):
            by_network.setdefault(row.organisation.code.partition("-")[2], []).append((row, actor))
    networks = [by_network[name] for name in sorted(by_network, key=lambda name: (len(name), name))]
    return [_pick(networks[number * len(networks) // users if users > 1 else 0], number) for number in range(users)]


def _pick(members: list[tuple[Any, Any]], number: int) -> tuple[Any, Any]:
    return members[number % len(members)]


def _known_people(actor: Any, on: date, in_store: set[int]) -> dict[str, Any]:
    from stepwell.web.ledger.selectors import visible_to

    first = list(visible_to(actor, on).filter(death_date__isnull=True).exclude(family_name="").order_by("person_id")[:400])
    chosen = first[:: max(1, len(first) // 40)]
    stored = [
        record.person_id
        for record in first
        if record.person_id in in_store and record.birth_date and record.birth_date < on - timedelta(days=20 * 365)
    ]
    return {
        "people": [record.person_id for record in chosen],
        "names": [(record.family_name, record.given_name, record.nhs_number) for record in chosen],
        "in_store": stored[:200],
    }


def main() -> int:
    # What the product says while it works belongs beside the answer, not in it.
    answer, sys.stdout = sys.stdout, sys.stderr
    tasks: dict[str, Callable[..., dict[str, Any]]] = {"fill": fill, "sessions": sessions}
    told = tasks[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps(told), file=answer, flush=True)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stepwell.web.config.settings")
    raise SystemExit(main())
