"""Achieved against target: what the records of a network say, measured as the published figures were.

People who are on a practice's list on the day count; medicines are what the practice issued itself.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from stepwell.records.synthetic.catalogue import Target
from stepwell.records.synthetic.formulary import formulary
from stepwell.records.synthetic.population import EPOCH, Made
from stepwell.records.synthetic.world import World

_YEAR, _QUARTER, _MONTH = 365, 91, 31
_BREAK = 119  # days between two issues of a class that end one continuous treatment: the longest issue and a month
_LONG = {"percent longer than 12 months": 365, "percent longer than 3 years": 1095, "percent longer than 4 years": 1461}
_GROUPS = ("smi", "care-home", "learning-disability", "dementia", "autism")
# Published counts of antipsychotics include depots and prochlorperazine (OpenSAFELY, any antipsychotic).
_ANY_ANTIPSYCHOTIC = ("antipsychotic", "depot", "prochlorperazine")


class Tally:
    """Sums over the practices of a network; `report` is the part of the manifest that tells how well they fit."""

    def __init__(self, world: World, as_of: date) -> None:
        self._world = world
        self._today = (as_of - EPOCH).days
        self._sums: Counter[tuple[str, ...]] = Counter()
        self._mess: Counter[str] = Counter()
        made = formulary()
        self._classes = pl.DataFrame(
            {
                "term": [self._world.catalogue.products[key].term for key in made.products],
                "class": [self._class_of(key) for key in made.products],
                "high": [self._is_high(key) for key in made.products],
            }
        ).unique("term")

    def _class_of(self, key: str) -> str | None:
        for medicine in self._world.catalogue.formulary.medicines.values():
            if key in medicine.short or any(key in step for step in medicine.steps):
                return "opioid" if medicine.group == "high-dose opioid" else medicine.group
        return None

    def _is_high(self, key: str) -> bool:
        medicines = self._world.catalogue.formulary.medicines.values()
        ordinary = {item for m in medicines if m.group == "opioid" for step in m.steps for item in step} | {"morphine-liquid"}
        return key not in ordinary and any(key in step for m in medicines if m.group == "high-dose opioid" for step in m.steps)

    def add(self, made: Made) -> None:
        place = made.people.place
        self._notice(made)
        if place.outside:
            return
        people = made.people
        here = (people.died < 0) & (people.moved < 0)
        listed = pl.DataFrame(
            {
                "subject_id": np.arange(1, people.size + 1),
                "adult": people.adult,
                "female": people.female,
                "fifth": people.fifth,
                **{group: people.groups[group] for group in _GROUPS},
            }
        ).filter(pl.Series(here))
        sums = self._sums
        sums["all",] += listed.height
        sums["adults",] += int(listed["adult"].sum())
        sums["women",] += listed.filter("adult", "female").height
        sums["men",] += listed.filter(pl.col("adult") & ~pl.col("female")).height
        for fifth in (0, 4):
            sums["adults of fifth", str(fifth)] += listed.filter(pl.col("adult") & (pl.col("fifth") == fifth)).height
        for group in _GROUPS:
            sums["group", group] += int(listed[group].sum())
        issues = self._issues(made, listed)
        self._users(issues.filter(pl.col("ago") < _YEAR))
        self._quarter(issues.filter(pl.col("ago") < _QUARTER))
        self._durations(issues)

    def _issues(self, made: Made, listed: pl.DataFrame) -> pl.DataFrame:
        """Issues of the practice to people on its list, with class and days before the day."""
        rows = made.records[made.people.place.code]["medication_issues"].select(["subject_id", "term", "setting", "issued_on"])
        frame = pl.DataFrame(pl.from_arrow(rows)).filter(pl.col("setting") == "gp").join(self._classes, on="term")
        frame = frame.with_columns(ago=self._today - pl.col("issued_on").cast(pl.Int32))
        return frame.filter(pl.col("ago") >= 0).join(listed, on="subject_id").drop("term", "setting", "issued_on")

    def _users(self, year: pl.DataFrame) -> None:
        sums = self._sums
        five = self._world.catalogue.rates.five
        items = year.group_by("class").len()
        for name, count in items.iter_rows():
            sums["items", name] += count
        opioid = year.filter(pl.col("class") == "opioid").group_by("subject_id").agg(pl.len(), pl.col("high").any())
        for high, label in ((True, "high-dose opioid"), (False, "low-dose opioid")):
            chosen = opioid.filter(pl.col("high") == high)
            sums["opioid users", label] += chosen.height
            sums["opioid items", label] += int(chosen["len"].sum())
        users = year.filter("adult").unique(["subject_id", "class"])
        for name, female, fifth, count in users.group_by("class", "female", "fifth").len().iter_rows():
            sums["users", name] += count
            sums["users by sex", name, "women" if female else "men"] += count
            sums["users of fifth", name, str(fifth)] += count
        for name, count in year.unique(["subject_id", "class"]).group_by("class").len().iter_rows():
            sums["users of all ages", name] += count
        sums["any of five",] += users.filter(pl.col("class").is_in(five)).n_unique("subject_id")
        month = year.filter("adult", pl.col("ago") < _MONTH, pl.col("class").is_in(five)).unique(["subject_id", "class"])
        for fifth, classes in month.group_by("subject_id", "fifth").len().select("fifth", "len").iter_rows():
            sums["month of fifth", str(fifth)] += 1
            sums["two in month of fifth", str(fifth)] += classes >= 2

    def _quarter(self, quarter: pl.DataFrame) -> None:
        sums = self._sums
        any_of = quarter.filter(pl.col("class").is_in(_ANY_ANTIPSYCHOTIC))
        sums["quarter", "prochlorperazine"] += any_of.filter(pl.col("class") == "prochlorperazine").n_unique("subject_id")
        people = any_of.unique("subject_id")
        sums["quarter", "antipsychotic"] += people.height
        for group in _GROUPS:
            sums["quarter of group", group] += int(people[group].sum())

    def _durations(self, issues: pl.DataFrame) -> None:
        """How long those with an issue in the last month have taken the class without a break; and starts in the quarter."""
        sums = self._sums
        five = self._world.catalogue.rates.five
        rows = issues.filter("adult", pl.col("class").is_in(five)).select("subject_id", "class", "ago").unique()
        rows = rows.sort("subject_id", "class", "ago")
        # `ago` grows backwards: a break lies between an issue and the one before it.
        rows = rows.with_columns(gap=pl.col("ago") - pl.col("ago").shift(1).over("subject_id", "class"))
        rows = rows.with_columns(run=(pl.col("gap").fill_null(0) > _BREAK).cum_sum().over("subject_id", "class"))
        last = (
            rows.filter(pl.col("run") == 0)
            .group_by("subject_id", "class")
            .agg(pl.col("ago").min().alias("last"), pl.col("ago").max().alias("first"))
        )
        current = last.filter(pl.col("last") < _MONTH)
        for name, count in current.group_by("class").len().iter_rows():
            sums["current", name] += count
        for measure, days in _LONG.items():
            for name, count in current.filter(pl.col("first") >= days).group_by("class").len().iter_rows():
                sums[measure, name] += count
        before = rows.filter((pl.col("ago") >= _QUARTER) & (pl.col("ago") < _QUARTER + _YEAR))
        new = rows.filter(pl.col("ago") < _QUARTER).join(before, on=["subject_id", "class"], how="anti")
        for name, count in new.unique(["subject_id", "class"]).group_by("class").len().iter_rows():
            sums["starts", name] += count

    def _notice(self, made: Made) -> None:
        """How much of the mess there is."""
        people, world = made.people, self._world
        mess = self._mess
        mess["people without an NHS number"] += int((people.nhs == 0).sum())
        mess["deceased"] += int((people.died >= 0).sum())
        mess["moved away"] += int((people.moved >= 0).sum())
        mess["no fixed abode"] += int(people.groups["homeless"].sum())
        mess["interpreter needed"] += int(people.interpreter.sum())
        trust = made.records.get(world.trust)
        if trust is not None:
            mess["known to the trust"] += trust["patients"].num_rows
            mess["hospital stays"] += trust["stays"].num_rows if "stays" in trust else 0
        mess["agreements"] += len(set(made.life["agreements"]["agreement_id"].to_pylist()))
        practice = made.records.get(people.place.code)
        if practice is not None:
            plans = pl.DataFrame(
                pl.from_arrow(practice["medication_plans"].select(["elsewhere", "degraded", "code_system", "dose_status"]))
            )
            mess["medicines prescribed elsewhere"] += int(plans["elsewhere"].sum())
            mess["transfer-degraded medicines"] += int(plans["degraded"].sum())
            mess["medicines under an unknown code"] += plans.filter(pl.col("code_system") == "other").height
            mess["plans whose dose text is not understood"] += plans.filter(pl.col("dose_status") == "not understood").height
            mess["appointments missed"] += int(np.sum(np.asarray(practice["appointments"]["status"]) == "did not attend"))

    def achieved(self, target: Target) -> float | None:
        """The figure in the unit of its target; None where there is nobody to measure it on."""
        top, bottom, factor = self._parts(target.measure, target.subject)
        return None if not bottom else round(top / bottom * factor, 3)

    def _parts(self, measure: str, subject: str) -> tuple[float, float, float]:
        sums = self._sums
        if measure == "per 1000 adults":
            return sums["users", subject], sums["adults",], 1000
        if measure in ("percent of women", "percent of men"):
            sex = measure.rsplit(maxsplit=1)[-1]
            return sums["users by sex", subject, sex], sums[sex,], 100
        if measure == "percent with any of five":
            return sums["any of five",], sums["adults",], 100
        if measure == "most against least deprived":
            most, least = (sums["users of fifth", subject, fifth] / max(1, sums["adults of fifth", fifth]) for fifth in ("4", "0"))
            return most, least, 1
        if measure == "percent with two classes":
            return sums["two in month of fifth", subject], sums["month of fifth", subject], 100
        if measure in _LONG:
            return sums[measure, subject], sums["current", subject], 100
        if measure == "items a year":
            if "opioid" in subject:
                label = "low-dose opioid" if subject == "opioid" else subject
                return sums["opioid items", label], sums["opioid users", label], 1
            return sums["items", subject], sums["users of all ages", subject], 1
        if measure == "percent high dose":
            return sums["opioid users", "high-dose opioid"], sums["users of all ages", subject], 100
        if measure == "starts per 1000 adults":
            return sums["starts", subject], sums["adults",], 1000
        if measure == "per 1000 of all":
            return sums["quarter", subject], sums["all",], 1000
        if measure == "per 1000 of group":
            return sums["quarter of group", subject], sums["group", subject], 1000
        if measure == "percent with group":
            return sums["quarter of group", subject], sums["quarter", "antipsychotic"], 100
        if measure == "items per 1000":
            return sums["items", subject], sums["all",], 1000
        raise KeyError(f"targets.yaml names a measure that nothing computes: {measure}")

    def report(self) -> dict[str, Any]:
        rows = []
        for target in self._world.catalogue.targets:
            value = self.achieved(target)
            apart = None if value is None else round(value / target.value - 1, 4)
            rows.append(
                {
                    "what": target.label,
                    "achieved": value,
                    "target": target.value,
                    "difference": apart,
                    "tolerance": target.tolerance,
                    "measure": target.measure,
                    "subject": target.subject,
                    "source": target.source,
                    "mark": target.mark,
                }
            )
        return {
            "adults": self._sums["adults",],
            "enriched": self._world.enriched,
            "targets": rows,
            "mess": dict(sorted(self._mess.items())),
        }
