"""What a reduction is made of. Whole numbers only: doses are micrograms a day (of patches: micrograms an hour), tablets are counted in
quarters, liquids in microlitres. Nothing here reads a database or a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec

Ug = Annotated[int, msgspec.Meta(ge=0)]
QUARTERS = 4  # of a whole tablet or capsule


class Mode(StrEnum):
    """How the doses of a plan are found; the knowledge base says which a medicine may use."""

    PRODUCT_STEPS = "product steps"
    LINEAR = "linear"
    PROPORTIONAL = "proportional"
    HYPERBOLIC = "hyperbolic"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Why a step is what it is: words, source ids, verification mark, and where it stands in the knowledge base."""

    words: str
    source: tuple[str, ...]
    mark: str
    entry: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """So much of one product a day. Of solids `quarters` counts quarter tablets, of liquids `microlitres`, of patches `patches` are
    worn at once; the two others are 0. `label`: the product as people call it (`2 mg tablets`, `oral solution 2 mg in 5 ml`).

    day: 0 every day; of a dose on alternate days 1 what is taken on the first of two days, 2 on the second."""

    product: str
    label: str
    form: str
    strength_ug: Ug
    quarters: int = 0
    microlitres: int = 0
    patches: int = 0
    day: int = 0
    notes: tuple[str, ...] = ()


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """A day's dose in products that exist. `dose_ug` is what the items hold, on alternate days the mean of two days; `items` is empty for
    nothing."""

    items: tuple[Item, ...]
    dose_ug: Ug

    @property
    def alternates(self) -> bool:
        """Whether two days differ."""
        return any(item.day for item in self.items)

    def on_day(self, day: int) -> tuple[Item, ...]:
        """What is taken on the first or the second of two days (1, 2)."""
        return tuple(item for item in self.items if item.day in (0, day))


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """From `on`, for `days` days (0 of the last: from then on), this dose. `percent_down`: of the dose before, in whole per cent; negative
    when it goes up. `kind`: start, down, hold, up, end."""

    number: int
    on: date
    days: int
    kind: str
    requested_ug: Ug
    built: Built
    rule: Rule
    percent_down: int = 0
    occupancy_permille: int | None = None

    @property
    def error_ug(self) -> int:
        """Built less requested: signed."""
        return self.built.dose_ug - self.requested_ug


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the person that bears on how, and whether, a medicine is reduced here. `conditions`: keys of the knowledge base
    held on the day, and flags a person ticked (`previous withdrawal seizure`, `unstable illness`, `suicidal thoughts`).
    None: not known, which is never read as fine: a guard that needs it asks.

    loads: what adds up over all medicines, by key of the knowledge base (`oral-morphine`, `diazepam-equivalent`, `antipsychotic-maximum`),
    in thousandths of its unit. takes: other medicines taken, by key. months: of the present course. answered: flags that a person was
    asked about; what was answered yes stands in `conditions` too.
    """

    age: int | None = None
    conditions: frozenset[str] = frozenset()
    conditions_known: bool = False
    months: int | None = None
    loads: dict[str, int] = {}
    takes: frozenset[str] = frozenset()
    long_acting_injection: bool = False
    indication: str = ""
    answered: frozenset[str] = frozenset()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks for. None: as the knowledge base proposes for this medicine.

    rate_percent: of the present dose (proportional) or of the first dose (linear), a step. step_ug: an absolute step instead.
    points: number of steps of a hyperbolic plan. products: keys that may be used, None all. nation: whose bank holidays are not started on.
    overrides: a person's own dose for a step by number (drag a step); holds: further days by number of step.

    alternate: a person chose alternate days before other strengths and liquids; only where the knowledge base allows them.

    first_ug: the dose the whole reduction began from, where this goes on with an earlier plan, and steps_before the steps down made in
    it; first_days: days of the first step, 0 when the next one is due; first_kind: what the first step is (start, hold, up).
    mixed: products that release differently may stand in one dose.
    """

    medicine: str
    dose_ug: Annotated[int, msgspec.Meta(gt=0)]
    to_ug: Ug = 0
    mode: Mode | None = None
    start_on: date
    interval_days: int | None = None
    rate_percent: float | None = None
    step_ug: int | None = None
    points: int | None = None
    products: frozenset[str] | None = None
    nation: str = "ENG"
    history: History = History()
    overrides: dict[int, Ug] = {}
    holds: dict[int, int] = {}
    first_ug: int | None = None
    steps_before: int = 0
    first_days: int | None = None
    first_kind: str = "start"
    mixed: bool = False
    alternate: bool = False


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """Something to know or to ask before this is agreed; `asks`: it is not known whether it applies, a person must say."""

    words: str
    rule: Rule
    asks: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A whole reduction. The first step is the present dose; the last ends at `to_ug`. `pack`: name and version of the knowledge base;
    `request`: what it was made from, with what the knowledge base proposed filled in."""

    medicine: str
    mode: Mode
    unit: str  # "mg" | "micrograms/hour"
    from_ug: Ug
    to_ug: Ug
    interval_days: int
    steps: tuple[Step, ...]
    bound: Rule
    warnings: tuple[Warned, ...] = ()
    pack: str = ""
    request: Request | None = None

    @property
    def ends_on(self) -> date:
        """The day of the last step."""
        return self.steps[-1].on


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody is on a day: what is taken by the plan, since when. before_ug: the dose before that one, None: as the plan has it."""

    on: date
    dose_ug: Ug
    since: date
    before_ug: int | None = None


class ChangeKind(StrEnum):
    """What can be done with a plan on its way. None of them is a failure."""

    HOLD = "hold"
    STEP_BACK = "step back"
    RESUME = "resume"
    SLOWER = "slower"
    SMALLER = "smaller"
    OTHER_END = "other end"
    MOVE_STEP = "move step"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a plan. days: of a hold, or the new days of a step when slower (None: the next longer that is offered, twice as long
    after the longest). rate_percent or step_ug: when smaller (None: half). to_ug: the other end. number with dose_ug or on: the step moved
    and its new dose or day."""

    kind: ChangeKind
    days: int | None = None
    rate_percent: float | None = None
    step_ug: int | None = None
    to_ug: int | None = None
    number: int | None = None
    dose_ug: int | None = None
    on: date | None = None


class Instead(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be done instead, ready to be asked for: words and the request it would be."""

    words: str
    request: Request


class NotPlanned(Exception):
    """It is not planned here. `rule` says why; `route`: who to go to instead, in words; `instead`: what can be built."""

    def __init__(self, words: str, *, rule: Rule | None = None, route: str = "", instead: Sequence[Instead] = ()) -> None:
        super().__init__(words)
        self.words, self.rule, self.route, self.instead = words, rule, route, tuple(instead)
