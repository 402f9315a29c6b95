"""Who is on whose books: patients and registrations, hospital stays, contacts, appointments, letters and requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stepwell.records.synthetic.courses import TRUST, WAYS
from stepwell.records.synthetic.dice import Bools, Ints, spread_over
from stepwell.records.synthetic.frames import choose, day, ids, known_day, table
from stepwell.records.synthetic.persons import People
from stepwell.records.synthetic.scene import Scene
from stepwell.records.synthetic.treatment import Treatment

_STAYS, _TRUST, _CONTACTS, _APPOINTMENTS, _LETTERS, _REQUESTS = 71, 72, 73, 74, 75, 76


@dataclass(slots=True)
class Stays:
    """Columns, one row a stay of a person in the trust's hospital; at most one a person."""

    person: Ints
    started: Ints
    ended: Ints


def make_stays(treatment: Treatment) -> Stays:
    """Admissions of people with a specialist medicine in the last two years; some are still there."""
    scene, courses = treatment.scene, treatment.courses
    people, formulary = scene.people, scene.formulary
    rate = scene.world.catalogue.rates.mess.stay
    draws = scene.draws(_STAYS)
    special = np.isin(courses.group, [formulary.classes.index(name) for name in ("antipsychotic", "clozapine", "depot", "lithium")])
    person = np.unique(courses.person[special])
    size = len(person)
    admitted = draws.chance(np.where(people.groups["smi"][person], rate.smi, rate.other), size)
    leaves = scene.leaves[person]
    started = leaves - draws.between(2, 730, size)
    ended = np.minimum(started + draws.between(rate.days[0], rate.days[1], size), leaves + 1)
    admitted &= (started > people.born[person]) & (people.died[person] < 0)
    return Stays(person[admitted], started[admitted], ended[admitted])


@dataclass(slots=True)
class Caseload:
    """Whom the trust knows: `since` and `until` (negative while it lasts) by person; -1 in `since` for those it does not know."""

    since: Ints
    until: Ints
    born: Ints

    @property
    def known(self) -> Bools:
        return self.since >= 0


def make_caseload(treatment: Treatment, stays: Stays) -> Caseload:
    scene, courses, supply = treatment.scene, treatment.courses, treatment.supply
    people = scene.people
    draws = scene.draws(_TRUST)
    size = people.size
    since = np.full(size, 10**9)
    rows = np.flatnonzero(supply.by == TRUST)
    np.minimum.at(since, courses.person[supply.course[rows]], supply.started[rows])
    np.minimum.at(since, stays.person, stays.started)
    known = since < 10**9
    since = np.where(known, np.maximum(since - draws.between(5, 90, size), people.born + 1), -1)
    # After a handover half of the people are discharged from the caseload.
    handed = np.zeros(size, dtype=bool)
    over = np.full(size, -1)
    way = courses.way[supply.course[rows]] == WAYS.index("handover")
    handed[courses.person[supply.course[rows[way]]]] = True
    over[courses.person[supply.course[rows[way]]]] = supply.ended[rows[way]]
    others = np.zeros(size, dtype=bool)
    others[courses.person[supply.course[rows[~way]]]] = True
    others[stays.person] = True
    closes = handed & ~others & draws.chance(0.5, size)
    until = np.where(closes, over + draws.between(30, 400, size), -1)
    until = np.where(until > scene.leaves, -1, until)
    # The trust's clerk mistypes a birth date now and then: such a record must not be matched by itself.
    shift = np.array([-1, 1, 9, 31, 365])[draws.between(0, 4, size)]
    born = people.born + np.where(draws.chance(scene.world.catalogue.rates.mess.birth_date_differs, size), shift, 0)
    return Caseload(since, until, np.minimum(born, scene.today))


def local_ids(people: People, trust: bool) -> pa.Array:
    place = people.place
    prefix = f"N{place.index + 1}" if trust else f"{place.code}-"
    numbers = pc.utf8_lpad(pa.array(np.arange(people.size)).cast(pa.string()), 6, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), numbers, pa.scalar(""))


