"""One practice of synthetic people: canonical tables of the practice and of the trust, and what really happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stepwell.records.synthetic import encounters, findings, prescriptions, stories
from stepwell.records.synthetic.dice import Bools
from stepwell.records.synthetic.encounters import Caseload, Stays
from stepwell.records.synthetic.formulary import formulary
from stepwell.records.synthetic.frames import choose, table
from stepwell.records.synthetic.life import life_tables
from stepwell.records.synthetic.persons import People, make_people
from stepwell.records.synthetic.scene import Scene
from stepwell.records.synthetic.treatment import Treatment, treat
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
    people = make_people(world, place, today)
    scene = Scene(world, people, formulary(), today, people.leaves(today))
    treatment = treat(scene)
    stays = encounters.make_stays(treatment)
    caseload = encounters.make_caseload(treatment, stays)
    records = _records(treatment, stays, caseload)
    life = life_tables(treatment, stays, caseload)
    if stories.told(place, people.size).any():
        stories.tell(scene, records, life)
    return Made(records, life, people)


def _records(treatment: Treatment, stays: Stays, caseload: Caseload) -> dict[str, dict[str, pa.Table]]:
    scene = treatment.scene
    world, place = scene.world, scene.place
    written = prescriptions.make_prescriptions(treatment).outside(treatment, stays)
    reason = prescriptions.reasons(treatment)
    plans, issues, trust_issues = prescriptions.medicine_tables(treatment, written, reason)
    body = findings.Body(scene)
    observations = findings.observation_table(scene, body, findings.make_visits(treatment, body))
    by_trust = pa.array(np.asarray(observations["source"]) == world.trust)
    contacts, trust_contacts = encounters.contact_tables(treatment, caseload)
    letters = encounters.letter_table(treatment, stays)
    records: dict[str, dict[str, pa.Table]] = {}
    if not place.outside:
        records[place.code] = {
            "patients": encounters.patient_table(scene),
            "organisations": organisation_table(world, place.code),
            "registrations": encounters.registration_table(scene),
            "medication_plans": plans,
            "medication_issues": issues,
            "observations": observations.filter(pc.invert(by_trust)),
            "conditions": findings.problem_table(treatment, reason),
            "contacts": contacts,
            "appointments": encounters.appointment_table(scene),
            "letters": letters,
            "requests": encounters.request_table(scene, caseload),
        }
    if caseload.known.any():
        of_trust = {
            "patients": encounters.patient_table(scene, caseload),
            "registrations": encounters.registration_table(scene, caseload),
            "medication_issues": trust_issues,
            "observations": observations.filter(by_trust),
            "contacts": trust_contacts,
            "letters": letters,
            "stays": encounters.stay_table(scene, stays),
        }
        records[world.trust] = {name: _of_trust(world, rows, caseload.known) for name, rows in of_trust.items()}
    return records


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
