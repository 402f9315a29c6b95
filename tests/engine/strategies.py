"""Hypothesis strategies: batches of people with nasty histories, and small random rule tables.

Dates are drawn as days before `as_of`, mostly from the edges where the rules change their mind (28, 56, 60/61, 84 days, months, years).
Everything a history mentions (product codes, tests, conditions, rule keys) comes from the knowledge tables it is drawn for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
from builders import PARAMETERS, point, rule, small_knowledge, table
from hypothesis import strategies as st

from stepwell.engine.inputs import Inputs
from stepwell.records.schema import TABLES, WORKFLOW

Draw = Callable[[st.SearchStrategy[Any]], Any]

PRACTICE, OTHER_PRACTICE, TRUST, OTHER_TRUST, PRIVATE, HOSPITAL = "A81001", "B82002", "RX9", "RTR", "PRV01", "Y00001"
AS_OF = [date(2026, 6, 1), date(2026, 3, 31), date(2024, 2, 29), date(2025, 3, 1)]
EDGES = [
    0,
    1,
    2,
    7,
    14,
    27,
    28,
    29,
    30,
    31,
    55,
    56,
    57,
    59,
    60,
    61,
    62,
    83,
    84,
    85,
    88,
    89,
    90,
    91,
    92,
    112,
    116,
    117,
    120,
    121,
    149,
    180,
    183,
    270,
]
FROM_START = [-93, -92, -91, -1, 0, 13, 14, 15, 27, 28, 29, 55, 56, 57, 84, 89, 90, 182, 183, 274, 275, 276, 300, 365, 366, 400, 640]
RECENTLY = [0, 0, 1, 7, 14, 27, 28, 29, 56, 57, 88, 89, 200]
YEARS = [0, 364, 365, 366, 730, 731, 1095, 1826]

_edges = st.builds(lambda edge, year: edge + year, st.sampled_from(EDGES), st.sampled_from(YEARS))
ago = st.one_of(st.sampled_from(EDGES), _edges, st.integers(0, 1300))
around = st.one_of(ago, st.integers(-40, -1))
"""Days before as_of; negative ones lie in the future and must not be read."""


def maybe(strategy: st.SearchStrategy[Any], *, often: bool = False) -> st.SearchStrategy[Any]:
    return st.one_of(strategy, strategy, strategy, st.none()) if often else st.one_of(st.none(), strategy)


@dataclass(frozen=True)
class Catalogue:
    """What histories may mention."""

    tables: Mapping[str, pa.Table]
    substances: list[str]
    products: dict[str, list[dict[str, Any]]]
    names: dict[str, list[str]]
    tests: list[dict[str, Any]]
    test_keys: list[str]
    conditions: list[dict[str, Any]]
    keys: list[tuple[str, str, str]]
    lines: list[str]


def catalogue(tables: Mapping[str, pa.Table], most_products: int = 4) -> Catalogue:
    """Medicines that rules or registers speak of, a few products of each, and every test and condition that rules mention."""
    rows = {name: found.to_pylist() for name, found in tables.items()}
    members: dict[str, list[str]] = {}
    for row in rows["k_set"]:
        members.setdefault(row["set_name"], []).append(row["substance"])
    asked = {row[column] for row in rows["k_rule"] for column in ("set_name", "set_b", "set_c")} | {
        row["set_name"] for row in rows["k_register"]
    }
    asked |= {row["subject"] for row in rows["k_when"] if row["fact"] == "takes"}
    coded = {row["substance"] for row in rows["k_product"]} | {row["substance"] for row in rows["k_name"]}
    substances = sorted({substance for name in asked for substance in members.get(name, [])} & coded)

    products: dict[str, list[dict[str, Any]]] = {substance: [] for substance in substances}
    for row in sorted(
        rows["k_product"], key=lambda row: (row["unit"] is None, row["strength_ug"] is None, row["code_system"], row["code"])
    ):
        kept = products.get(row["substance"])
        if (
            kept is not None
            and len(kept) < most_products
            and (row["unit"], row["strength_ug"]) not in {(k["unit"], k["strength_ug"]) for k in kept}
        ):
            kept.append(row)
    names = {substance: [row["term_name"] for row in rows["k_name"] if row["substance"] == substance][:2] for substance in substances}

    tests = {row["test"] for row in rows["k_rule"]} | {row["test"] for row in rows["k_band"]}
    tests |= {row["subject"] for row in rows["k_when"] if row["fact"] in ("last", "falling")} | {"egfr"}
    test_codes: dict[tuple[str, str | None], dict[str, Any]] = {}
    for row in rows["k_test_code"]:
        if row["test"] in tests:
            test_codes.setdefault((row["test"], row["unit"]), row)
    conditions: dict[str, dict[str, Any]] = {}
    for row in rows["k_condition_code"]:
        conditions.setdefault(row["condition"], row)

    keys = []
    for row in rows["k_rule"]:
        points = sorted({point["point"] for point in rows["k_point"] if point["rule_id"] == row["rule_id"]} | {"ongoing"})
        if row["kind"] == "combination":
            subjects = ["+".join(row[name] for name in ("set_name", "set_b", "set_c") if row[name] is not None)]
        elif row["per"] == "class" and row["kind"] not in ("licence", "agree"):
            subjects = [row["set_name"]]
        else:
            subjects = [name for name in sorted(members.get(row["set_name"], [])) if name in products]
        keys += [(row["rule_id"], subject, name) for subject in subjects for name in points]
    lines = ["all", "prescribe", *sorted(test for test in tests if test), *sorted(row["rule_id"] for row in rows["k_rule"])]
    return Catalogue(
        tables,
        substances,
        products,
        names,
        list(test_codes.values()),
        sorted(test for test in tests if test),
        list(conditions.values()),
        keys,
        lines,
    )


@dataclass
class Batch:
    """Rows of a batch while it is drawn."""

    draw: Draw
    catalogue: Catalogue
    as_of: date
    pool: list[str]
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    starts: list[date] = field(default_factory=list)
    """Days on which something of the present person began."""
    results: list[date] = field(default_factory=list)

    def choose(self, options: list[Any]) -> Any:
        return self.draw(st.sampled_from(options))

    def day(self, days_ago: st.SearchStrategy[int] = around) -> date:
        return self.as_of - timedelta(days=self.draw(days_ago))

    def maybe_day(self, days_ago: st.SearchStrategy[int] = around) -> date | None:
        return self.day(days_ago) if self.draw(st.booleans()) else None

    def day_near_start(self) -> date:
        """A day on or beside an edge of a window that counts from a course."""
        if not self.starts or self.chance(3):
            return self.day()
        return self.choose(self.starts) + timedelta(days=self.draw(st.sampled_from(FROM_START)))

    def chance(self, of: int) -> bool:
        """True about once in `of`; shrinks to False."""
        return self.draw(st.integers(0, of - 1)) == of - 1

    def put(self, name: str, **values: Any) -> None:
        self.rows.setdefault(name, []).append(values)

    def put_record(self, name: str, subject: tuple[int, str], **values: Any) -> None:
        number = len(self.rows.get(name, []))
        self.put(name, subject_id=subject[0], source=subject[1], native_id=f"{name[:3]}{number}", version="1", **values)

    def inputs(self) -> Inputs:
        def tables(schemas: Mapping[str, Any]) -> dict[str, pa.Table]:
            return {
                name: pa.Table.from_pylist(
                    [{**dict.fromkeys(schemas[name].names), **row} for row in rows], schema=schemas[name].arrow_schema()
                )
                for name, rows in self.rows.items()
                if name in schemas
            }

        return Inputs(tables(TABLES), tables(WORKFLOW), dict(self.catalogue.tables))


SETTINGS = [
    ("gp", PRACTICE),
    ("gp", PRACTICE),
    ("gp", PRACTICE),
    ("trust", TRUST),
    ("private", PRIVATE),
    ("unknown", None),
    ("pharmacy", "FA001"),
    ("gp", OTHER_PRACTICE),
]
ODD_SETTINGS = [
    ("unknown", PRACTICE),
    ("unknown", TRUST),
    ("trust", None),
    (None, PRACTICE),
    ("trust", OTHER_TRUST),
    ("pharmacy", PRACTICE),
]
DOSE_UNITS = ["tablet", "mg", "capsule", "ml", "microgram", "gram", "dose", "unit", "patch"]
QUANTITY_UNITS = ["tablet", "capsule", "ml", "mg", "dose", "other", "packs"]
STATUSES = ["completed", "completed", "completed", "active", "stopped", "cancelled", "draft", "entered in error", "unknown", "on hold"]


def _medicine_columns(batch: Batch) -> dict[str, Any]:
    substance = batch.choose(batch.pool)
    found = batch.catalogue.products[substance]
    names = batch.catalogue.names[substance] or [substance]
    columns: dict[str, Any] = {"degraded": False, "as_required": False, "dose_status": "none"}
    if found and not batch.chance(4):
        product = batch.choose(found)
        columns.update(code=product["code"], code_system=product["code_system"], term=f"{substance} as coded", term_name=substance)
        own_unit = product["unit"]
    else:
        name = batch.choose(names)
        own_unit = batch.choose(["tablet", "capsule", "ml", "other"])
        columns.update(
            code=batch.choose([None, "no-such-code"]),
            code_system=batch.choose(["snomed", "emis", None]),
            term=f"{name.title()} 5mg",
            term_name=name,
        )
        columns.update(strength_ug=batch.choose([5_000, None, 500]), unit=batch.choose([own_unit, None]))
    if batch.chance(12):
        columns.update(code="coded-by-hand", code_system="emis", term=batch.choose(["Odd Name 5mg", "odd name 5mg"]))
        if batch.chance(2):
            columns["code"] = None
    setting, org = batch.choose(ODD_SETTINGS if batch.chance(5) else SETTINGS)
    columns.update(setting=setting, org_code=org)

    instruction = batch.choose(["structured", "structured", "structured", "text", "text", "none", "not understood", "as required"])
    if instruction in ("structured", "text", "as required"):
        high = batch.choose([1_000, 2_000, 500, 3_000, 10_000, 400_000, 0, 1, None])
        unit = own_unit if batch.draw(st.booleans()) else batch.choose(DOSE_UNITS)
        columns.update(
            dose_high_milli=high, dose_low_milli=high, dose_unit=unit, dose_status="text" if instruction == "as required" else instruction
        )
        columns["as_required"] = instruction == "as required"
    else:
        columns["dose_status"] = instruction
    columns["dose_text"] = batch.choose([None, "one daily", "two daily"])
    if batch.draw(st.booleans()):
        unit = own_unit if batch.draw(st.booleans()) else batch.choose([*QUANTITY_UNITS, None])
        columns.update(quantity_milli=batch.choose([28_000, 56_000, 14_000, 0, 7_000, 300_000, 1_000]), quantity_unit=unit)
    columns["days_supply"] = batch.choose([None, None, 28, 28, 7, 56, 84, 0, 400])
    return columns


def _series(batch: Batch, subject: tuple[int, str]) -> None:
    """Issues of one prescription at an interval, with an odd gap, a double, or a change of dose now and then."""
    columns = _medicine_columns(batch)
    every = batch.choose([28, 28, 30, 7, 56, 84, 1, 14, 88])
    count = batch.draw(st.integers(1, 9))
    on = batch.day(around) if batch.chance(3) else batch.as_of - timedelta(days=every * (count - 1) + batch.choose(RECENTLY))
    batch.starts.append(on)
    for _ in range(count):
        row = {**columns, "issued_on": on, "status": "completed"}
        oddity = batch.draw(st.integers(0, 19))
        if oddity == 19:
            row["status"] = batch.choose(STATUSES)
        elif oddity == 18:
            row["days_supply"] = batch.choose([None, 1, 60, 200])
        elif oddity == 17:
            columns = {**columns, "dose_high_milli": batch.choose([1_000, 1_500, 4_000])}
        elif oddity == 16:
            setting, org = batch.choose(SETTINGS)
            columns = {**columns, "setting": setting, "org_code": org}
        elif oddity == 15:
            batch.put_record("medication_issues", subject, **row)
        elif oddity == 14:
            row["issued_on"] = None
        elif oddity == 13:
            row["plan_id"] = "med0"
        batch.put_record("medication_issues", subject, **row)
        gap = batch.choose([0, 0, 0, 0, 1, -3, 32, 33, 60, 61, 89])
        on += timedelta(days=max(0, every + gap))


def _plan(batch: Batch, subject: tuple[int, str]) -> None:
    reason = batch.choose(batch.catalogue.conditions) if batch.catalogue.conditions and batch.draw(st.booleans()) else None
    batch.put_record(
        "medication_plans",
        subject,
        **_medicine_columns(batch),
        status=batch.choose(["active", "active", "active", "stopped", "entered in error", None]),
        kind="repeat",
        elsewhere=batch.choose([True, False, True, None]),
        started_on=batch.maybe_day(),
        asserted_on=batch.maybe_day(),
        review_on=batch.maybe_day(st.integers(-400, 400)),
        ended_on=batch.maybe_day(),
        intended_end_on=batch.maybe_day(st.integers(-400, 400)),
        indication_code=reason["code"] if reason and reason["code_system"] == "snomed" else batch.choose([None, "no-such-code"]),
        indication_text=batch.choose([None, None, "for sleep", " ", "anxious"]),
    )


def _result(batch: Batch, subject: tuple[int, str]) -> None:
    code = batch.choose(batch.catalogue.tests)
    unit = code["unit"] if batch.draw(st.booleans()) else batch.choose([None, "no such unit", "KG", "mg/l"])
    on = batch.day_near_start()
    batch.results.append(on)
    row = {
        "code": code["code"],
        "code_system": code["code_system"],
        "effective_on": on,
        "precision": batch.choose(["day", "month"]),
        "value_milli": batch.choose(
            [None, 600, 800, 799, 999, 1_000, 1_999, 2_000, 59_000, 60_000, 44_000, 45_000, 75_000, 80_500, 7, 140_000]
        ),
        "value_unit": unit,
        "comparator": batch.choose([None, None, None, "<", ">="]),
        "status": batch.choose(["final", "final", "final", "amended", "cancelled", "entered in error", None]),
        "org_code": PRACTICE,
    }
    batch.put_record("observations", subject, **row)
    if batch.chance(4):
        batch.put_record("observations", subject, **{**row, "value_milli": batch.choose([row["value_milli"], None, 850])})


def _condition(batch: Batch, subject: tuple[int, str]) -> None:
    code = batch.choose(batch.catalogue.conditions)
    batch.put_record(
        "conditions",
        subject,
        code=code["code"],
        code_system=code["code_system"],
        onset_on=batch.maybe_day(),
        recorded_on=batch.maybe_day(),
        ended_on=batch.maybe_day() if batch.chance(3) else None,
        status=batch.choose(["active", "active", None, "unknown", "resolved", "refuted", "entered in error"]),
    )


def _answers(batch: Batch, person_id: int) -> None:
    def several(most: int) -> range:
        return range(batch.draw(st.integers(0, most)))

    keys = [key for key in batch.catalogue.keys if key[1] in batch.pool or key[1] not in batch.catalogue.products] or batch.catalogue.keys
    for _ in several(3):
        rule_id, subject, name = batch.choose(keys)
        if batch.results and batch.chance(4):
            name = str(batch.choose(batch.results))
        kind = batch.choose(["done", "declined", "not applicable"])
        row = {
            "rule_id": rule_id,
            "subject": subject,
            "point": name,
            "kind": kind,
            "on_date": batch.day_near_start(),
            "label": batch.choose([None, "as said"]),
        }
        batch.put("dispositions", person_id=person_id, **row, until=batch.maybe_day() if kind == "not applicable" else None)
    for number in several(2):
        batch.put(
            "agreement_lines",
            person_id=person_id,
            agreement_id=f"a{number}",
            substance=batch.choose(batch.pool),
            line=batch.choose(["all", "prescribe", *batch.catalogue.lines]),
            owner_org=batch.choose([PRACTICE, TRUST, OTHER_TRUST, None]),
            owner_role=batch.choose([None, "psychiatrist"]),
            from_on=batch.day(),
            to_on=batch.maybe_day(),
            label=batch.choose([None, "agreed"]),
        )
    if batch.chance(3):
        batch.put(
            "owner_assertions",
            person_id=person_id,
            substance=batch.choose(batch.pool),
            owner_org=batch.choose([PRACTICE, TRUST, None]),
            owner_role=None,
            from_on=batch.day(),
            to_on=batch.maybe_day(),
            label=batch.choose([None, "said so"]),
        )
    for _ in several(2):
        value = batch.choose([None, 600, 1_000, 80_000, 45_000])
        batch.put(
            "recorded_results",
            person_id=person_id,
            test=batch.choose(batch.catalogue.test_keys),
            effective_on=batch.day_near_start(),
            value_milli=value,
        )


def _person(batch: Batch, person_id: int) -> None:
    batch.starts, batch.results = [], []
    subjects = [(person_id * 10, PRACTICE)]
    if batch.chance(3):
        subjects.append((person_id * 10 + 1, TRUST))
    for number, (subject_id, source) in enumerate(subjects):
        link = {
            "person_id": person_id,
            "source": source,
            "local_id": str(subject_id),
            "method": "person",
            "linked_at": datetime(2000, 1, 1),
        }
        batch.put("links", subject_id=subject_id, **link)
        if batch.chance(8):
            batch.put("links", subject_id=subject_id, **{**link, "person_id": person_id + 1000, "undone_at": datetime(2001, 1, 1)})
        if number == 0 and batch.chance(15):
            continue
        batch.put_record(
            "patients",
            (subject_id, source),
            birth_date=batch.day(st.sampled_from([8_000, 23_741, 23_742, 23_743, 27_394, 30_000, 6_574])) if not batch.chance(8) else None,
            death_date=batch.day() if batch.chance(12) else None,
            sex=batch.choose(["female", "male", "other", None]),
            org_code=source,
            gp_org_code=batch.choose([PRACTICE, OTHER_PRACTICE, None]),
        )
    main = subjects[0]
    for _ in range(batch.choose([1, 1, 1, 0, 2])):
        ended = batch.maybe_day() if batch.chance(5) else None
        org = batch.choose([PRACTICE, PRACTICE, PRACTICE, OTHER_PRACTICE])
        batch.put_record("registrations", main, org_code=org, kind="registration", started_on=batch.maybe_day(around), ended_on=ended)
    if batch.chance(4):
        org = batch.choose([TRUST, OTHER_TRUST, None])
        batch.put_record(
            "registrations", subjects[-1], org_code=org, kind="caseload", started_on=batch.maybe_day(), ended_on=batch.maybe_day()
        )

    def of_someone() -> tuple[int, str]:
        return batch.choose(subjects)

    for _ in range(batch.draw(st.integers(1, 4))):
        _series(batch, of_someone())
    for _ in range(batch.choose([0, 1, 0, 2])):
        _plan(batch, of_someone())
    for _ in range(batch.draw(st.integers(2, 10))):
        _result(batch, of_someone())
    for _ in range(batch.draw(st.integers(0, 2)) if batch.catalogue.conditions else 0):
        _condition(batch, of_someone())
    if batch.chance(3):
        batch.put_record(
            "letters", main, from_org=batch.choose([TRUST, PRACTICE, None]), to_org=PRACTICE, sent_on=batch.day(), title="letter"
        )
    _answers(batch, person_id)


@st.composite
def batches(draw: Draw, found: Catalogue, most: int = 10, medicines: int = 6) -> tuple[Inputs, date]:
    """Inputs for up to `most` people who share a pool of medicines, and the day to evaluate them on."""
    size = min(medicines, len(found.substances))
    pool = draw(st.lists(st.sampled_from(found.substances), min_size=min(2, size), max_size=size, unique=True))
    batch = Batch(draw, found, draw(st.sampled_from(AS_OF)), pool)
    for person_id in range(1, draw(st.integers(1, most)) + 1):
        _person(batch, person_id)
    if batch.chance(3):
        batch.put("organisations", source=PRACTICE, native_id="1", version="1", org_code=HOSPITAL, kind="practice")
        batch.put("organisations", source=PRACTICE, native_id="2", version="1", org_code=TRUST, kind="trust")
    if batch.chance(2):
        decided = {
            "substance": batch.choose([None, *batch.pool]),
            "strength_ug": batch.choose([None, 2_000]),
            "unit": batch.choose([None, "tablet"]),
        }
        code = batch.choose([None, "coded-by-hand"])
        batch.put("codings", code_system="emis", code=code, term="odd name 5mg", **decided, label="decided")
    if batch.chance(2):
        pack = found.tables["k_pack"].to_pylist()[0]
        version = batch.choose([pack["version"], "another"])
        batch.put("approvals", org_code=PRACTICE, pack=pack["pack"], version=version, approved_on=batch.maybe_day(), label="approved")
    return batch.inputs(), batch.as_of


_months = st.integers(1, 14)


@st.composite
def random_knowledge(draw: Draw) -> dict[str, pa.Table]:
    """The small knowledge with random rules: windows, intervals, sets and conditions such as the knowledge check allows."""
    choose = lambda options: draw(st.sampled_from(options))  # noqa: E731
    sets = ["alpha", "beta", "gamma", "delta", "greek", "early", "late"]
    tests = ["level", "weight", "egfr", "review"]
    rules, points, whens, bands = [], [], [], []
    for number in range(draw(st.integers(1, 4))):
        kind = choose(["monitor", "monitor", "review", "combination", "result", "licence", "agree"])
        rule_id = f"r{number}"
        combination = draw(st.lists(st.sampled_from(sets), min_size=2, max_size=3, unique=True))
        rules.append(
            rule(
                rule_id,
                kind=kind,
                per=choose(["substance", "class"]),
                set_name=combination[0],
                set_b=combination[1] if kind == "combination" else None,
                set_c=combination[2] if kind == "combination" and len(combination) == 3 else None,
                test=choose([*tests, None]),
                after_months=choose([None, None, 1, 6]),
                after_days=choose([None, None, 28]),
                lookback_months=choose([3, 0, None, 12]),
                owner=choose(["ruling", "practice", "specialist"]),
                escalate_days=choose([None, 14]),
                points=choose([0, 1, 3, None]),
                mark=choose(["V", "P"]),
            )
        )
        if kind == "result":
            low, high = choose([(None, 1_000), (1_000, 2_000), (1_000, None), (45_000, 80_000)])
            closed = {"low_closed": draw(st.booleans()), "high_closed": draw(st.booleans())}
            bands.append({"rule_id": rule_id, "test": choose(["level", "egfr", "weight"]), "low_milli": low, "high_milli": high, **closed})
            points.append(
                point(rule_id, "trigger", 1, "window", anchor="trigger", due_days=choose([None, 7, 30]), lapse_days=choose([None, 90]))
            )
        elif kind != "agree":
            points += _points(draw, rule_id)
        for part in draw(st.lists(st.sampled_from(["applies", "unless", "sooner"]), max_size=2, unique=True)):
            whens += _whens(draw, rule_id, part)
    base = small_knowledge()
    parameters = {**PARAMETERS, "carry_cap_days": choose([28, 0, 7]), "interval_min_issues": choose([3, 2]), "min_days": choose([1, 7])}
    return {
        **base,
        "k_param": table("k_param", [{"name": name, "value": value} for name, value in parameters.items()]),
        "k_rule": table("k_rule", rules),
        "k_point": table("k_point", points),
        "k_when": table("k_when", whens),
        "k_band": table("k_band", bands),
    }


def _points(draw: Draw, rule_id: str) -> list[dict[str, Any]]:
    choose = lambda options: draw(st.sampled_from(options))  # noqa: E731
    points: list[dict[str, Any]] = []
    if draw(st.booleans()):
        end = choose([{}, {"to_days": 14}, {"to_months": 2, "to_days": -1}])
        lapse = choose([{}, {"lapse_months": 12}, {"lapse_days": 90}])
        anchor = choose(["start", "change"])
        points.append(
            point(
                rule_id,
                "baseline",
                1,
                "window",
                anchor=anchor,
                from_months=choose([None, -3, 0]),
                due_days=choose([None, 7]),
                **end,
                **lapse,
            )
        )
    opening, closing = choose([0, 14, 56]), 0
    anchor = choose(["start", "change"])
    chain = draw(st.integers(0, 3))
    for number in range(chain):
        span = draw(st.integers(30, 200))
        opening = max(opening, closing - draw(st.integers(0, 25)))
        before_last, closing = closing, opening + span
        lapse = {"lapse_days": closing} if number < chain - 1 or draw(st.booleans()) else {}
        points.append(
            point(
                rule_id,
                f"point {number}",
                2 + number,
                "chain",
                anchor=anchor,
                from_days=opening,
                due_days=opening + draw(st.integers(0, 30)),
                **lapse,
            )
        )
        opening = max(before_last, opening + 26)
    if draw(st.booleans()):
        anchor = choose(["start", "change"])
        sooner = choose([{}, {"sooner_months": 3}, {"sooner_days": 400}])
        if draw(st.booleans()):
            points.append(point(rule_id, "ongoing", 8, "ongoing", anchor=anchor, every_months=draw(_months), until_months=12, **sooner))
        points.append(
            point(
                rule_id,
                "ongoing",
                9,
                "ongoing",
                anchor=anchor,
                **choose([{"every_months": 6}, {"every_days": 90}, {"every_months": 12}]),
                **sooner,
            )
        )
    return points


def _whens(draw: Draw, rule_id: str, part: str) -> list[dict[str, Any]]:
    choices = [
        ("age", "", ">=", 65),
        ("age", "", "<", 75),
        ("age", None, ">", 18),
        ("sex", "female", "is", None),
        ("has", "psychosis", "is", None),
        ("has", "frail", "is", None),
        ("takes", "late", "is", None),
        ("takes", "beta", "is", None),
        ("last", "level", ">=", 800),
        ("last", "egfr", "<=", 45_000),
        ("falling", "egfr", "is", None),
    ]
    rows = []
    for group in range(1, draw(st.integers(1, 2)) + 1):
        for seq in range(1, draw(st.integers(1, 2)) + 1):
            fact, subject, op, value = draw(st.sampled_from(choices))
            rows.append(
                {
                    "rule_id": rule_id,
                    "part": part,
                    "grp": group,
                    "seq": seq,
                    "fact": fact,
                    "subject": subject,
                    "op": op,
                    "value": value,
                    "label": "it is so",
                }
            )
    return rows