def patient_table(scene: Scene, trust: Caseload | None = None) -> pa.Table:
    """Everybody, as the practice or as the trust has them."""
    people, place = scene.people, scene.place
    size = people.size
    code = scene.world.trust if trust is not None else place.code
    local = local_ids(people, trust is not None)
    digits = pa.array(people.nhs).cast(pa.string())
    last = pa.array((people.nhs % 10 + 1) % 10).cast(pa.string())
    wrong = pc.binary_join_element_wise(pc.utf8_slice_codeunits(digits, 0, 9), last, pa.scalar(""))
    there = people.nhs > 0
    missing = pa.scalar(None, pa.string())
    raw = pc.if_else(pa.array(there), pc.if_else(pa.array(people.nhs_invalid), wrong, digits), missing)
    number = pc.if_else(pa.array(there & ~people.nhs_invalid), digits, missing)
    died = np.where(people.died <= scene.today, people.died, -1)
    return table(
        "patients",
        size,
        {
            "subject_id": np.arange(1, size + 1),
            "source": code,
            "native_id": local,
            "version": "1",
            "local_id": local,
            "nhs_number": number,
            "nhs_number_raw": raw,
            "nhs_status": choose(["missing", "valid", "invalid"], np.where(~there, 0, np.where(people.nhs_invalid, 2, 1))),
            "birth_date": known_day(people.born if trust is None else trust.born),
            "death_date": day(died),
            "sex": choose(["male", "female"], people.female.astype(np.int64)),
            "family_name": pa.array(people.family, pa.string()),
            "given_name": pa.array(people.given, pa.string()),
            "title": pa.array(people.title, pa.string()),
            "address": pa.array(people.address, pa.string()),
            "postcode": pa.array(people.postcode, pa.string()),
            "phone": pa.array(people.phone, pa.string()),
            "language": pa.array(people.language, pa.string()),
            "interpreter": pc.if_else(pa.array(people.interpreter), pa.scalar(True), pa.scalar(None, pa.bool_())),
            "org_code": code,
            "gp_org_code": place.code,
        },
    )


def registration_table(scene: Scene, trust: Caseload | None = None) -> pa.Table:
    people, place = scene.people, scene.place
    code = scene.world.trust if trust is not None else place.code
    size = people.size
    return table(
        "registrations",
        size,
        {
            "subject_id": np.arange(1, size + 1),
            "source": code,
            "native_id": ids(f"e{place.index}-", size),
            "version": "1",
            "org_code": code,
            "kind": "caseload" if trust is not None else "registration",
            "started_on": known_day(people.registered if trust is None else trust.since),
            "ended_on": day(people.moved if trust is None else trust.until),
        },
    )


def stay_table(scene: Scene, stays: Stays) -> pa.Table:
    trust, place = scene.world.trust, scene.place
    size = len(stays.person)
    return table(
        "stays",
        size,
        {
            "subject_id": stays.person + 1,
            "source": trust,
            "native_id": ids(f"s{place.index}-", size),
            "version": "1",
            "org_code": trust,
            "started_on": known_day(stays.started),
            "ended_on": day(np.where(stays.ended > scene.today, -1, stays.ended)),
        },
    )


def contact_tables(treatment: Treatment, caseload: Caseload) -> tuple[pa.Table, pa.Table]:
    scene, courses = treatment.scene, treatment.courses
    world, people, leaves = scene.world, scene.people, scene.leaves
    rates = world.catalogue.rates
    draws = scene.draws(_CONTACTS)
    size = people.size
    medicated = np.zeros(size, dtype=bool)
    medicated[courses.person] = True
    (least, most), (few, many) = rates.contacts.base, rates.contacts.with_medicine
    counts = draws.between(least, most, size) + np.where(medicated, draws.between(few, many, size), 0)
    person, _ = spread_over(counts)
    on = leaves[person] - draws.between(0, 364, len(person))
    kind = choose(rates.contact_kinds, draws.between(0, len(rates.contact_kinds) - 1, len(person)))
    practice = _contacts(people, people.place.code, person, on, kind)
    known = np.flatnonzero(caseload.known)
    who, _ = spread_over(draws.between(0, 3, len(known)))
    seen = known[who]
    on = np.maximum(leaves[seen] - draws.between(5, 360, len(seen)), caseload.since[seen])
    trust = _contacts(people, world.trust, seen, on, rates.trust_contact)
    return practice, trust


def _contacts(people: People, org: str, person: Ints, on: Ints, kind: pa.Array | str) -> pa.Table:
    keep = on >= people.born[person]
    size = int(keep.sum())
    words = kind if isinstance(kind, str) else kind.filter(pa.array(keep))
    return table(
        "contacts",
        size,
        {
            "subject_id": person[keep] + 1,
            "source": org,
            "native_id": ids(f"n{people.place.index}-", size),
            "version": "1",
            "org_code": org,
            "kind": words,
            "term": words,
            "on_date": known_day(on[keep]),
        },
    )


