"""What was really so: who took what, who supplied it, who agreed to what. Never written into records; the truth files come from here."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stepwell.records.synthetic.courses import GP, OTHER_TRUST, TRUST, WAYS, Courses, Supply
from stepwell.records.synthetic.dice import Bools, Ints
from stepwell.records.synthetic.doses import Segments
from stepwell.records.synthetic.encounters import Caseload, Stays, local_ids
from stepwell.records.synthetic.formulary import Formulary
from stepwell.records.synthetic.frames import choose, day, ids, known_day
from stepwell.records.synthetic.issues import Manner
from stepwell.records.synthetic.persons import People
from stepwell.records.synthetic.world import World, dice

_AGREEMENTS = 81
_PRN_SHARE = 1.5  # as-required medicines last this much longer than instructed (issues.make_issues)


def life_tables(
    world: World, people: People, courses: Courses, segments: Segments, supply: Supply, manner: Manner, *,
    stays: Stays, caseload: Caseload, formulary: Formulary, as_of: int,
) -> dict[str, pa.Table]:  # fmt: skip
    """people, taken, supplied_by, agreements, stays. `person` is the number of the person in the network; `to_on` is the first day
    it was no longer so, null while it lasts."""
    leaves = people.leaves(as_of)
    numbers = people.number
    substances = pa.array(formulary.substances)
    return {
        "people": _people(world, people, caseload),
        "taken": _taken(people, courses, segments, manner, formulary, substances, leaves),
        "supplied_by": _supplied(world, people, courses, supply, substances, leaves),
        "agreements": _agreements(world, people, courses, supply, formulary, as_of),
        "stays": pa.table(
            {
                "person": pa.array(numbers[stays.person]),
                "org_code": pa.repeat(pa.scalar(world.trust), len(stays.person)),
                "from_on": known_day(stays.started),
                "to_on": day(np.where(stays.ended > as_of, -1, stays.ended)),
            }
        ),
    }


def _people(world: World, people: People, caseload: Caseload) -> pa.Table:
    """Which record is of whom: one row a record."""
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


def _taken(
    people: People, courses: Courses, segments: Segments, manner: Manner, formulary: Formulary, substances: pa.Array, leaves: Ints
) -> pa.Table:
    course = segments.course
    person = courses.person[course]
    dose = formulary.step_dose[segments.step]
    dose = np.where(manner.as_required[course], (dose / _PRN_SHARE).astype(np.int64), dose)
    # Acute courses end with their issues; what exactly was taken of them nobody knows.
    dose = np.where(courses.acute[course] | (dose == 0), -1, dose)
    died = people.died[person]
    ended = np.where((died >= 0) & (segments.ended > died), died, segments.ended)
    last = np.where(died >= 0, ended, _end(ended, leaves[person]))
    return pa.table(
        {
            "person": pa.array(people.number[person]),
            "course": pa.array(course),
            "substance": substances.take(pa.array(courses.medicine[course])),
            "from_on": known_day(segments.started),
            "to_on": day(last),
            "ug_per_day": pa.array(dose, mask=dose < 0),
            "as_required": pa.array(manner.as_required[course]),
            "acute": pa.array(courses.acute[course]),
        }
    )


def _supplied(world: World, people: People, courses: Courses, supply: Supply, substances: pa.Array, leaves: Ints) -> pa.Table:
    person = courses.person[supply.course]
    orgs = [people.place.code, world.trust, "private", world.catalogue.network.elsewhere.code]
    position = np.select([supply.by == GP, supply.by == TRUST, supply.by == OTHER_TRUST], [0, 1, 3], 2)
    return pa.table(
        {
            "person": pa.array(people.number[person]),
            "course": pa.array(supply.course),
            "substance": substances.take(pa.array(courses.medicine[supply.course])),
            "org_code": choose(orgs, position),
            "from_on": known_day(supply.started),
            "to_on": day(_end(supply.ended, leaves[person])),
        }
    )


def _agreements(world: World, people: People, courses: Courses, supply: Supply, formulary: Formulary, as_of: int) -> pa.Table:
    """Who agreed to own what: two rows where care is shared (the practice all, the trust prescribing until handover or for good)."""
    rates = world.catalogue.rates.agreements
    draws = dice(world, people.place, _AGREEMENTS)
    leaves = people.leaves(as_of)
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
    ends = np.where(courses.ended[course] <= leaves[courses.person[course]], courses.ended[course], -1)
    ends = np.where(kept == 3, begins + draws.between(120, 360, size), ends)
    # What is in force on the day: an agreement that has not begun or would end later than the record is left as it stands.
    keep = (kept > 0) & (begins <= leaves[courses.person[course]])
    course, begins, ends, kept, handover = course[keep], begins[keep], ends[keep], kept[keep], handover[keep]
    ends = np.where(ends > leaves[courses.person[course]], -1, ends)
    name = ids(f"g{people.place.index}-", len(course))
    practice, trust = people.place.code, world.trust

    def lines(chosen: Bools, line: str, owner: str) -> pa.Table:
        here = np.flatnonzero(chosen)
        return pa.table(
            {
                "person": pa.array(people.number[courses.person[course[here]]]),
                "agreement_id": name.take(pa.array(here)).combine_chunks()
                if isinstance(name, pa.ChunkedArray)
                else name.take(pa.array(here)),
                "substance": pa.array(formulary.substances).take(pa.array(courses.medicine[course[here]])),
                "line": pa.repeat(pa.scalar(line), len(here)),
                "owner_org": pa.repeat(pa.scalar(owner), len(here)),
                "from_on": known_day(begins[here]),
                "to_on": day(ends[here]),
            }
        )

    shared = kept != 2
    return pa.concat_tables([lines(shared, "all", practice), lines(shared & ~handover, "prescribe", trust), lines(~shared, "all", trust)])
