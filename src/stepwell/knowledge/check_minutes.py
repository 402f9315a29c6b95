"""What must hold in the minutes of tasks: every rule has a task, and every entry some duty it can be about."""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.knowledge import model
from stepwell.knowledge.advice import at, near
from stepwell.knowledge.pack import Finding, Raw


def minutes(raw: Raw) -> Iterable[Finding]:
    """The last entry fits everything; names are those of rules and tests; what is counted by its test names one."""
    entries = list(raw.sections["minutes"].values())
    if raw.broken["minutes"]:  # told there already
        return
    if not entries:
        yield Finding("minutes.yaml", 1, "no task has minutes: write at least one entry that fits everything")
        return
    for entry in entries:
        task: model.Minutes = entry.value
        for part, known, what in (("rules", "rules", "a rule"), ("tests", "tests", "a test")):
            for index, name in enumerate(getattr(task, part)):
                if name not in raw.known(known):
                    yield at(entry, (part, index), near(name, raw.known(known), what))
        if task.once == "test" and not (task.tests or task.samples):
            yield at(entry, ("once",), "duties are counted by their test only where there is one: name 'tests:' or 'samples:'")
        everything = not (task.rules or task.kinds or task.tests or task.samples)
        if everything and entry is not entries[-1]:
            yield at(entry, (), "this entry fits everything, so those after it never hold: put it last")
        if not everything and entry is entries[-1]:
            yield at(entry, (), "the last entry must fit everything, so that no duty is without minutes: add one that names nothing")
