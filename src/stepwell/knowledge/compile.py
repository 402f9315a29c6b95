"""From decoded entries to what others use: the typed `Knowledge`, and the tables the engine reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from stepwell.knowledge import letters, model, reviewing, shared_care, tapering
from stepwell.knowledge.loads import PER_UNIT, load_rows, patch_row
from stepwell.knowledge.model import Length, length, milli, scaled
from stepwell.knowledge.pack import Raw
from stepwell.knowledge.tables import TABLES

PERCENT = 100  # a band on `rise percent` is in hundredths of a percent
NO_VALUE = "no value"  # the unit of a code that shows only that a test was done; no record is written in it, so its value stays null


@dataclass(frozen=True)
class Knowledge:
    """One pack, checked. The mappings are by key; `tables()` is what the engine takes."""

    info: model.PackInfo
    parameters: Mapping[str, model.Parameter]
    sources: Mapping[str, model.Source]
    codelists: Mapping[str, model.Codelist]
    sets: Mapping[str, model.MedicineSet]
    registers: Mapping[str, model.Register]
    loads: Mapping[str, model.Load]
    patches: Mapping[str, model.Patch]
    interactions: Mapping[str, model.Interaction]
    tests: Mapping[str, model.Test]
    conditions: Mapping[str, model.Condition]
    substances: Mapping[str, model.Medicine]
    rules: Mapping[str, model.Rule]
    priority: Mapping[str, model.Priority]
    minutes: Mapping[str, model.Minutes]
    one_off_days: Mapping[str, model.OneOffDay]
    groups: Mapping[str, model.PeopleGroup]
    risks: Mapping[str, model.Risk]
    options: Mapping[str, model.Option]
    clinical_reasons: Mapping[str, model.ClinicalReason]
    protocols: Mapping[str, shared_care.Protocol]
    responsibilities: Mapping[str, shared_care.Responsibility]
    decline_reasons: Mapping[str, shared_care.DeclineReason]
    letter_headings: Mapping[str, letters.LetterHeading]
    letter_kinds: Mapping[str, letters.LetterKind]
    taper_products: Mapping[str, tapering.TaperProduct]
    taper_rules: Mapping[str, tapering.TaperRule]
    taper_guards: Mapping[str, tapering.TaperGuard]
    occupancies: Mapping[str, tapering.Occupancy]
    taper_support: Mapping[str, tapering.TaperSupport]
    withdrawal_scales: Mapping[str, tapering.WithdrawalScale]
    taper_services: Mapping[str, tapering.TaperService]
    taper_outcomes: Mapping[str, tapering.TaperOutcome]
    review_parts: Mapping[str, reviewing.ReviewPart]
    review_kinds: Mapping[str, reviewing.ReviewKind]
    members: Mapping[str, frozenset[str]]
    _tables: Mapping[str, pa.Table]

    @property
    def pack(self) -> str:
        return self.info.name

    @property
    def version(self) -> str:
        return self.info.version

    def tables(self) -> dict[str, pa.Table]:
        """One table per entry of `stepwell.knowledge.tables.TABLES`, exactly of its schema."""
        return dict(self._tables)

    def basis(self, rule_id: str, point: str) -> tuple[list[str], str]:
        """(source ids, mark) of the figure that one point of a rule uses; the rule's own where the point says nothing else."""
        rule = self.rules[rule_id]
        own = next((row.basis for row in rule.points if row.point == point and row.basis), None)
        return (own.source, own.mark) if own else (rule.source, rule.mark)

    def taper_rule_of(self, medicine: str) -> tapering.TaperRule | None:
        """How this medicine is reduced, as it stands for it; None where Stepwell does not plan its reduction."""
        return tapering.rule_of(self, medicine)

    def needs_approval(self, approvals: list[tuple[str, str, str]], org_code: str) -> bool:
        """True while `org_code` has not approved this very pack and version. `approvals`: (org_code, pack, version)."""
        return (org_code, self.pack, self.version) not in approvals


