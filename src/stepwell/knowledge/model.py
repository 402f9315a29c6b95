"""What an entry of the knowledge base may say: one frozen type per kind of entry.

Every figure stands beside its `source` (ids of `sources.yaml`) and its verification `mark`:
V read in the cited text, S secondary text, K common knowledge not yet checked, C and D calculated, P proposal.
An entry carries one mark; figures with different marks are different entries (ruling 6).
Time spans are written "3 months", "14 days", "9 months 7 days", "-3 months"; values in the test's own unit.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

import msgspec

Mark = Literal["V", "S", "K", "C", "D", "P"]
Key = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[a-z0-9][a-z0-9 .,()/+-]*$")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Texts = list[Text]
Factors = dict[str, list[int]]  # unit → [numerator, denominator]
Role = Literal["gp", "nurse", "pharmacist", "psychiatrist", "any"]
Group = Literal["antipsychotic", "mood", "dependence", "adhd", "sleep", "condition"]
Fact = Literal[
    "age", "sex", "has", "takes", "last", "falling", "load", "count", "classes", "months", "covered", "early", "registered", "missed",
    "interpreter", "repeats", "risk",
]  # fmt: skip
RuleKind = Literal["monitor", "review", "result", "combination", "licence", "agree", "finding", "supply"]
Sample = Literal["blood", "physical", "ecg", "question", "review"]
Rating = Annotated[int, msgspec.Meta(ge=0, le=3)]
Form = Literal["oral", "oromucosal", "patch", "rectal", "injection", "smoked"]

_SPAN = re.compile(r"^(?P<sign>-)?(?:(?P<months>\d+) months?)?\s*(?:(?P<days>\d+) days?)?$")


@dataclass(frozen=True, slots=True, order=False)
class Length:
    """Calendar months, then days, added in that order. Both may be negative, never of different sign."""

    months: int
    days: int

    @property
    def approximate_days(self) -> int:
        """For comparing lengths of one rule; a month counts 30.4 days."""
        return round(self.months * 30.4375) + self.days

    def __str__(self) -> str:
        months, days = abs(self.months), abs(self.days)
        words = [f"{months} month{'s' * (months != 1)}"] * bool(months) + [f"{days} day{'s' * (days != 1)}"] * bool(days or not months)
        return ("-" if self.months < 0 or self.days < 0 else "") + " ".join(words)


def length(text: str) -> Length:
    match = _SPAN.match(text.strip())
    if match is None or (match["months"] is None and match["days"] is None):
        raise ValueError(f"'{text}' is not a length of time: write for example '3 months', '14 days', '9 months 7 days' or '-3 months'")
    sign = -1 if match["sign"] else 1
    return Length(sign * int(match["months"] or 0), sign * int(match["days"] or 0))


Span = Annotated[str, msgspec.Meta(pattern=r"^-?(\d+ months?)?( ?\d+ days?)?$", min_length=5)]


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    pass


class Sourced(_Struct, frozen=True, kw_only=True):
    source: Annotated[list[Text], msgspec.Meta(min_length=1)]
    mark: Mark
    note: str = ""


class PackInfo(_Struct, frozen=True, kw_only=True):
    name: Key
    version: Text
    authored: Text
    authors: Text
    reviewed: Literal["not reviewed", "reviewed"]
    reviewed_by: str = ""
    approval: Text


class Parameter(Sourced, frozen=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]*$")]
    value: int
    unit: Text
    meaning: Text


class Source(_Struct, frozen=True, kw_only=True):
    id: Text
    title: Text
    where: Text
    kind: Text
    same_as: str = ""


class Codelist(_Struct, frozen=True, kw_only=True):
    file: Text
    kind: Literal["medicine", "test", "review", "diagnosis"]
    system: Literal["snomed", "bnf", "icd10", "read2", "ctv3"]
    topic: Text
    origin: Text
    licence: Text
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    rows: int
    reviewed: Literal["as published", "needs clinical review"]


class Maximum(Sourced, frozen=True, kw_only=True):
    """Most that may be given: `mg` in so many `days` (long-acting injections: 400 mg in 7 days)."""

    mg: float | None = None
    days: Annotated[int, msgspec.Meta(ge=1)] = 1
    none_because: str = ""


class Window(Sourced, frozen=True, kw_only=True):
    """How long before and after the due day an injection is on time."""

    early: Span | None = None
    late: Span


class Usual(Sourced, frozen=True, kw_only=True):
    """The usual dose a day in mg."""

    low: float
    high: float


class Ratings(Sourced, frozen=True, kw_only=True):
    """How strong a side effect is among antipsychotics, 0 to 3 (consensus style)."""

    weight: Rating
    metabolic: Rating
    prolactin: Rating
    qtc: Rating
    movement: Rating
    sedation: Rating
    anticholinergic: Rating


class Injection(Sourced, frozen=True, kw_only=True):
    """How a long-acting injection is given."""

    every: Span
    shortest: Span | None = None
    longest: Span | None = None
    dose_from_mg: float
    dose_to_mg: float
    not_before: Span | None = None
    """Earliest day after the injection before."""
    start: Text
    oral_cover: str = ""
    site: str = ""
    observation: str = ""


class Factor(Sourced, frozen=True, kw_only=True):
    value: float


class Flag(Sourced, frozen=True, kw_only=True):
    value: bool


class Licence(Sourced, frozen=True, kw_only=True):
    condition: Key
    licence: Literal["licensed", "off-licence"]


class NoLicence(Sourced, frozen=True, kw_only=True):
    none_because: Text


class Medicine(_Struct, frozen=True, kw_only=True):
    """A medicine. `complete` entries say maximum, licences and start; the others only place their products in a class."""

    medicine: Key
    label: Text
    sets: list[Key] = []
    bnf: list[Annotated[str, msgspec.Meta(pattern="^[0-9A-Z]{4,15}$")]] = []
    words: list[Text] = []
    """Of the products with these codes only those whose name holds one of these words; they go before an entry without words."""
    names: list[Text] = []
    not_as: list[Text] = []
    """Units in which these names are another product, not of interest (a gel is counted as `other`)."""
    ingredients: list[Text] = []
    forms: tuple[Form, ...] = ("oral", "oromucosal")
    complete: bool = False
    specialist_initiated: Flag | None = None
    max_daily: Maximum | None = None
    oral_morphine: Factor | None = None
    usual_daily: Usual | None = None
    ratings: Ratings | None = None
    injection: Injection | None = None
    window: Window | None = None
    licences: list[Licence] = []
    no_licences: NoLicence | None = None
    source: Annotated[list[Text], msgspec.Meta(min_length=1)]
    mark: Mark
    note: str = ""


class MedicineSet(Sourced, frozen=True, kw_only=True):
    set: Key
    label: Text
    members: list[Key] = []
    of: list[Key] = []
    without: list[Key] = []
    specialist_initiated: Flag | None = None


class Register(Sourced, frozen=True, kw_only=True):
    """Either of a set of medicines or of a condition; registers of one group are shown, and counted by `classes`, together."""

    register: Key
    label: Text
    group: Group
    set: Key | None = None
    condition: Key | None = None


class PublishedEquals(Sourced, frozen=True, kw_only=True):
    """What one published table says equals the load's `of`: so many mg, or from `equals` to `to`."""

    table: Text
    equals: float
    to: float | None = None

    @property
    def most(self) -> float:
        return self.equals if self.to is None else self.to


