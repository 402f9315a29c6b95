"""From a person to charts: what the practice holds and what the trust holds, with all that falls between them."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.records.synthetic import stories
from stepwell.records.synthetic.catalogue import Catalogue, Condition
from stepwell.records.synthetic.chart import Chart, Letter, Plan, Problem, Stay
from stepwell.records.synthetic.courses import Prescriber, Span, span
from stepwell.records.synthetic.draws import Draws
from stepwell.records.synthetic.measurements import Body
from stepwell.records.synthetic.people import ADULT, Person, people, person_draws

# Who supplies a medicine that a specialist usually starts. `handover`: the trust starts it, the practice goes on.
SUPPLY = {"gp": 0.38, "handover": 0.14, "trust with plan": 0.19, "trust only": 0.14, "both": 0.07, "elsewhere": 0.08}
SPECIALIST = ("antipsychotic", "lithium")
CLINIC_LETTERS = ("Outpatient clinic letter", "Community mental health team review", "Discharge letter", "Shared care request")


class Life:
    """Builds the charts of one person; `charts` is in the order practice, trust."""

    def __init__(self, catalogue: Catalogue, seed: int, person: Person, as_of: int) -> None:
        self.catalogue, self.person, self.as_of = catalogue, person, as_of
        network = catalogue.network
        self.inside = person.place < len(network.practices)
        practice = network.practices[person.place].code if self.inside else network.outside.code
        self.draws: Draws = person_draws(seed, person.place, person.index)
        self.practice = Chart(person, practice, f"{practice}-{person.index:06d}", person.born, practice)
        self.trust: Chart | None = None
        self.age = person.age_on(as_of)
        self.body = Body(catalogue, self.draws, as_of, self.age)
        self.gp = Prescriber(catalogue, self.draws, as_of, practice)
        self.problems: dict[str, Problem] = {}

    def charts(self) -> list[Chart]:
        self._registration()
        for group in self.person.classes:
            self._class(group)
        if self.age >= ADULT:
            self._ordinary()
            self._checks()
        self._contacts()
        self.practice.problems += self.problems.values()
        last = min(day for day in (self.as_of, self.person.died, self.person.moved) if day is not None)
        self.practice.clip(last)
        charts = [self.practice] if self.inside else []
        if self.trust is not None:
            self.trust.clip(min(self.as_of, self.person.died or self.as_of))
            if self.trust.stays:
                charts.append(self.trust)
        return charts

    def _registration(self) -> None:
        leaves = min(day for day in (self.as_of, self.person.died, self.person.moved) if day is not None)
        started = max(self.person.born + 1, min(self.as_of - self.draws.integer(420, 9000), leaves - 30))
        self.practice.stays.append(Stay(started, self.person.moved))

    def _class(self, group: str) -> None:
        draws, catalogue = self.draws, self.catalogue
        choices = catalogue.of_class(group)
        medicine = draws.weighted(choices)
        if medicine == "risperidone" and self.age > 78:
            reason: Condition | None = catalogue.medicines.conditions["dementia"]
        else:
            reason = self.gp.reason(medicine)
        when = span(draws, catalogue.population.classes[group].duration, catalogue.medicines.medicines[medicine].long, self.as_of)
        when = Span(max(when.started, self.person.born + 365 * 15), when.ended)
        self._problem(reason, when)
        if group in SPECIALIST:
            self._specialist(group, medicine, when, reason)
        elif len(choices) > 1 and when.ended is None and self.as_of - when.started > 200 and draws.chance(0.14):
            self._switch(choices, medicine, when, reason)
        else:
            self.practice.plans += self.gp.course(medicine, when, reason=reason)
        if group == "opioid" and "opioid" in self.person.classes and draws.chance(0.05):
            others = {name: weight for name, weight in choices.items() if name != medicine}
            self.practice.plans += self.gp.course(draws.weighted(others), when)

    def _switch(self, choices: dict[str, float], medicine: str, when: Span, reason: Condition | None) -> None:
        """One medicine, then another of its class; now and then both are issued for a while."""
        draws = self.draws
        at = when.started + draws.integer(60, self.as_of - when.started - 30)
        second = draws.weighted({name: weight for name, weight in choices.items() if name != medicine})
        self.practice.plans += self.gp.course(medicine, Span(when.started, at + draws.integer(-5, 25)), reason=reason)
        self.practice.plans += self.gp.course(second, Span(at, None), reason=reason)

    def _specialist(self, group: str, medicine: str, when: Span, reason: Condition | None) -> None:
        draws = self.draws
        way = draws.weighted(SUPPLY) if self.inside else "trust only"
        step = draws.integer(0, len(self.catalogue.medicines.medicines[medicine].steps) - 1)
        if way == "handover" and self.as_of - when.started > 1100:
            way = "gp"
        if way == "gp":
            if group == "antipsychotic" and when.ended is None and self.as_of - when.started > 200 and draws.chance(0.12):
                self._switch(self.catalogue.of_class(group), medicine, when, reason)
            else:
                self.practice.plans += self.gp.course(medicine, when, step=step, reason=reason)
        elif way == "handover":
            over = when.started + draws.integer(60, 150)
            trust = self._trust_chart(when.started - draws.integer(10, 90))
            trust.plans += self._trust_supply(medicine, Span(when.started, min(over, when.ended or over)), step, reason)
            self._letter(over - draws.integer(0, 21), "Shared care request")
            if when.ended is None or when.ended > over:
                self.practice.plans += self.gp.course(medicine, Span(over, when.ended), step=step, reason=reason)
            if draws.chance(0.5):
                trust.stays[0].ended = over + draws.integer(30, 400)
        elif way == "elsewhere":
            self._elsewhere(medicine, when, step)
        else:
            recent = Span(max(when.started, self.as_of - 4 * 365), when.ended)
            trust = self._trust_chart(recent.started - draws.integer(5, 60))
            trust.plans += self._trust_supply(medicine, recent, step, reason)
            self._letter(recent.started + draws.integer(0, 20), draws.one_of(CLINIC_LETTERS))
            if way == "trust with plan":
                self._elsewhere(medicine, recent, step)
            elif way == "both":
                self.practice.plans += self.gp.course(medicine, Span(recent.started + draws.integer(30, 200), when.ended), step=step)
        owner = self.trust if self.trust is not None and way in ("trust with plan", "trust only") and draws.chance(0.6) else self.practice
        owner.measurements += self.body.panel(group, when.started, when.ended or self.as_of)

    def _trust_chart(self, since: int) -> Chart:
        if self.trust is None:
            code, person, draws = self.catalogue.network.trust.code, self.person, self.draws
            # The trust's clerk mistypes a birth date now and then: such a record must not be matched by itself.
            born = person.born + (draws.one_of((-1, 1, 9, 31, 365)) if draws.chance(0.025) else 0)
            self.trust = Chart(person, code, f"N{person.place + 1}{person.index:06d}", born, self.practice.org)
            self.trust.stays.append(Stay(since))
            self.trust.contacts += [
                (self.as_of - draws.integer(5, 360), "Community mental health team review") for _ in range(draws.integer(0, 3))
            ]
        else:
            self.trust.stays[0].started = min(self.trust.stays[0].started, since)
        return self.trust

    def _trust_supply(self, medicine: str, when: Span, step: int, reason: Condition | None) -> list[Plan]:
        trust = Prescriber(self.catalogue, self.draws, self.as_of, self.catalogue.network.trust.code)
        return trust.course(medicine, when, days=14 if self.draws.chance(0.3) else 28, step=step, reason=reason)

    def _elsewhere(self, medicine: str, when: Span, step: int) -> None:
        """The practice records what somebody else prescribes: a plan, no issue."""
        draws, catalogue = self.draws, self.catalogue
        asserted = max(when.started + draws.integer(3, 60), self.as_of - draws.integer(20, 520))
        for key, pattern_name in catalogue.medicines.medicines[medicine].steps[step].items():
            product, pattern = catalogue.medicines.products[key], catalogue.doses.patterns[pattern_name]
            text = draws.one_of(
                ("HOSPITAL PRESCRIBED - DO NOT ISSUE", "Hospital only", draws.one_of(pattern.texts).replace("{u}", product.unit))
            )
            plan = Plan(
                product, pattern, text, "repeat", catalogue.network.trust.code, when.started + 3, elsewhere=True, asserted_on=asserted
            )
            plan.ended = when.ended if when.ended is not None and draws.chance(0.6) else None
            plan.review_on = self.as_of + draws.integer(-150, 240) if draws.chance(0.5) else None
            self.practice.plans.append(plan)

    def _letter(self, on: int, title: str) -> None:
        trust = self.catalogue.network.trust.code
        self.practice.letters.append(Letter(trust, self.practice.org, on, title))
        if self.trust is not None:
            self.trust.letters.append(Letter(trust, self.practice.org, on, title))

    def _problem(self, reason: Condition | None, when: Span) -> None:
        """Seven in ten reasons reach the problem list, some as a past problem."""
        draws = self.draws
        if reason is None or not draws.chance(0.7) or reason.code in self.problems:
            return
        ended = when.ended if when.ended is not None and draws.chance(0.4) else None
        self.problems[reason.code] = Problem(reason, when.started - draws.integer(0, 700), ended)

    def _ordinary(self) -> None:
        draws = self.draws
        column = 0 if self.age < 45 else 1 if self.age < 65 else 2
        for medicine, shares in self.catalogue.population.ordinary.items():
            if draws.chance(shares[column]):
                when = Span(self.as_of - draws.integer(40, 500), None)
                reason = self.gp.reason(medicine)
                self._problem(reason, when)
                self.practice.plans += self.gp.course(medicine, when, reason=reason)

    def _checks(self) -> None:
        draws = self.draws
        if draws.chance(0.45):
            self.practice.measurements += self.body.panel("general", self.as_of - draws.integer(60, 1400), self.as_of)
        if draws.chance(0.2 if self.age < 50 else 0.5):
            self.practice.measurements += self.body.panel("blood", self.as_of - draws.integer(60, 1400), self.as_of)
        if self.practice.plans and draws.chance(0.5):
            self.practice.measurements += self.body.panel("review", self.as_of - draws.integer(40, 1000), self.as_of)
        if len(self.person.classes) > 1 and draws.chance(0.2):
            self.practice.measurements.append(self.body.once("structured-review", self.as_of - draws.integer(10, 500)))

    def _contacts(self) -> None:
        draws = self.draws
        count = draws.integer(0, 2) + (draws.integer(0, 2) if self.person.classes else 0)
        kinds = ("Face to face consultation", "Telephone consultation", "Repeat prescription review")
        self.practice.contacts += [(self.as_of - draws.integer(0, 364), draws.one_of(kinds)) for _ in range(count)]


def sizes(catalogue: Catalogue, patients: int) -> list[int]:
    """People by place: each practice, then the practice outside (known to the trust only)."""
    practices = catalogue.network.practices
    counts = [int(patients * practice.share) for practice in practices]
    counts[0] += patients - sum(counts)
    return [*counts, max(1, patients // 400)]


def place_charts(catalogue: Catalogue, seed: int, place: int, numbers: range, as_of: int) -> Iterator[list[Chart]]:
    """Charts of these people of one place, person by person. The first people of a practice may be hand-made."""
    outside = place == len(catalogue.network.practices)
    for person in people(catalogue, seed, place, numbers, as_of=as_of, only="antipsychotic" if outside else None):
        made = stories.story(catalogue, seed, person, as_of)
        yield made if made is not None else Life(catalogue, seed, person, as_of).charts()