def expand_sets(raw: Raw) -> dict[str, frozenset[str]]:
    """Members of every set, in substances. A cycle of sets gives nothing twice; `check` names it."""
    medicines = {key: entry.value for key, entry in raw.sections["medicines"].items()}
    sets = {key: entry.value for key, entry in raw.sections["sets"].items()}
    done: dict[str, frozenset[str]] = {key: frozenset((key,)) for key in medicines}

    def expand(key: str, seen: frozenset[str]) -> frozenset[str]:
        if key in done or key not in sets or key in seen:
            return done.get(key, frozenset())
        entry = sets[key]
        members = set(entry.members) | {name for name, medicine in medicines.items() if key in medicine.sets}
        for other in entry.of:
            members |= expand(other, seen | {key})
        for other in entry.without:
            members -= expand(other, seen | {key})
        done[key] = frozenset(members)
        return done[key]

    for key in sets:
        expand(key, frozenset())
    return done


def filled(point: model.Point, templates: Mapping[str, model.Template]) -> model.Point:
    """The point with its template's parts where it says nothing itself."""
    if not point.use:
        return point
    template = templates[point.use]
    given = {name: getattr(point, name) for name in model.Point.__struct_fields__ if getattr(point, name) not in (None, "")}
    base = {name: getattr(template, name) for name in ("point", "kind", "anchor", "opens", "until", "due", "lapse", "every", "window")}
    return model.Point(**{**base, **given, "spread": point.spread or template.spread})


def codes_of(uses: list[model.ListUse], raw: Raw) -> Iterator[tuple[model.ListUse, str, str]]:
    """(use, code system, code) of every code that the uses of lists take in."""
    for use in uses:
        system = raw.sections["codelists"][use.list].value.system
        for code in raw.lists.get(use.list, {}):
            if code not in use.without and (not use.only or code in use.only):
                yield use, system, code


def _months_days(text: str | None) -> tuple[int | None, int | None]:
    span: Length | None = None if text is None else length(text)
    return (None, None) if span is None else (span.months, span.days)


def compiled(raw: Raw) -> Knowledge:
    """`raw` must have passed `check`."""
    sections = {key: {name: entry.value for name, entry in section.items()} for key, section in raw.sections.items()}
    info = raw.info
    if info is None:
        raise ValueError("the pack has no pack.yaml")
    members = expand_sets(raw)
    substances: dict[str, model.Medicine] = dict(sections["medicines"])
    for _, _, substance, _, _ in raw.products:  # other forms: "diazepam (rectal)"
        if substance not in substances:
            own = sections["medicines"][substance.rsplit(" (", 1)[0]]
            substances[substance] = model.Medicine(
                medicine=substance,
                label=f"{own.label} ({substance.rsplit(' (', 1)[1]}",
                source=own.source,
                mark=own.mark,
                note="another form; not on the register of the medicine",
            )
    rules = {key: _filled_rule(rule, sections["points"]) for key, rule in sections["rules"].items()}
    rows = _rows(raw, sections, substances, members, rules)
    rows["k_pack"] = [(info.name, info.version)]
    tables = {
        name: pa.Table.from_pylist([dict(zip(table.names, row, strict=True)) for row in rows[name]], schema=table.arrow_schema())
        for name, table in TABLES.items()
    }
    return Knowledge(
        info=info,
        parameters=sections["parameters"],
        sources=sections["sources"],
        codelists=sections["codelists"],
        sets=sections["sets"],
        registers=sections["registers"],
        loads=sections["loads"],
        patches=sections["patches"],
        interactions=sections["interactions"],
        tests=sections["tests"],
        conditions=sections["conditions"],
        substances=substances,
        rules=rules,
        priority=sections["priority"],
        minutes=sections["minutes"],
        one_off_days=sections["one_off_days"],
        groups=sections["groups"],
        risks=sections["risks"],
        options=sections["options"],
        clinical_reasons=sections["clinical_reasons"],
        protocols=sections["protocols"],
        responsibilities=sections["responsibilities"],
        decline_reasons=sections["decline_reasons"],
        letter_headings=sections["letter_headings"],
        letter_kinds=sections["letter_kinds"],
        taper_products=sections["taper_products"],
        taper_rules=sections["taper_rules"],
        taper_guards=sections["taper_guards"],
        occupancies=sections["occupancies"],
        taper_support=sections["taper_support"],
        withdrawal_scales=sections["withdrawal_scales"],
        taper_services=sections["taper_services"],
        taper_outcomes=sections["taper_outcomes"],
        review_parts=sections["review_parts"],
        review_kinds=sections["review_kinds"],
        members=members,
        _tables=tables,
    )


