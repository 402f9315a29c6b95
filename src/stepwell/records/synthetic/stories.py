"""People made by hand, the same in every network, so that a walk through the demo and its tests can find them by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from stepwell.records.synthetic.catalogue import Catalogue
from stepwell.records.synthetic.chart import Chart, Issue, Letter, Measurement, Plan, Problem, Stay
from stepwell.records.synthetic.people import Person, nhs_numbers

TWO_OWNERS = ("Iris", "Fairweather")
WRONG_BIRTH_DATE = ("George", "Ashdown")


def story(catalogue: Catalogue, seed: int, person: Person, as_of: int) -> list[Chart] | None:
    """The charts of the hand-made person who stands at this place, or nothing. The rest of the network does not notice."""
    maker = _MAKERS.get((person.place, person.index))
    return maker(catalogue, _somebody(catalogue, seed, person, as_of), as_of) if maker else None


def _somebody(catalogue: Catalogue, seed: int, person: Person, as_of: int) -> Person:
    """The person's place in the network with a plain identity; the NHS number comes from the far end of the seed's order."""
    given, family, female, born = {
        0: (*TWO_OWNERS, True, date.fromordinal(as_of).replace(day=14, month=3)),
        1: (*WRONG_BIRTH_DATE, False, date.fromordinal(as_of).replace(day=2, month=9)),
    }[person.index]
    years = {0: 46, 1: 58}[person.index]
    return replace(
        person,
        given=given,
        family=family,
        female=female,
        title="Ms" if female else "Mr",
        born=born.replace(year=born.year - years).toordinal(),
        address=f"{14 + person.index} Mill Lane, {catalogue.names.towns[0]}",
        phone=f"07700 90000{person.index + 1}",
        language="pl" if person.index == 0 else None,
        interpreter=person.index == 0,
        nhs_number=str(nhs_numbers(seed)[-1 - person.index]),
        died=None,
        moved=None,
        classes=("antipsychotic", "lithium"),
    )


def _charts(catalogue: Catalogue, person: Person, as_of: int) -> tuple[Chart, Chart]:
    practice, trust = catalogue.network.practices[person.place].code, catalogue.network.trust.code
    gp = Chart(person, practice, f"{practice}-{person.index:06d}", person.born, practice, stays=[Stay(as_of - 3200)])
    other = Chart(person, trust, f"N{person.place + 1}{person.index:06d}", person.born, practice, stays=[Stay(as_of - 520)])
    return gp, other


def _monthly(catalogue: Catalogue, key: str, pattern: str, org: str, *, since: int, as_of: int) -> Plan:
    product, dose = catalogue.medicines.products[key], catalogue.doses.patterns[pattern]
    plan = Plan(product, dose, dose.texts[0].replace("{u}", product.unit), "repeat", org, since)
    plan.quantity = dose.per_day * plan.days
    plan.issues = [Issue(day, plan.quantity) for day in range(since, as_of + 1, plan.days)]
    return plan


def _result(catalogue: Catalogue, test: str, on: int, value: float, second: float | None = None) -> Measurement:
    return Measurement(test, on, value, catalogue.results.tests[test].unit, second)


def _two_owners(catalogue: Catalogue, person: Person, as_of: int) -> list[Chart]:
    """Olanzapine from the practice for years, lithium from the trust, and quetiapine that the trust added and nobody took on."""
    gp, trust = _charts(catalogue, person, as_of)
    bipolar = catalogue.medicines.conditions["bipolar"]
    gp.problems.append(Problem(bipolar, as_of - 3000))
    olanzapine = _monthly(catalogue, "olanzapine-10", "1 night", gp.org, since=as_of - 1100, as_of=as_of)
    olanzapine.reason, olanzapine.reason_text, olanzapine.review_on = bipolar, bipolar.term, as_of + 60
    gp.plans.append(olanzapine)
    lithium = _monthly(catalogue, "lithium-400", "2 night", trust.org, since=as_of - 500, as_of=as_of)
    quetiapine = _monthly(catalogue, "quetiapine-100", "1 night", trust.org, since=as_of - 63, as_of=as_of)
    trust.plans += [lithium, quetiapine]
    elsewhere = replace(lithium, issues=[], elsewhere=True, started=as_of - 490, asserted_on=as_of - 150, review_on=as_of + 200)
    gp.plans.append(elsewhere)
    gp.letters.append(Letter(trust.org, gp.org, as_of - 60, "Outpatient clinic letter"))
    trust.letters.append(Letter(trust.org, gp.org, as_of - 60, "Outpatient clinic letter"))
    for back, weight, hba1c in ((1085, 71.0, 36), (1010, 74.5, 37), (730, 78.0, 39), (470, 82.5, 40)):
        gp.measurements += [
            _result(catalogue, "weight", as_of - back, weight),
            _result(catalogue, "systolic", as_of - back, 124, 78),
            _result(catalogue, "hba1c", as_of - back, hba1c),
            _result(catalogue, "cholesterol", as_of - back, 5.2),
        ]
    for test, value in (("waist", 101), ("qrisk3", 4.1), ("alcohol", 6), ("alt", 31), ("haemoglobin", 131), ("pulse", 78), ("sodium", 140)):
        gp.measurements.append(_result(catalogue, test, as_of - 120, value))
    gp.measurements += [Measurement(test, as_of - 120, None, None) for test in ("ex-smoker", "review", "ecg")]
    for back, level, egfr in ((490, 0.48, 88), (480, 0.61, 88), (390, 0.66, 86), (300, 0.64, 86), (204, 0.68, 84)):
        trust.measurements += [_result(catalogue, "lithium", as_of - back, level)]
        if back != 480:
            trust.measurements += [
                _result(catalogue, "egfr", as_of - back, egfr),
                _result(catalogue, "sodium", as_of - back, 139),
                _result(catalogue, "tsh", as_of - back, 2.4),
                _result(catalogue, "calcium", as_of - back, 2.38),
            ]
    gp.contacts.append((as_of - 40, "Telephone consultation"))
    trust.contacts.append((as_of - 60, "Community mental health team review"))
    return [gp, trust]


def _wrong_birth_date(catalogue: Catalogue, person: Person, as_of: int) -> list[Chart]:
    """The trust holds another birth date under the same NHS number: the two records wait for a human."""
    gp, trust = _charts(catalogue, person, as_of)
    trust.born = person.born + 365
    gp.plans.append(_monthly(catalogue, "risperidone-2", "1 twice", gp.org, since=as_of - 800, as_of=as_of))
    trust.plans.append(_monthly(catalogue, "lithium-400", "1 night", trust.org, since=as_of - 450, as_of=as_of))
    gp.problems.append(Problem(catalogue.medicines.conditions["schizoaffective"], as_of - 2500))
    return [gp, trust]


_MAKERS: dict[tuple[int, int], Callable[[Catalogue, Person, int], list[Chart]]] = {(0, 0): _two_owners, (0, 1): _wrong_birth_date}
