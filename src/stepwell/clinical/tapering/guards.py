"""Whether a medicine is reduced here: refused with a route, warned, or asked. What a guard needs and nobody knows is asked, never taken
as fine. Words, lines and routes are the knowledge base's."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import msgspec

from stepwell.clinical.tapering.model import History, NotPlanned, Rule, Warned
from stepwell.knowledge.compile import Knowledge
from stepwell.knowledge.loads import PER_UNIT, load_rows
from stepwell.knowledge.model import Sourced
from stepwell.knowledge.tapering import TaperGuard, guards_of

THOUSAND = 1000
HOURS_OF_A_DAY = 24


def check(
    medicine: str, dose_ug: int, history: History, knowledge: Knowledge, *, patches: bool, abrupt: bool = False
) -> tuple[Warned, ...]:
    """What is to be known or asked before this is agreed. NotPlanned when a guard refuses: then `route` says where to go instead.

    dose_ug: micrograms a day, with `patches` an hour. abrupt: what is asked for would stop at once.
    """
    warned: list[Warned] = []
    for guard in guards_of(knowledge, medicine):
        lifted = guard.lifted_by is not None and guard.lifted_by.flag in history.conditions
        if _holds(guard, medicine, dose_ug, history, knowledge, patches=patches, abrupt=abrupt):
            if guard.action == "refuse" and not lifted:
                raise NotPlanned(guard.words, rule=_rule(guard, guard), route=guard.route)
            warned.append(Warned(words=guard.words, rule=_rule(guard, guard), asks=_asked(guard) if guard.action == "ask" else ""))
        elif guard.unknown == "ask":
            warned.extend(_asks(guard, history))
    return tuple(warned)


def _rule(guard: TaperGuard, sourced: Sourced) -> Rule:
    return Rule(words=guard.label, source=tuple(sourced.source), mark=sourced.mark, entry=f"guard: {guard.guard}")


def _asked(guard: TaperGuard) -> str:
    return guard.flag.ask if guard.flag else guard.words


def _holds(guard: TaperGuard, medicine: str, dose_ug: int, history: History, knowledge: Knowledge, *, patches: bool, abrupt: bool) -> bool:
    held = history.conditions | ({history.indication} if history.indication else set())
    return (
        guard.always
        or (guard.abrupt and abrupt)
        or (guard.injection and history.long_acting_injection)
        or (guard.age_under is not None and history.age is not None and history.age < guard.age_under)
        or not held.isdisjoint(guard.conditions)
        or (guard.flag is not None and guard.flag.flag in held)
        or any(not history.takes.isdisjoint(knowledge.members.get(name, ())) for name in guard.with_sets)
        or any(_load(history, load.load, medicine, dose_ug, knowledge, patches=patches) > load.over for load in guard.loads)
    )


def _asks(guard: TaperGuard, history: History) -> Iterator[Warned]:
    """Questions of a guard that does not hold by what is known."""
    if guard.flag is not None and guard.flag.flag not in history.answered:
        yield Warned(words=guard.label, rule=_rule(guard, guard.flag), asks=guard.flag.ask)
        return
    unknown = guard.conditions and not history.conditions_known
    if unknown or any(load.load not in history.loads for load in guard.loads):
        yield Warned(words=guard.label, rule=_rule(guard, guard), asks=f"Not known from the record: {guard.label.lower()}?")


def _load(history: History, key: str, medicine: str, dose_ug: int, knowledge: Knowledge, *, patches: bool) -> Fraction:
    """The load in its own unit: as the record has it, at least what this medicine adds by itself."""
    return max(Fraction(history.loads.get(key, 0), THOUSAND), own_load(key, medicine, dose_ug, knowledge, patches=patches))


def own_load(key: str, medicine: str, dose_ug: int, knowledge: Knowledge, *, patches: bool = False) -> Fraction:
    """What a dose of one medicine adds to a load, in the load's unit; 0 where it does not count in it."""
    load = knowledge.loads.get(key)
    if load is None:
        return Fraction(0)
    daily = dose_ug * HOURS_OF_A_DAY if patches else dose_ug
    if patches:
        daily = sum_of_patches(medicine, dose_ug, knowledge, daily)
    own = msgspec.structs.replace(load, parts=[part for part in load.parts if part.medicine == medicine])
    members = {load.set: knowledge.members[load.set] & {medicine}} if load.set else {}
    for _, _, _, _, _, numerator, denominator, flat in load_rows(own, knowledge.substances, members):
        stored = Fraction(flat) if flat is not None else Fraction(daily * (numerator or 0), denominator or 1)
        return stored / PER_UNIT[load.unit]
    return Fraction(0)


def sum_of_patches(medicine: str, dose_ug: int, knowledge: Knowledge, labelled: int) -> int:
    """Micrograms a day from so many an hour, by the table of patches where it names this strength, otherwise as labelled."""
    for patch in knowledge.patches.values():
        if patch.medicine == medicine and patch.micrograms_an_hour == dose_ug and patch.daily_micrograms:
            return patch.daily_micrograms
    return labelled