def _filled_rule(rule: model.Rule, templates: Mapping[str, model.Template]) -> model.Rule:
    return msgspec.structs.replace(rule, points=[filled(point, templates) for point in rule.points])


def specialist(medicine: model.Medicine, sets: Mapping[str, model.MedicineSet], members: Mapping[str, frozenset[str]]) -> bool:
    """Its own word, else that of any set it belongs to, else no."""
    if medicine.specialist_initiated is not None:
        return medicine.specialist_initiated.value
    return any(
        entry.specialist_initiated is not None and entry.specialist_initiated.value and medicine.medicine in members[key]
        for key, entry in sets.items()
    )


def _rows(
    raw: Raw,
    sections: dict[str, dict[str, Any]],
    substances: dict[str, model.Medicine],
    members: dict[str, frozenset[str]],
    rules: dict[str, model.Rule],
) -> dict[str, list[tuple[Any, ...]]]:
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
    rows["k_param"] = [(key, parameter.value) for key, parameter in sections["parameters"].items()]
    for key, medicine in substances.items():
        maximum = medicine.max_daily
        rows["k_substance"].append(
            (
                key,
                medicine.label,
                specialist(medicine, sections["sets"], members),
                None if maximum is None or maximum.mg is None else scaled(maximum.mg / maximum.days, 1000),
                None if medicine.oral_morphine is None else milli(medicine.oral_morphine.value),
                None if medicine.window is None else length(medicine.window.late).days,
                medicine.mark,
            )
        )
        rows["k_set"].append((key, key))
        rows["k_indication"] += [(key, licence.condition, licence.licence) for licence in medicine.licences]
    rows["k_set"] += [(key, substance) for key in sections["sets"] for substance in sorted(members[key])]
    for key, register in sections["registers"].items():
        kind = "medicine" if register.set else "condition"
        rows["k_register"].append((key, register.label, kind, register.group, register.set, register.condition))
    rows["k_product"] = [(system, code, substance, strength, unit) for system, code, substance, strength, unit in raw.products]
    rows["k_name"] = list(raw.names)
    rows["k_patch"] = [patch_row(patch) for patch in sections["patches"].values()]
    rows["k_load"] = [row for load in sections["loads"].values() for row in load_rows(load, sections["medicines"], members)]
    for key, interaction in sections["interactions"].items():
        first, second, *third = interaction.sets
        days = length(interaction.window).days
        told = (interaction.severity, interaction.harm, interaction.action, "; ".join(interaction.source), interaction.mark)
        rows["k_interaction"].append((key, first, second, third[0] if third else None, days, *told))
    for key, test in sections["tests"].items():
        rows["k_test"].append((key, test.label, test.unit, test.kind, test.sample))
        rows["k_category"] += [(key, milli(low)) for low in test.categories]
        rows["k_test_code"] += sorted(dict.fromkeys(_test_codes(key, test, raw)), key=lambda row: row[3] == NO_VALUE)
    for key, condition in sections["conditions"].items():
        rows["k_condition"].append((key, condition.label, *_months_days(condition.lasts), condition.ended_by))
        rows["k_condition_code"] += sorted({(key, system, code) for _, system, code in codes_of(condition.lists, raw)})
    for key, rule in rules.items():
        _rule_rows(rows, key, rule, sections["loads"])
    for key, risk in sections["risks"].items():
        within = length(risk.within).months if risk.within else None
        rows["k_risk"] += [(key, part.part, part.label, within, rule_id) for part in risk.parts for rule_id in part.rules]
    rows["k_minutes"] = list(_minutes_rows(sections, rules))
    for key, reason in sections["priority"].items():
        scale = scale_of(reason.fact, reason.subject, sections["loads"])
        rows["k_priority"].append(
            (
                key,
                reason.group,
                reason.label,
                reason.points,
                reason.kind,
                reason.fact,
                reason.subject,
                reason.op,
                None if reason.value is None else scaled(reason.value, scale),
                reason.per_days,
                reason.cap,
            )
        )
    return rows