class Part(Sourced, frozen=True, kw_only=True):
    """What one medicine adds to a load: a factor, the mg that equal the load's `of`, or points. published: what the tables say of it, for
    a person who decides between them."""

    medicine: Key
    factor: float | None = None
    equals: float | None = None
    points: int | None = None
    published: list[PublishedEquals] = []


class Load(Sourced, frozen=True, kw_only=True):
    """What adds up over a person's medicines.

    by maximum: percent of each member's licensed maximum; by oral-morphine: mg by each member's factor; by factor: the daily dose times
    the part's `factor`, or times `of` / `equals` (5 mg of diazepam equal 10 mg of temazepam); by points: whatever the dose.
    `leaves_out`: members of the set that add nothing, with the reason.
    """

    load: Key
    label: Text
    unit: Literal["mg", "percent", "points"]
    by: Literal["maximum", "oral-morphine", "factor", "points"]
    set: Key | None = None
    of: float | None = None
    parts: list[Part] = []
    leaves_out: dict[str, str] = {}


class Patch(Sourced, frozen=True, kw_only=True):
    """A patch: its rate as labelled, how long it is worn, and what it gives in a day when that is not 24 times the label."""

    patch: Key
    medicine: Key
    micrograms_an_hour: float
    wear_hours: Annotated[int, msgspec.Meta(ge=1)]
    daily_micrograms: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Interaction(Sourced, frozen=True, kw_only=True):
    """Medicines that are not safe together: two or three sets."""

    interaction: Annotated[str, msgspec.Meta(pattern="^[A-Z]+[0-9]+[a-z]?$")]
    sets: Annotated[list[Key], msgspec.Meta(min_length=2, max_length=3)]
    window: Span = "0 days"
    severity: Literal["critical", "high", "moderate"]
    harm: Text
    action: Text


