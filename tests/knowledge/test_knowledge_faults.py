# ruff: noqa: E501
"""Broken packs: each mistake is told with its file, its line and what to write."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stepwell import knowledge
from stepwell.cli import main
from stepwell.errors import Refused


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A copy of the pack that ships, to be broken."""
    return Path(shutil.copytree(knowledge.DATA, tmp_path / "pack"))


def change(pack: Path, file: str, old: str, new: str) -> int:
    """Replaces the first `old`, which must be there; the line (from 1) it stands on."""
    path = pack / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


EIGHT, LITHIUM, POINTS = "medicines/eight.yaml", "rules/lithium.yaml", "points.yaml"

# (name, file, what stands there, what the author wrote, lines below the change where it is reported, words of the message)
MISTAKES = [
    ("field misspelt", EIGHT, "    label: Olanzapine", "    lable: Olanzapine", 0, ["'lable' is not a field here", "write 'label'"]),
    ("source missing", LITHIUM, "    source: [S07]\n    mark: V\n", "    mark: V\n", None, ["'source' is missing", "a list of ids of sources.yaml"]),
    ("mark missing", EIGHT, "    source: [S01]\n    mark: V\n    note: oral only; olanzapine", "    source: [S01]\n    note: oral only; olanzapine", None, ["'mark' is missing", "V (read in the cited text)", "P (proposal)"]),
    ("compound mark", EIGHT, "max_daily: {mg: 20, source: [S02, S92], mark: V}", "max_daily: {mg: 20, source: [S02, S92], mark: V/K}", 0, ["one letter, not a mixture", "split into several"]),
    ("unknown source", EIGHT, "max_daily: {mg: 16, source: [S02], mark: V}", "max_daily: {mg: 16, source: [S002], mark: V}", 0, ["'S002' is not a source", "Ids are compared whole", "S10 is not S100"]),
    ("empty source", EIGHT, "max_daily: {mg: 16, source: [S02], mark: V}", "max_daily: {mg: 16, source: [], mark: V}", 0, ["'source' is empty: write at least one"]),
    ("V without a text", EIGHT, "max_daily: {mg: 16, source: [S02], mark: V}", "max_daily: {mg: 16, source: [K], mark: V}", 0, ["no text is named", "write mark K or P"]),
    ("code read as a number", EIGHT, "bnf: [040201060]", "bnf: [402010601]", 0, ["is text, and YAML read a number", "put it in quotes"]),
    ("length of time", LITHIUM, "every: 6 months, sooner: 3 months", "every: six months, sooner: 3 months", 0, ["'every' is not a length of time", "'3 months', '14 days'"]),
    ("sooner not shorter", LITHIUM, "every: 6 months, sooner: 3 months", "every: 6 months, sooner: 9 months", 0, ["'sooner' (9 months) is not shorter than 'every' (6 months)"]),
    ("unknown test", LITHIUM, "    test: tft\n", "    test: tfd\n", 0, ["'tfd' is not a test", "did you mean 'tft'?"]),
    ("unknown set", LITHIUM, "    set: lithium\n", "    set: lithum\n", 0, ["'lithum' is not a set of medicines", "did you mean 'lithium'?"]),
    ("unknown set of a medicine", EIGHT, "    sets: [z-drug]", "    sets: [zdrug]", 0, ["'zdrug' is not a set of medicines", "did you mean 'z-drug'?"]),
    ("unknown condition", EIGHT, "{condition: eating-disorder, licence", "{condition: eating-disorders, licence", 0, ["'eating-disorders' is not a condition", "did you mean 'eating-disorder'?"]),
    ("licence word", EIGHT, "{condition: anxiety, licence: off-licence", "{condition: anxiety, licence: unlicensed", 0, ["write one of licensed, off-licence"]),
    ("unknown point", LITHIUM, "{use: six-monthly}", "{use: six monthly}", 0, ["'six monthly' is not a point of points.yaml", "did you mean 'six-monthly'?"]),
    ("window without a source", LITHIUM, "lapse: 84 days, window: {source: [P], mark: P, note: from day 5 and not after 12 weeks}}", "lapse: 84 days}", 0, ["edges of a window are figures too", "add 'window:"]),
    ("opens after due", LITHIUM, "opens: 5 days, until: 84 days, due: 7 days", "opens: 9 days, until: 84 days, due: 7 days", 0, ["opens (9 days) after it is due (7 days)"]),
    ("band empty", LITHIUM, "band: {test: lithium-level, from: 1.0, under: 1.5}", "band: {test: lithium-level, from: 1.5, under: 1.0}", 0, ["the band is empty"]),
    ("band of a process", LITHIUM, "band: {test: calcium, over: 2.6}", "band: {test: tft, over: 2.6}", 0, ["'tft' has no value", "a band looks at a measurement"]),
    ("band without ends", LITHIUM, "band: {test: calcium, over: 2.6}", "band: {test: calcium}", 0, ["one lower end ('from' or 'over')"]),
    ("result on the wrong anchor", LITHIUM, "{point: trigger, kind: chain, anchor: trigger, opens", "{point: trigger, kind: chain, opens", 0, ["hangs on the trigger", "write 'anchor: trigger'"]),
    ("comparison without value", LITHIUM, '{fact: age, op: ">=", value: 65, label: aged 65', '{fact: age, op: ">=", label: aged 65', 0, ["'>=' needs a value"]),
    ("unknown fact subject", LITHIUM, "{fact: takes, subject: lithium-interacting", "{fact: takes, subject: lithium-interactions", 0, ["'lithium-interactions' is not a set of medicines"]),
    ("sooner never", LITHIUM, "every: 6 months, sooner: 3 months", "every: 6 months", None, ["'sooner_when' changes nothing", "add 'sooner:'"]),
    ("owner word", "rules/agree.yaml", "    owner: practice", "    owner: surgery", 0, ["write one of ruling, practice, specialist"]),
    ("parameter missing", "parameters.yaml", "name: stop_gap_days", "name: stop_gap", None, ["the parameter 'stop_gap_days' is missing", "cannot count without it"]),
    ("number as text", "parameters.yaml", "value: 60,", "value: sixty,", 0, ["'value'", "int"]),
    ("key given twice", EIGHT, "    label: Olanzapine\n", "    label: Olanzapine\n    label: Olanzapine\n", 1, ["'label' is given twice"]),
    ("entry defined twice", EIGHT, "  - medicine: risperidone", "  - medicine: olanzapine", 0, ["'olanzapine' is already defined in medicines/eight.yaml line"]),
    ("not YAML", "classes.yaml", "sets:\n", "sets: [\n", None, ["not YAML", "check the indentation and quotes"]),
    ("wrong list in the file", "registers.yaml", "registers:\n", "register:\n", None, ["must hold a list under 'registers:'"]),
    ("measurement without unit", "tests.yaml", "sample: physical, unit: kg,", "sample: physical,", 0, ["a measurement needs a unit"]),
    ("code not in the list", "tests.yaml", 'without: {"275917000": ', 'without: {"275917001": ', 0, ["the code 275917001", "is not in pincer-lith_lev.csv"]),
    ("unit in capitals", "tests.yaml", "units: {cm: [1, 1]", "units: {CM: [1, 1]", 0, ["compared in lower case", "write 'cm'"]),
    ("test without codes", "tests.yaml", "lists: [{list: stepwell-ecg.csv}]", "lists: []", 0, ["a test without codes can never be seen as done", "no_codes_because"]),
    ("list changed", "codelists/pincer-egfr.csv", "80274001", "80274002", None, ["the list was changed since it was taken over", "write sha256"]),
    ("maximum unsaid", EIGHT, "max_daily: {mg: 20, source", "max_daily: {source", 0, ["'mg:' with the licensed maximum a day, or 'none_because:'"]),
    ("complete but incomplete", EIGHT, "    max_daily: {mg: 200, source: [S216], mark: V}\n", "", None, ["a complete entry says 'max_daily'"]),
    ("set without members", "classes.yaml", "members: [pimozide]", "members: []", 0, ["the set has no member"]),
    ("chain out of order", POINTS, "{template: week 2, point: week 2, kind: chain, opens: 11 days, due: 14 days, lapse: 18 days", "{template: week 2, point: week 2, kind: chain, opens: 3 days, due: 14 days, lapse: 18 days", None, ["begins or ends before that of 'week 1'", "in order of time"]),
    ("chain overlaps beyond its neighbour", POINTS, "{template: week 1, point: week 1, kind: chain, opens: 4 days, due: 7 days, lapse: 11 days", "{template: week 1, point: week 1, kind: chain, opens: 4 days, due: 7 days, lapse: 24 days", None, ["week 2", "week 1"]),
    ("point weaker than its rule", "rules/antipsychotics.yaml", "basis: {source: [S04], mark: V}", "basis: {source: [P], mark: P}", 0, ["the rule's mark K is stronger than this point's P", "carries its weakest mark"]),
    ("list without codes", "codelists/stepwell-ecg.csv", "code,term\n29303009,Electrocardiographic procedure\n46825001,Electrocardiographic monitoring\n", "code,term\n", None, ["codelists/stepwell-ecg.csv holds no code"]),
    ("code with a space", "codelists/stepwell-waist.csv", "276361009", "276 361009", None, ["'276 361009' in codelists/stepwell-waist.csv is not a SNOMED CT id"]),
    ("chain blocked", POINTS, "due: 84 days, lapse: 12 months,", "due: 84 days,", None, ["'week 12' never lapses, so 'month 12' can never come"]),
    ("load of a set without a figure", "loads.yaml", "leaves_out:", "leaves_out_of:", None, ["'leaves_out_of' is not a field here", "write 'leaves_out'"]),
    ("member of a load without a figure", EIGHT, "    max_daily: {mg: 16, source: [S02], mark: V}\n", "", None, ["'risperidone' has no licensed maximum a day", "'leaves_out' with the reason"]),
    ("load in the wrong unit", "loads.yaml", "unit: percent", "unit: mg", 0, ["a load by maximum is counted in percent"]),
    ("patch of a tablet", "patches.yaml", "medicine: fentanyl patch, micrograms_an_hour: 12,", "medicine: fentanyl oromucosal, micrograms_an_hour: 12,", 0, ["does not come as a patch"]),
    ("patch twice", "patches.yaml", "medicine: fentanyl patch, micrograms_an_hour: 25,", "medicine: fentanyl patch, micrograms_an_hour: 12,", 0, ["has this strength already"]),
    ("interaction with an unknown set", "interactions.yaml", "sets: [lithium, nsaid]", "sets: [lithium, nsaids]", 0, ["'nsaids' is not a set of medicines", "did you mean 'nsaid'?"]),
    ("interaction window in months", "interactions.yaml", "severity: critical", "window: 1 month, severity: critical", 0, ["the window is counted in days"]),
    ("register of nothing", "registers.yaml", "group: mood, set: lithium", "group: mood", 0, ["write 'set:' or 'condition:'"]),
    ("register group", "registers.yaml", "group: mood", "group: moods", 0, ["write one of antipsychotic, mood"]),
    ("state that is ended", "conditions.yaml", "label: insomnia,", "label: insomnia, ended_by: epilepsy,", 0, ["only an event is ended by another record"]),
    ("finding without conditions", "rules/antipsychotics.yaml", "    kind: monitor", "    kind: finding", 0, ["a finding says what is found: add 'applies:'"]),
    ("supply without about", "rules/agree.yaml", "kind: agree", "kind: supply", 0, ["write 'about: nobody'"]),
    ("rise within how many days", LITHIUM, "band: {test: calcium, over: 2.6}", "band: {test: calcium, measure: rise within, over: 2.6}", 0, ["say 'within:' how many days"]),
    ("within without a rise", LITHIUM, "band: {test: calcium, over: 2.6}", "band: {test: calcium, within: 91 days, over: 2.6}", 0, ["say 'within:' how many days"]),
    ("fact compared", LITHIUM, "{fact: has, subject: hypertension,", '{fact: months, subject: lithium,', 0, ["months is compared", "'value' in months"]),
    ("fact of the need", LITHIUM, "{fact: has, subject: hypertension,", '{fact: has, subject: "*",', 0, ["cannot be asked of '*'"]),
    ("half a month", LITHIUM, "{fact: has, subject: hypertension,", '{fact: months, op: ">=", value: 1.5, subject: "*",', 0, ["whole number"]),
    ("window of an injection", EIGHT, "    max_daily: {mg: 20, source: [S02, S92], mark: V}", "    max_daily: {mg: 20, source: [S02, S92], mark: V}\n    window: {late: 1 month, source: [P], mark: P}", 1, ["write for example '7 days'"]),
    ("minutes without an end", "minutes.yaml", "  - {task: other, label: Anything else, minutes: 10, once: duty, source: [P], mark: P}\n", "", None, ["the last entry must fit everything"]),
    ("minutes of no test", "minutes.yaml", "tests: [side-effect-review]", "tests: [side-effects]", 0, ["'side-effects' is not a test", "did you mean 'side-effect-review'?"]),
    ("minutes that hide others", "minutes.yaml", "once: duty, kinds: [result]", "once: duty", 0, ["fits everything, so those after it never hold"]),
    ("minutes by a test without one", "minutes.yaml", "once: duty, kinds: [supply]", "once: test, kinds: [supply]", 0, ["counted by their test only where there is one"]),
    ("no minutes", "minutes.yaml", "minutes: 15, once: duty", "minutes: 0, once: duty", 0, ["'minutes'", ">= 1"]),
    ("group of no register", "groups.yaml", "[dementia]]", "[dementias]]", 0, ["'dementias' is not a register", "did you mean 'dementia'?"]),
    ("group in and out", "groups.yaml", "without: [smi]", "without: [dementia]", 0, ["'dementia' is asked for and ruled out"]),
    ("group of no rule", "groups.yaml", "cadence: [antipsychotic.stomp]", "cadence: [antipsychotic.stamp]", 0, ["'antipsychotic.stamp' is not a rule"]),
    ("group called as a register", "groups.yaml", "- group: older-people", "- group: dementia", 0, ["a register has this name"]),
    ("protocol of no set", "protocols.yaml", "    set: lithium\n", "    set: lithum\n", 0, ["'lithum' is not a set of medicines", "did you mean 'lithium'?"]),
    ("protocol refused without words", "protocols.yaml", "    refused_because: Clozapine stays with the specialist service and its clinic; shared care cannot be asked for.\n", "", None, ["say why shared care cannot be asked for"]),
    ("protocol that is never reviewed", "protocols.yaml", "agreement_review: {every: 12 months", "agreement_review: {every: 0 days", 0, ["a review comes after some time"]),
    ("heading of a letter without a code", "letter-headings.yaml", 'label: "Clinical summary", code: "887181000000106"', 'label: "Clinical summary"', 0, ["'clinical-summary'", "either the 'code' of its section or the heading that it stands 'under'"]),
    ("minimum field under nothing", "letter-headings.yaml", 'label: "Relapse signature", under: plan-and-requested-actions', 'label: "Relapse signature", under: plan', 0, ["'plan' is not a heading"]),
    ("letter with an unknown heading", "letter-kinds.yaml", "{heading: diagnoses, conformance: required}", "{heading: diagnosis, conformance: required}", 0, ["'diagnosis' is not a heading", "did you mean 'diagnoses'?"]),
    ("letter with a heading twice", "letter-kinds.yaml", "{heading: problems-and-issues, conformance: required}", "{heading: diagnoses, conformance: required}", 0, ["'diagnoses' is there twice"]),
    ("minimum field called mandatory", "letter-kinds.yaml", "{heading: stop-plan, conformance: minimum}", "{heading: stop-plan, conformance: mandatory}", 0, ["one without code is minimum"]),
    ("responsibility for no test", "responsibilities.yaml", "tests: [lithium-level, clozapine-level]", "tests: [lithium-levels]", 0, ["'lithium-levels' is not a test", "did you mean 'lithium-level'?"]),
    ("rest in the middle", "responsibilities.yaml", "label: Advise when asked,", "label: Advise when asked, rest: true,", 0, ["put it last, and let it name nothing"]),
    ("rules without a line", "responsibilities.yaml", ", rest: true, proposed", ", proposed", 0, ["the last entry must take the rest"]),
    ("nobody prescribes", "responsibilities.yaml", "line: prescribe, ", "", None, ["only one, is about prescribing"]),
    ("no such unit", "medicines/interacting.yaml", "not_as: [other]", "not_as: [gel]", 0, ["'gel' is not a unit that products are counted in"]),
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake[0] for mistake in MISTAKES])
def test_a_mistake_is_told_with_place_and_remedy(pack: Path, mistake: tuple[str, str, str, str, int | None, list[str]]) -> None:
    _, file, old, new, below, words = mistake
    line = change(pack, file, old, new)
    found = knowledge.findings(pack)
    own = [finding for finding in found if all(word in finding.message for word in words)]
    assert own, f"none of {found} says {words}"
    if below is not None:
        assert (own[0].file, own[0].line) == (file, line + below)