def _minutes_rows(sections: Mapping[str, dict[str, Any]], rules: Mapping[str, model.Rule]) -> Iterator[tuple[Any, ...]]:
    """The task of every rule, by the first entry that fits it; without a rule, the entry that fits everything."""
    entries: list[model.Minutes] = list(sections["minutes"].values())
    for key, rule in rules.items():
        sample = sections["tests"][rule.test].sample if rule.test else None
        entry = next(entry for entry in entries if entry.fits(rule, sample))
        yield key, entry.task, entry.minutes, entry.once, entry.role, entry.mark
    last = entries[-1]
    yield None, last.task, last.minutes, last.once, last.role, last.mark


def scale_of(fact: str | None, subject: str, loads: Mapping[str, model.Load]) -> int:
    """Stored value of a fact = value as written × this."""
    if fact in ("last", "falling"):
        return 1000
    return PER_UNIT[loads[subject].unit] if fact == "load" and subject in loads else 1


def _test_codes(key: str, test: model.Test, raw: Raw) -> Iterator[tuple[str, str, str, str | None, int, int]]:
    for use, system, code in codes_of(test.lists, raw):
        valued = test.kind == "measurement" and (use.values == "all" or (use.values != "none" and code in use.values))
        if not valued:
            yield key, system, code, NO_VALUE, 1, 1
        elif not use.units:
            yield key, system, code, None, 1, 1
        else:
            for unit, (numerator, denominator) in use.units.items():
                yield key, system, code, unit or None, numerator, denominator


def _rule_rows(rows: dict[str, list[tuple[Any, ...]]], key: str, rule: model.Rule, loads: Mapping[str, model.Load]) -> None:
    after = _months_days(rule.after)
    rows["k_rule"].append(
        (
            key,
            rule.version,
            rule.kind,
            rule.about,
            rule.title,
            rule.per,
            rule.set,
            rule.set_b,
            rule.set_c,
            rule.test,
            *after,
            length(rule.lookback).months if rule.lookback else 0,
            rule.owner,
            rule.role,
            length(rule.escalate.after).days if rule.escalate else None,
            rule.priority,
            rule.mark,
            "; ".join(rule.source),
            rule.because,
        )
    )
    for seq, point in enumerate(rule.points, start=1):
        rows["k_point"].append(
            (
                key,
                point.point,
                seq,
                point.kind,
                point.anchor or "start",
                *_months_days(point.opens),
                *_months_days(point.until),
                *_months_days(point.due),
                *_months_days(point.lapse),
                *_months_days(point.every),
                *_months_days(point.sooner),
                *_months_days(point.while_before),
                point.spread,
                next((row.basis.mark for row in rule.points if row.point == point.point and row.basis), None),
            )
        )
    for part, groups in (("applies", rule.applies), ("unless", rule.unless), ("sooner", rule.sooner_when)):
        for group, whens in enumerate(groups, start=1):
            for seq, when in enumerate(whens, start=1):
                value = None if when.value is None else scaled(when.value, scale_of(when.fact, when.subject, loads))
                rows["k_when"].append((key, part, group, seq, when.fact, when.subject, when.op, value, when.label))
    if rule.band:
        band = rule.band
        low = band.low_from if band.low_from is not None else band.low_over
        high = band.high_to if band.high_to is not None else band.high_under
        scale = PERCENT if band.measure == "rise percent" else 1000
        rows["k_band"].append(
            (
                key,
                band.test,
                band.measure,
                length(band.within).days if band.within else None,
                None if low is None else scaled(low, scale),
                band.low_from is not None,
                None if high is None else scaled(high, scale),
                band.high_to is not None,
                *_months_days(rule.again.after if rule.again else None),
            )
        )
