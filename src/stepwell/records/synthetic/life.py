"""What was really so: who took what, who supplied it, who agreed to what. Never written into records; the truth files come from here."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stepwell.records.synthetic.courses import GP, OTHER_TRUST, TRUST, WAYS
from stepwell.records.synthetic.dice import Bools, Ints
from stepwell.records.synthetic.encounters import Caseload, Stays, local_ids
from stepwell.records.synthetic.frames import choose, day, ids, known_day
from stepwell.records.synthetic.scene import Scene
from stepwell.records.synthetic.treatment import Treatment

_AGREEMENTS = 81
_PRN_SHARE = 1.5  # as-required medicines last this much longer than instructed (issues.make_issues)


def life_tables(treatment: Treatment, stays: Stays, caseload: Caseload) -> dict[str, pa.Table]:
    """What was so, as tables. `person` is the number of the person in the network, `to_on` the first day it was no longer so
    (null while it lasts); `course` counts within a place, so that person and course together name one course.

    - people (person, org_code, local_id): whose each record is.
    - taken (person, course, substance, from_on, to_on, ug_per_day, as_required, acute): what was really taken; `ug_per_day` is null
      where nobody knows (acute courses, and products without a strength in their name).
    - supplied_by (person, course, substance, org_code, from_on, to_on): who really supplied; `private` for a private prescriber.
    - agreements (person, agreement_id, substance, line, owner_org, from_on, to_on): who agreed to own which line.
    - stays (person, org_code, from_on, to_on): in hospital.
    """
    scene = treatment.scene
    return {
        "people": _people(scene, caseload),
        "taken": _taken(treatment),
        "supplied_by": _supplied(treatment),
        "agreements": _agreements(treatment),
        "stays": pa.table(
            {
                "person": pa.array(scene.people.number[stays.person]),
                "org_code": pa.repeat(pa.scalar(scene.world.trust), len(stays.person)),
                "from_on": known_day(stays.started),
                "to_on": day(np.where(stays.ended > scene.today, -1, stays.ended)),
            }
        ),
    }


def _people(scene: Scene, caseload: Caseload) -> pa.Table:
    """Which record is of whom: one row a record."""
    world, people = scene.world, scene.people
    known = caseload.known
    practice = ~np.full(people.size, people.place.outside)
    return pa.table(
        {
            "person": np.concatenate([people.number[practice], people.number[known]]),
            "org_code": pa.concat_arrays(
                [pa.repeat(pa.scalar(people.place.code), int(practice.sum())), pa.repeat(pa.scalar(world.trust), int(known.sum()))]
            ),
            "local_id": pa.concat_arrays(
                [local_ids(people, False).filter(pa.array(practice)), local_ids(people, True).filter(pa.array(known))]
            ),
        }
    )


def _end(ended: Ints, leaves: Ints) -> Ints:
    """First day no longer, negative while it goes on; nothing goes on after death."""
    return np.where(ended > leaves, -1, ended)


def _taken(treatment: Treatment) -> pa.Table:
    people, formulary = treatment.scene.people, treatment.scene.formulary
    courses, segments, manner = treatment.courses, treatment.segments, treatment.manner
    course = segments.course
    person = courses.person[course]
    dose = formulary.step_dose[segments.step]
    dose = np.where(manner.as_required[course], (dose / _PRN_SHARE).astype(np.int64), dose)
    # Acute courses end with their issues; what exactly was taken of them nobody knows.
    dose = np.where(courses.acute[course] | (dose == 0), -1, dose)
    died = people.died[person]
    ended = np.where((died >= 0) & (segments.ended > died), died, segments.ended)
    last = np.where(died >= 0, ended, _end(ended, treatment.leaves[course]))
    return pa.table(
        {
            "person": pa.array(people.number[person]),
            "course": pa.array(course),
            "substance": pa.array(formulary.substances).take(pa.array(courses.medicine[course])),
            "from_on": known_day(segments.started),
            "to_on": day(last),
            "ug_per_day": pa.array(dose, mask=dose < 0),
            "as_required": pa.array(manner.as_required[course]),
            "acute": pa.array(courses.acute[course]),
        }
    )


def _supplied(treatment: Treatment) -> pa.Table:
    world, people, formulary = treatment.scene.world, treatment.scene.people, treatment.scene.formulary
    courses, supply = treatment.courses, treatment.supply
    person = courses.person[supply.course]
    orgs = [people.place.code, world.trust, "private", world.catalogue.network.elsewhere.code]
    position = np.select([supply.by == GP, supply.by == TRUST, supply.by == OTHER_TRUST], [0, 1, 3], 2)
    return pa.table(
        {
            "person": pa.array(people.number[person]),
            "course": pa.array(supply.course),
            "substance": pa.array(formulary.substances).take(pa.array(courses.medicine[supply.course])),
            "org_code": choose(orgs, position),
            "from_on": known_day(supply.started),
            "to_on": day(_end(supply.ended, treatment.leaves[supply.course])),
        }
    )


def _agreements(treatment: Treatment) -> pa.Table:
    """Who agreed to own what: two rows where care is shared (the practice all, the trust prescribing until handover or for good)."""
    world, people, formulary = treatment.scene.world, treatment.scene.people, treatment.scene.formulary
    courses, supply, leaves = treatment.courses, treatment.supply, treatment.leaves
    rates = world.catalogue.rates.agreements
    draws = treatment.scene.draws(_AGREEMENTS)
    rows = np.flatnonzero((supply.by == TRUST) & (not people.place.outside))
    course = supply.course[rows]
    way = courses.way[course]
    size = len(rows)
    kept = np.zeros(size, dtype=np.int64)  # 0 none, 1 shared, 2 kept, 3 lapsed
    kinds = {"none": 0, "shared": 1, "kept": 2, "lapsed": 3}
    for ways, shares in (
        (("handover",), rates.handover),
        (("both",), rates.both),
        (("trust with plan", "trust only"), rates.supplied),
    ):
        here = np.isin(way, [WAYS.index(each) for each in ways])
        drawn = np.array([kinds[each] for each in shares])[draws.pick(shares.values(), size)]
        kept = np.where(here, drawn, kept)
    handover = way == WAYS.index("handover")
    begins = np.where(handover, supply.ended[rows], supply.started[rows] + draws.between(14, 120, size))
    ends = np.where(courses.ended[course] <= leaves[course], courses.ended[course], -1)
    ends = np.where(kept == 3, begins + draws.between(120, 360, size), ends)
    # What is in force on the day: an agreement that has not begun or would end later than the record is left as it stands.
    keep = (kept > 0) & (begins <= leaves[course])
    course, begins, ends, kept, handover = course[keep], begins[keep], ends[keep], kept[keep], handover[keep]
    ends = np.where(ends > leaves[course], -1, ends)
    name = ids(f"g{people.place.index}-", len(course))
    practice, trust = people.place.code, world.trust

    def lines(chosen: Bools, line: str, owner: str) -> pa.Table:
        here = np.flatnonzero(chosen)
        return pa.table(
            {
                "person": pa.array(people.number[courses.person[course[here]]]),
                "agreement_id": name.take(pa.array(here)),
                "substance": pa.array(formulary.substances).take(pa.array(courses.medicine[course[here]])),
                "line": pa.repeat(pa.scalar(line), len(here)),
                "owner_org": pa.repeat(pa.scalar(owner), len(here)),
                "from_on": known_day(begins[here]),
                "to_on": day(ends[here]),
            }
        )

    shared = kept != 2
    return pa.concat_tables([lines(shared, "all", practice), lines(shared & ~handover, "prescribe", trust), lines(~shared, "all", trust)])
