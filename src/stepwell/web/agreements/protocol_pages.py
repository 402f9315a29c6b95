"""The protocol library in words: what shared care of a medicine asks for, monitoring by phase and owner, results and actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Q
from markupsafe import Markup

from stepwell.knowledge import model, shared_care
from stepwell.knowledge.compile import Knowledge
from stepwell.web.agreements.models import Agreement, ProtocolUse
from stepwell.web.agreements.protocol_text import APPROVED, PARTS, SIDES, changes, figure, figures, not_comparable, timetable
from stepwell.web.agreements.protocol_use import InUse, Touched, Version
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.library import words


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule of the protocol: what, when by phase with whose it usually is, or which result with what to do."""

    key: str
    title: str
    when: tuple[tuple[str, str], ...]
    action: str
    needs_approval: bool


@dataclass(frozen=True, slots=True)
class Use:
    """How many agreements in force were made under a version, of those the actor may see."""

    version: int
    number: int


def uses_of(actor: Actor, on: date) -> dict[str, list[Use]]:
    """Protocol → agreements in force of the actor's organisation by version."""
    party = Q(between_org__in=actor.organisations) | Q(and_org__in=actor.organisations)
    force = Q(from_on__lte=on) & (Q(to_on__isnull=True) | Q(to_on__gt=on))
    rows = Agreement.objects.filter(party & force, protocol_version__isnull=False).exclude(protocol="").order_by()
    found: dict[str, list[Use]] = {}
    for protocol, version, number in rows.values_list("protocol", "protocol_version").annotate(n=Count("id")):
        found.setdefault(protocol, []).append(Use(version or 0, number))
    return found


class ProtocolRow:
    """One line of the library, in the version that the actor's organisation uses."""

    def __init__(self, used: InUse, pack: Knowledge, uses: Sequence[Use], names: Mapping[str, str]) -> None:
        protocol = used.protocol
        self.used, self.key, self.label, self.version = used, protocol.protocol, protocol.label, used.version
        self.adopted_by = names.get(used.by_org, used.by_org)
        self.medicines: Markup = known.marked(", ".join(known.medicine(name) for name in sorted(pack.members.get(protocol.set, ()))))
        self.requestable = protocol.requestable.value
        self.refused_because = protocol.refused_because
        self.uses = list(uses)

    @property
    def in_use(self) -> int:
        return sum(use.number for use in self.uses)

    @property
    def behind(self) -> int:
        """Agreements made under another version."""
        return sum(use.number for use in self.uses if use.version != self.version)


class LibraryPage:
    """Every protocol of the library."""

    def __init__(self, used: Sequence[InUse], pack: Knowledge, uses: Mapping[str, Sequence[Use]], names: Mapping[str, str]) -> None:
        self.rows = [ProtocolRow(each, pack, uses.get(each.protocol.protocol, ()), names) for each in used]
        self.area = f"Knowledge pack {pack.version}"

    @property
    def heading(self) -> str:
        shared = sum(row.requestable for row in self.rows)
        return f"{len(self.rows)} shared care protocols, {shared} of them can be asked for"


@dataclass(frozen=True, slots=True)
class Adopted:
    """One row of the history: which version from when, by whom and why. `state`: `in use`, `planned` or empty."""

    version: int
    from_on: date
    organisation: str
    who: str
    at: datetime
    why: str
    state: str


