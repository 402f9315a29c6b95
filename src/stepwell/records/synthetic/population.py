"""One practice of synthetic people: canonical tables of the practice and of the trust, and what really happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa

from stepwell.records.synthetic import encounters, findings, prescriptions
from stepwell.records.synthetic import stories
from stepwell.records.synthetic.courses import make_courses, make_supply
from stepwell.records.synthetic.doses import make_segments
from stepwell.records.synthetic.dice import Bools
from stepwell.records.synthetic.formulary import formulary
from stepwell.records.synthetic.frames import choose, table
from stepwell.records.synthetic.issues import make_issues, make_manner, make_runs, without_stays
from stepwell.records.synthetic.life import life_tables
from stepwell.records.synthetic.persons import People, make_people
from stepwell.records.synthetic.world import Place, World

EPOCH = date(1970, 1, 1)


@dataclass(slots=True)
class Made:
    """`records`: organisation → canonical table name → rows. `subject_id` counts from 1 within each organisation of this Made.

    `life`: what was really so (`stepwell.records.synthetic.life`), never to be written into records.
    """

    records: dict[str, dict[str, pa.Table]]
    life: dict[str, pa.Table]
    people: People = field(repr=False)


def make_practice(world: World, seed: int, place: Place | int, as_of: date) -> Made:
    """Everything about the people of one place. The same world, seed, place and day give the same rows, in any order of making."""
    if isinstance(place, int):
        place = world.places[place]
    if seed != world.seed:
        raise ValueError("the world was made with another seed")
    today = (as_of - EPOCH).days
    medicines = formulary()
    people = make_people(world, place, today)
    courses = make_courses(world, people, medicines, today)
    supply = make_supply(world, people, courses)
    segments = make_segments(world, people, courses, medicines, today)
    manner = make_manner(world, people, courses, medicines)
    runs = make_runs(courses, segments, supply)
    issues = make_issues(world, people, runs, manner, medicines)
    found = prescriptions.make_prescriptions(
        world, people, courses, supply, segments, runs, issues, manner=manner, formulary=medicines, as_of=today
    )
    stays = encounters.make_stays(world, people, courses, medicines, today)
    caseload = encounters.make_caseload(world, people, courses, supply, stays, today)
    scripts = found.scripts
    stands = without_stays(
        courses.person[scripts.course[found.issue_script]],
        found.issue_on,
        scripts.by[found.issue_script],
        (stays.person, stays.started, stays.ended),
    )
    found = prescriptions.Prescriptions(scripts, found.issue_script[stands], found.issue_on[stands])
    reason = prescriptions.reasons(world, people, courses, medicines)
    plans, practice_issues, trust_issues = prescriptions.medicine_tables(
        world, people, courses, found, formulary=medicines, reason=reason, as_of=today
    )
    body = findings.Body(world, people, today)
    visits = findings.make_visits(world, people, courses, body, medicines, today)
    observations = findings.observation_table(world, people, body, visits)
    contacts, trust_contacts = encounters.contact_tables(world, people, courses, caseload, today)
    letters = encounters.letter_table(world, people, courses, supply, stays, today)
    records: dict[str, dict[str, pa.Table]] = {}
    by_trust = np.asarray(observations["source"]) == world.trust
    known = caseload.known
    if not place.outside:
        records[place.code] = {
            "patients": encounters.patient_table(world, people, today),
            "organisations": organisation_table(world, place.code),
            "registrations": encounters.registration_table(world, people),
            "medication_plans": plans,
            "medication_issues": practice_issues,
            "observations": observations.filter(pa.array(~by_trust)),
            "conditions": findings.problem_table(world, people, courses, reason, medicines, today),
            "contacts": contacts,
            "appointments": encounters.appointment_table(world, people, today),
            "letters": letters,
            "requests": encounters.request_table(world, people, caseload, today),
        }
    if known.any():
        records[world.trust] = {
            name: _of_trust(world, rows, known)
            for name, rows in {
                "patients": encounters.patient_table(world, people, today, trust=caseload),
                "registrations": encounters.registration_table(world, people, caseload),
                "medication_issues": trust_issues,
                "observations": observations.filter(pa.array(by_trust)),
                "contacts": trust_contacts,
                "letters": letters,
                "stays": encounters.stay_table(world, people, stays, today),
            }.items()
        }
    life = life_tables(
        world, people, courses, segments, supply, manner, stays=stays, caseload=caseload, formulary=medicines, as_of=today
    )  # fmt: skip
    if stories.told(place, people.size).any():
        stories.tell(world, place, records, life, people, today)
    return Made(records, life, people)


def _of_trust(world: World, rows: pa.Table, known: Bools) -> pa.Table:
    """Rows of people the trust knows, under the trust's own subjects."""
    subject = np.cumsum(known)
    person = np.asarray(rows["subject_id"]) - 1
    keep = known[person]
    rows = rows.filter(pa.array(keep))
    rows = rows.set_column(rows.column_names.index("subject_id"), "subject_id", pa.array(subject[person[keep]].astype(np.int64)))
    source = pa.repeat(pa.scalar(world.trust), rows.num_rows)
    return rows.set_column(rows.column_names.index("source"), "source", source)


def organisation_table(world: World, holder: str) -> pa.Table:
    """The organisations that a record of `holder` refers to."""
    network = world.catalogue.network
    rows = [(network.trust.code, network.trust.name, "trust")]
    if holder == network.trust.code:
        rows += [(place.code, place.name, "practice") for place in world.places]
    else:
        rows += [(place.code, place.name, "practice") for place in world.practices if place.code == holder]
        rows.append((network.elsewhere.code, network.elsewhere.name, "trust"))
    codes = [row[0] for row in rows]
    position = np.arange(len(rows))
    return table(
        "organisations",
        len(rows),
        {
            "source": holder,
            "native_id": choose(codes, position),
            "version": "1",
            "org_code": choose(codes, position),
            "name": choose([row[1] for row in rows], position),
            "kind": choose([row[2] for row in rows], position),
        },
    )