def appointment_table(scene: Scene) -> pa.Table:
    """Booked appointments of the practice; missed more often by people whom services reach least."""
    people, rates = scene.people, scene.world.catalogue.rates
    rate = rates.appointments
    draws = scene.draws(_APPOINTMENTS)
    size = people.size
    counts = np.where(draws.chance(rate.share, size), draws.between(1, rate.most, size), 0)
    person, _ = spread_over(counts)
    leaves = scene.leaves
    on = leaves[person] - draws.between(-40, 720, len(person))
    person, on = person[on >= people.born[person]], on[on >= people.born[person]]
    ahead = on > leaves[person]
    excluded = (people.groups["homeless"] | people.groups["smi"] | people.interpreter)[person]
    draw = draws.uniform(len(person))
    missed = draw < np.where(excluded, rate.missed_excluded, rate.missed)
    status = np.where(ahead, 0, np.where(missed, 2, np.where(draw > 1 - rate.cancelled, 3, 1)))
    stays_booked = ~ahead | (leaves[person] == scene.today)
    person, on, status = person[stays_booked], on[stays_booked], status[stays_booked]
    size = len(person)
    return table(
        "appointments",
        size,
        {
            "subject_id": person + 1,
            "source": people.place.code,
            "native_id": ids(f"a{people.place.index}-", size),
            "version": "1",
            "org_code": people.place.code,
            "on_date": known_day(on),
            "status": choose(["booked", "attended", "did not attend", "cancelled"], status),
            "reason": choose(rates.appointment_reasons, draws.between(0, len(rates.appointment_reasons) - 1, size)),
        },
    )


def letter_table(treatment: Treatment, stays: Stays) -> pa.Table:
    """Letters of the trust to the practice: after a first appointment, with a request to share care, at discharge."""
    scene, courses, supply = treatment.scene, treatment.courses, treatment.supply
    world, people, rates = scene.world, scene.people, scene.world.catalogue.rates
    draws = scene.draws(_LETTERS)
    rows = np.flatnonzero(supply.by == TRUST)
    way = courses.way[supply.course[rows]]
    person = courses.person[supply.course[rows]]
    handover = way == WAYS.index("handover")
    on = np.where(handover, supply.ended[rows] - draws.between(0, 21, len(rows)), supply.started[rows] + draws.between(0, 20, len(rows)))
    share, discharge = rates.clinic_letters.index("Shared care request"), rates.clinic_letters.index("Discharge letter")
    title = np.where(handover, share, draws.between(0, len(rates.clinic_letters) - 1, len(rows)))
    person = np.concatenate([person, stays.person])
    on = np.concatenate([on, stays.ended + 1])
    title = np.concatenate([title, np.full(len(stays.person), discharge)])
    keep = (on <= scene.leaves[person]) & draws.chance(0.9, len(person))
    person, on, title = person[keep], on[keep], title[keep]
    return table(
        "letters",
        len(person),
        {
            "subject_id": person + 1,
            "source": people.place.code,
            "native_id": ids(f"l{people.place.index}-", len(person)),
            "version": "1",
            "from_org": world.trust,
            "to_org": people.place.code,
            "sent_on": known_day(on),
            "code": "823681000000100",
            "title": choose(rates.clinic_letters, title),
        },
    )


def request_table(scene: Scene, caseload: Caseload) -> pa.Table:
    """Referrals of the practice to the trust: of most people it knows, and a few still waiting."""
    world, people, as_of = scene.world, scene.people, scene.today
    draws = scene.draws(_REQUESTS)
    known = np.flatnonzero(caseload.known & draws.chance(0.7, people.size))
    waiting = np.flatnonzero(~caseload.known & people.adult & (people.died < 0) & draws.chance(0.004, people.size))
    person = np.concatenate([known, waiting])
    on = np.concatenate([caseload.since[known] - draws.between(7, 90, len(known)), as_of - draws.between(3, 150, len(waiting))])
    status = np.concatenate([np.ones(len(known), dtype=np.int64), np.where(draws.chance(0.15, len(waiting)), 2, 0)])
    keep = (on >= people.born[person]) & (on <= scene.leaves[person])
    person, on, status = person[keep], on[keep], status[keep]
    return table(
        "requests",
        len(person),
        {
            "subject_id": person + 1,
            "source": people.place.code,
            "native_id": ids(f"r{people.place.index}-", len(person)),
            "version": "1",
            "from_org": people.place.code,
            "to_org": world.trust,
            "asked_on": known_day(on),
            "status": choose(["active", "completed", "rejected"], status),
            "reason": "Referral to community mental health team",
        },
    )