def test_one_mistake_does_not_echo(pack: Path) -> None:
    change(pack, "classes.yaml", "{set: opioid, label: opioid,", "{set: opioid, lable: opioid,")
    assert len(knowledge.findings(pack)) == 1
    with pytest.raises(Refused, match="stepwell knowledge check"):
        knowledge.load(pack)


def test_a_folder_without_a_pack_is_told(tmp_path: Path) -> None:
    assert "no such folder" in knowledge.findings(tmp_path / "nothing")[0].message
    messages = " ".join(finding.message for finding in knowledge.findings(tmp_path))
    assert "write name, version, authored" in messages


def test_the_command_fails_with_file_and_line(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = change(pack, LITHIUM, "    test: tft\n", "    test: tfd\n")
    assert main(["knowledge", "check", str(pack)]) == 1
    assert f"{LITHIUM}:{line}: 'lithium.tft': 'tfd' is not a test: did you mean 'tft'?" in capsys.readouterr().out


def test_the_command_tells_its_figures_as_json(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["knowledge", "check", "--json"]) == 0
    sound = json.loads(capsys.readouterr().out)
    assert sound["errors"] == [] and sound["without_source"] == 0
    assert sound["entries"] == sum(sound["by_mark"].values()) > 400
    line = change(pack, EIGHT, "max_daily: {mg: 16, source: [S02], mark: V}", "max_daily: {mg: 16, mark: V}")
    assert main(["knowledge", "check", str(pack), "--json"]) == 1
    broken = json.loads(capsys.readouterr().out)
    assert broken["without_source"] == 1
    assert broken["errors"][0]["file"] == EIGHT and broken["errors"][0]["line"] == line
    assert "'source' is missing" in broken["errors"][0]["message"]