class ProtocolPage(ProtocolRow):
    """One protocol, whole. `rows`: its adoptions by the organisation and what that is part of."""

    def __init__(
        self,
        used: InUse,
        pack: Knowledge,
        uses: Sequence[Use],
        names: Mapping[str, str],
        *,
        rows: Sequence[ProtocolUse],
        actor: Actor,
        on: date,
    ) -> None:
        super().__init__(used, pack, uses, names)
        self.may_adopt = actor.may(Permission.APPROVE_KNOWLEDGE)
        self.adopted = [_adopted(row, used, names, on) for row in rows]
        protocol = used.protocol
        members = pack.members.get(protocol.set, frozenset())
        self.figures = figures(protocol)
        self.monitoring = [_line(rule) for rule in shared_care.monitoring(pack, members)]
        self.thresholds = [_result(rule, pack) for rule in shared_care.thresholds(pack, members)]
        self.responsibilities = [(figure(line.label, SIDES[line.proposed], line), line.fixed) for line in pack.responsibilities.values()]
        self.indications = _indications(pack, members)
        self.baseline = sorted(
            {pack.tests[rule.test].label for name in members for rule in shared_care.baseline_rules(pack, name) if rule.test}
        )
        self.sources = [known.source_title(key) for key in protocol.source]
        self.needs_approval = protocol.mark != APPROVED

    @property
    def heading(self) -> str:
        return f"{self.label}: shared care protocol, version {self.version}"


def _adopted(row: ProtocolUse, used: InUse, names: Mapping[str, str], on: date) -> Adopted:
    state = "in use" if row.pk == used.row_id else "planned" if row.from_on > on else ""
    who = row.by.display_name if row.by is not None else "Stepwell"
    return Adopted(row.version, row.from_on, names.get(row.org_code, row.org_code), who, row.at, row.why, state)


class AdoptPage:
    """Choosing a version, and what it would change: lines that differ, and agreements."""

    def __init__(self, used: InUse, versions: Sequence[Version], names: Mapping[str, str], actor: Actor) -> None:
        self.key, self.label, self.used = used.protocol.protocol, used.protocol.label, used
        self.versions = list(versions)
        self.organisation = actor.organisation_name
        self.adopted_by = names.get(used.by_org, used.by_org)

    @property
    def choices(self) -> list[tuple[str, str]]:
        return [(str(each.version), self._words(each)) for each in self.versions]

    def _words(self, each: Version) -> str:
        told = [f"Version {each.version}"]
        if each.of_pack:
            told.append("the latest in the library")
        if each.version == self.used.version:
            told.append("in use now" if self.used.since else "shown now, not adopted yet")
        return ", ".join(told)


class AdoptPlan:
    """The confirm step: what is different from what is in use, and how many agreements it touches."""

    def __init__(self, page: AdoptPage, chosen: Version, from_on: date, touched: Touched) -> None:
        self.page, self.chosen, self.from_on, self.touched = page, chosen, from_on, touched
        now = next((each for each in page.versions if each.version == page.used.version), chosen)
        self.changes = changes(now.text, chosen.text)
        self.not_comparable = not_comparable(now.text, chosen.text)
        self.same = chosen.version == page.used.version
        self.behind = sum(number for version, number in touched.by_version.items() if version != chosen.version)

    @property
    def heading(self) -> str:
        return f"Use version {self.chosen.version} of the {self.page.label} protocol"

    @property
    def parts(self) -> list[str]:
        """What was compared, for the line that says nothing differs."""
        return [title.lower() for title in PARTS.values() if title not in self.not_comparable]


def _indications(pack: Knowledge, members: frozenset[str]) -> list[tuple[str, list[str]]]:
    """Licensed and off-licence uses that the knowledge base lists, by condition."""
    found: dict[str, set[str]] = {}
    for name in members:
        for licence in pack.substances[name].licences:
            found.setdefault(licence.licence, set()).add(pack.conditions[licence.condition].label)
    return [(key, sorted(labels)) for key, labels in sorted(found.items())]


def _line(rule: model.Rule) -> RuleLine:
    return RuleLine(rule.rule, rule.title, timetable(rule), "", rule.mark != APPROVED)


def _result(rule: model.Rule, pack: Knowledge) -> RuleLine:
    test = pack.tests.get(rule.test) if rule.test else None
    band = words.band(rule, test.label, test.unit) if test else ""
    return RuleLine(rule.rule, rule.title, (("", band),) if band else (), rule.action or rule.because, rule.mark != APPROVED)
