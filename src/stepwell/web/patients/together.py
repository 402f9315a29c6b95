"""What a person's medicines do together, in words: totals against their lines, interactions, registers. Reads no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from markupsafe import Markup

from stepwell.web.core.formatting import clinician
from stepwell.web.ledger import known, known_loads
from stepwell.web.registers.models import Interaction, Load, Membership

SEVERITIES = {"critical": "red", "high": "amber", "moderate": "grey"}


class TotalPresenter:
    """A load: its value, what it is made of, and where it stands to the lines that the knowledge base draws through it."""

    def __init__(self, row: Load, medicines: Iterable[Mapping[str, Any]]) -> None:
        self.row = row
        self.about = known_loads.loads().get(row.load)
        self._medicines = {medicine["substance"]: medicine for medicine in medicines}
        self._lines = known_loads.lines(row.load)

    @property
    def name(self) -> str:
        return self.about.name if self.about else self.row.load

    @property
    def value(self) -> str:
        return self.about.told(self.row.value, self.row.unknown) if self.about else ""

    @property
    def parts(self) -> Markup:
        """`fentanyl patch 120 mg + morphine 15 mg`; the dose of a part may not be known."""
        if self.about is None:
            return Markup("")
        told = []
        for substance in self.row.parts.split("+"):
            medicine = self._medicines.get(substance, {})
            name = clinician.drug(known.medicine(substance))
            given = self.about.contribution(substance, medicine.get("counted_ug")) if substance in self.about.parts else None
            told.append(
                Markup('{} <span class="sw-nowrap">{}</span>').format(name, self.about.words(given) if given is not None else "not known")
            )
        return Markup(" + ").join(told)

    @property
    def at_most(self) -> str:
        """The total should every "when required" dose be taken, where that is more."""
        most = self.row.prescribed
        return f"up to {self.about.words(most)} as prescribed" if self.about and most is not None and most > self.row.value else ""

    @property
    def reached(self) -> known_loads.Line | None:
        return next((line for line in reversed(self._lines) if line.reached(self.row.value)), None)

    @property
    def next(self) -> known_loads.Line | None:
        return next((line for line in self._lines if not line.reached(self.row.value)), None)

    @property
    def share(self) -> int:
        """How near to the next line (or how far over the last), for their order: percent."""
        line = self.next or self.reached
        return 100 * self.row.value // line.value if line and line.value else 0


class InteractionPresenter:
    """Medicines that are not safe together: what may happen, what is advised, where that is written."""

    def __init__(self, row: Interaction) -> None:
        self.row = row
        self.substances = row.substances.split("+")
        self.about = known_loads.interaction(row.interaction)
        self.severity, self.tone = row.severity, SEVERITIES.get(row.severity, "grey")
        self.is_moderate = row.severity == "moderate"

    @property
    def medicines(self) -> Markup:
        return Markup(" + ").join(clinician.drug(known.medicine(name)) for name in self.substances)

    def others(self, substance: str) -> list[str]:
        return [known.medicine(name) for name in self.substances if name != substance]


class RegisterLine:
    def __init__(self, row: Membership) -> None:
        self.key, self.label = row.register, known.register_label(row.register)
        self.since: date | None = row.entered_on
        self.is_condition = known.register_kind(row.register) == "condition"
        self.lapsed = row.status == "lapsed"
        self.new_starter = row.new_starter


class Together:
    """`totals` over a line and near one are told at once, the others folded; so are moderate interactions."""

    def __init__(
        self,
        medicines: Iterable[Mapping[str, Any]],
        *,
        loads: Iterable[Load],
        interactions: Iterable[Interaction],
        registers: Iterable[Membership],
    ) -> None:
        rows = list(medicines)
        found = sorted((TotalPresenter(row, rows) for row in loads), key=lambda total: -total.share)
        self.over = [total for total in found if total.reached]
        self.under = [total for total in found if not total.reached]
        order = list(SEVERITIES)
        told = sorted(
            (InteractionPresenter(row) for row in interactions), key=lambda each: (order.index(each.severity), each.row.substances)
        )
        self.interactions = [each for each in told if not each.is_moderate]
        self.moderate = [each for each in told if each.is_moderate]
        self.registers = sorted((RegisterLine(row) for row in registers), key=lambda line: (line.is_condition, line.label.lower()))

    @property
    def any(self) -> bool:
        return bool(self.over or self.under or self.interactions or self.moderate)

    def warnings(self, substance: str) -> list[tuple[str, str]]:
        """Beside a medicine: with what it is not safe, one tag a severity, the moderate ones left out. Words and tone."""
        found: dict[str, dict[str, None]] = {}
        for each in self.interactions:
            if substance in each.substances:
                found.setdefault(each.severity, {}).update(dict.fromkeys(each.others(substance)))
        return [(f"{severity} with {', '.join(others)}", SEVERITIES[severity]) for severity, others in found.items()]