class ListUse(_Struct, frozen=True, kw_only=True):
    """A code list used by a test, or part of it."""

    list: Text
    only: Texts = []
    without: dict[str, str] = {}
    values: Texts | Literal["all", "none"] = "none"
    units: Factors = {}


class Test(Sourced, frozen=True, kw_only=True):
    test: Key
    label: Text
    kind: Literal["measurement", "review", "process"]
    sample: Sample
    unit: str | None = None
    lists: list[ListUse] = []
    no_codes_because: str = ""
    categories: list[float] = []
    also: list[Key] = []
    """Values that come with it: asked for beside it where results are typed."""


class Condition(Sourced, frozen=True, kw_only=True):
    condition: Key
    label: Text
    lists: list[ListUse] = []
    lasts: Span | None = None
    """An event: it counts from its latest record for so long. Without it the condition is a state."""
    ended_by: Key | None = None


class When(Sourced, frozen=True, kw_only=True):
    """A condition over facts, its value in the unit of the fact as people write it. subject `*`: the subject of the need."""

    fact: Fact
    subject: str = ""
    op: Literal["is", ">=", ">", "<=", "<"] = "is"
    value: float | None = None
    label: Text


class Band(_Struct, frozen=True, kw_only=True):
    """`from` and `to` belong to the band, `over` and `under` do not; edges in the test's unit, of `rise percent` in percent."""

    test: Key
    measure: Literal["value", "rise", "rise percent", "rise within", "fall within"] = "value"
    within: Span | None = None
    low_from: float | None = msgspec.field(default=None, name="from")
    low_over: float | None = msgspec.field(default=None, name="over")
    high_to: float | None = msgspec.field(default=None, name="to")
    high_under: float | None = msgspec.field(default=None, name="under")


class Basis(Sourced, frozen=True, kw_only=True):
    """Where the edges of a window, or one point of a rule, come from, when that is not the rule's own source."""


class Escalation(Sourced, frozen=True, kw_only=True):
    after: Span


class Again(Sourced, frozen=True, kw_only=True):
    """After a duty was answered, how much later a result that is still in the band raises it anew."""

    after: Span


class Option(Sourced, frozen=True, kw_only=True):
    """Something that may be done about what a rule found: chosen by a person, never ordered by the rule. `needs_reason`: choosing it needs
    one of the clinical reasons, and words."""

    option: Key
    label: Text
    needs_reason: bool = False


class ClinicalReason(Sourced, frozen=True, kw_only=True):
    """Why nothing is changed, where a rule asks for it: a reason about the person and never about capacity."""

    clinical_reason: Key
    label: Text


class RiskPart(_Struct, frozen=True, kw_only=True):
    """Out of range while the last result lies in the band of one of these result rules."""

    part: Key
    label: Text
    rules: Annotated[list[Key], msgspec.Meta(min_length=1)]


class Risk(Sourced, frozen=True, kw_only=True):
    """Parts that are counted together: how many are out of range by a result no older than `within`."""

    risk: Key
    label: Text
    within: Span | None = None
    parts: Annotated[list[RiskPart], msgspec.Meta(min_length=2)]


class Point(_Struct, frozen=True, kw_only=True):
    use: str = ""
    point: str = ""
    kind: Literal["window", "chain", "ongoing"] | None = None
    anchor: Literal["start", "change", "trigger"] | None = None
    opens: Span | None = None
    until: Span | None = None
    due: Span | None = None
    lapse: Span | None = None
    every: Span | None = None
    sooner: Span | None = None
    while_before: Span | None = None
    spread: bool = False
    window: Basis | None = None
    basis: Basis | None = None


class Template(_Struct, frozen=True, kw_only=True):
    template: Key
    point: Text
    kind: Literal["window", "chain", "ongoing"]
    anchor: Literal["start", "change", "trigger"] = "start"
    opens: Span | None = None
    until: Span | None = None
    due: Span | None = None
    lapse: Span | None = None
    every: Span | None = None
    spread: bool = False
    window: Basis | None = None


class Rule(Sourced, frozen=True, kw_only=True):
    rule: Key
    version: Annotated[int, msgspec.Meta(ge=1)]
    kind: RuleKind
    about: Literal["nobody always", "nobody", "both"] | None = None
    title: Text
    per: Literal["substance", "class"]
    set: Key
    set_b: Key | None = None
    set_c: Key | None = None
    test: Key | None = None
    after: Span | None = None
    lookback: Span | None = None
    owner: Literal["ruling", "practice", "specialist"] = "ruling"
    role: Role
    usual_owner: dict[str, str] = {}
    escalate: Escalation | None = None
    points: list[Point] = []
    applies: list[list[When]] = []
    unless: list[list[When]] = []
    sooner_when: list[list[When]] = []
    band: Band | None = None
    again: Again | None = None
    options: list[Key] = []
    priority: int = 0
    because: Text
    action: str = ""
    triggers: list[str] = []


class PeopleGroup(Sourced, frozen=True, kw_only=True):
    """People whom no single register shows. See data/groups.yaml for what each part asks."""

    group: Key
    label: Text
    shown: Literal["antipsychotic", "gap"]
    """Beside which registers it stands."""
    about: Text
    every: Annotated[list[list[Key]], msgspec.Meta(min_length=1)]
    without: list[Key] = []
    age_from: Annotated[int, msgspec.Meta(ge=1, le=120)] | None = None
    specialist: Literal["none"] | None = None
    way_back: bool = False
    """Its people lack a specialist: each row leads to asking for one."""
    due: list[Key] = []
    cadence: list[Key] = []


class OneOffDay(Sourced, frozen=True, kw_only=True):
    """A day that the calendar of bank holidays lacks, or has and should not, in these nations."""

    day: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    nations: Annotated[list[Literal["ENG", "WLS", "SCT", "NIR"]], msgspec.Meta(min_length=1)]
    name: Text
    holiday: bool = True


class Minutes(Sourced, frozen=True, kw_only=True):
    """How long the work of a duty takes. The first entry that fits a rule holds: its kind, test and sample are among those named.

    once: what is counted once for a person: a visit (all duties of the task), a test (those it answers), or each duty.
    role: who does it, whoever the duty names.
    """

    task: Key
    label: Text
    minutes: Annotated[int, msgspec.Meta(ge=1, le=480)]
    once: Literal["visit", "test", "duty"]
    role: Literal["gp", "nurse", "pharmacist", "psychiatrist"] | None = None
    rules: list[Key] = []
    kinds: list[RuleKind] = []
    tests: list[Key] = []
    samples: list[Sample] = []

    def fits(self, rule: Rule, sample: str | None) -> bool:
        """Whether the work of this rule's duties is this task; `sample`: of the rule's test."""
        return (
            (not self.rules or rule.rule in self.rules)
            and (not self.kinds or rule.kind in self.kinds)
            and (not self.tests or rule.test in self.tests)
            and (not self.samples or sample in self.samples)
        )


class Priority(Sourced, frozen=True, kw_only=True):
    reason: Key
    group: Literal["harm", "overdue", "opportunity", "equity"]
    label: Text
    points: int
    kind: Literal["overdue", "nobody", "fact", "needs"]
    fact: Fact | None = None
    subject: str = ""
    op: Literal["is", ">=", ">", "<=", "<"] | None = None
    value: float | None = None
    per_days: int | None = None
    cap: int | None = None


def decode(data: Any, to: Any) -> Any:
    """`data` as the type `to`; raises msgspec.ValidationError whose message ends with the path of the fault."""
    return msgspec.convert(data, to)


def milli(value: float) -> int:
    """Thousandths, from a figure as written (0.8 → 800)."""
    return scaled(value, 1000)


def scaled(value: float, scale: int) -> int:
    """`value` × `scale` as a whole number, from a figure as written; half is rounded up."""
    return int((Decimal(str(value)) * scale).to_integral_value(rounding=ROUND_HALF_UP))


def exact(value: float) -> Fraction:
    """A figure as written, as a fraction (7.5 → 15/2)."""
    return Fraction(str(value))
