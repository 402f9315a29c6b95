"""From the text of a dose instruction to words with a meaning ("lexemes").

The vocabulary is data (`data/dose_words.yaml`). Every character of the text ends up in a lexeme; what the vocabulary does
not hold becomes a lexeme of kind `unknown`, so that the grammar in `stepwell.records.dose` can refuse it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import yaml

_TOKEN = re.compile(
    r"[0-9]{1,2}:[0-9]{2}(?![0-9])|[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])|[0-9]+(?:,[0-9]+)+|[0-9]+(?:\.[0-9]+)?|(?<![0-9.])\.[0-9]+|[a-z]+(?:'[a-z]+)?|\S"
)
_LIST = re.compile(r"(?![0-9]{1,3}(?:,[0-9]{3})+$)[0-9]+(?:,[0-9]+)+")  # "1,5": a decimal comma or a list, so no number
_LONGEST_NUMBER = 9  # characters; longer is no dose
_DOTTED = re.compile(r"(?<![a-z])(?:[a-z]\.){2,4}(?![a-z]{2})(?:[a-z](?![a-z]))?")  # b.d.  t.d.s  p.r.n.
_REPLACED = str.maketrans(
    {"–": "-", "—": "-", "−": "-", "‑": "-", "‐": "-", "×": "x", "µ": "u", "μ": "u", "’": "'", "‘": "'", "`": "'", "“": '"', "”": '"',
     "⁄": "/", "½": " ½ ", "¼": " ¼ ", "¾": " ¾ ", "[": "(", "]": ")", "{": "(", "}": ")"}
)  # fmt: skip
_VULGAR = {"½": Fraction(1, 2), "¼": Fraction(1, 4), "¾": Fraction(3, 4)}
_DURATION_DAYS = {7: 1, 52: 7, 12: 30}  # 5/7 = five days, 2/52 = two weeks, 1/12 = one month
_SHORTEST_MENDED = 5  # words of five letters or more may have one slip of the keyboard


_LEADS = {"unit", "number", "once", "twice", "thrice", "times"}  # what may be run together with
_FOLLOWS = {"rate", "slot", "daily", "unit"}


@dataclass(frozen=True, slots=True)
class Lexeme:
    """`kind` is a section of the vocabulary, or number, clock, span, open, close, equals, slash, unknown; `value` depends on it."""

    kind: str
    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    phrases: dict[str, list[tuple[tuple[str, ...], str, Any]]]  # first word → phrases, longest first
    words: frozenset[str]
    bare_figures: frozenset[Fraction]
    teaspoon_ml: Fraction


def tokens(text: str) -> list[str]:
    """Lower-case words, numbers and signs of `text`, in order; nothing but white space is lost."""
    text = text.lower().translate(_REPLACED).replace("&amp;", "&")
    return _TOKEN.findall(_DOTTED.sub(lambda match: match.group().replace(".", ""), text))


@cache
def vocabulary() -> Vocabulary:
    """The packaged vocabulary. Raises ValueError when one phrase is given two meanings."""
    text = resources.files("stepwell.records").joinpath("data/dose_words.yaml").read_text(encoding="utf-8")
    raw = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  (only strings: "on" and "no" are words here)
    meanings: dict[tuple[str, ...], tuple[str, Any]] = {}

    def add(phrase: str, kind: str, value: Any) -> None:
        words = tuple(tokens(phrase))
        if words in meanings and meanings[words] != (kind, value):
            raise ValueError(f"dose_words.yaml: '{phrase}' is both {meanings[words][0]} and {kind}: keep one")
        meanings[words] = (kind, value)

    for word, number in raw["numbers"].items():
        add(word, "number", (Fraction(number), "word"))
    for word, number in raw["fractions"].items():
        add(word, "number", (Fraction(number), "vulgar"))
    for unit, written in raw["units"].items():
        for phrase in written:
            add(phrase, "unit", unit)
    for kind, content in raw["phrases"].items():
        if isinstance(content, dict):
            for value, written in content.items():
                for phrase in written:
                    add(phrase, kind, value)
        else:
            for phrase in [p for group in content for p in (group if isinstance(group, list) else [group])]:
                add(phrase, kind, None)

    phrases: dict[str, list[tuple[tuple[str, ...], str, Any]]] = {}
    for written, (kind, value) in meanings.items():
        phrases.setdefault(written[0], []).append((written, kind, value))
    for same_start in phrases.values():
        same_start.sort(key=lambda phrase: -len(phrase[0]))
    words = frozenset(word for written in meanings for word in written if len(word) >= _SHORTEST_MENDED - 1 and word.isalpha())
    return Vocabulary(phrases, words, frozenset(Fraction(n) for n in raw["bare_figures"]), Fraction(raw["teaspoon_ml"]))


def _one_slip(written: str, meant: str) -> bool:
    """True when one letter was added, lost, changed, or swapped with its neighbour."""
    if abs(len(written) - len(meant)) > 1:
        return False
    start = 0
    while start < min(len(written), len(meant)) and written[start] == meant[start]:
        start += 1
    a, b = written[start:], meant[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[:2][::-1] and a[2:] == b[2:])


@cache
def _known_words() -> frozenset[str]:
    return frozenset(word for group in vocabulary().phrases.values() for written, _, _ in group for word in written)


@cache
def _meaning(word: str) -> tuple[str, Any] | None:
    """Kind and value of a word that is a phrase by itself; null when it only occurs within longer phrases."""
    return next(((kind, value) for written, kind, value in vocabulary().phrases.get(word, ()) if written == (word,)), None)


@lru_cache(maxsize=50_000)
def _mend(word: str) -> tuple[str, ...]:
    """`word` as the vocabulary writes it.

    A longer word one slip away from one meaning only gets that meaning (its first letter must be right, and it must not be a number);
    two words run together ("capbd", "twicedaily") come apart when there is one way to do so.
    """
    if len(word) < _SHORTEST_MENDED or not word.isalpha() or word in _known_words():
        return (word,)
    apart = []
    for at in range(2, len(word) - 1):
        first, second = _meaning(word[:at]), _meaning(word[at:])
        if first and second and first[0] in _LEADS and second[0] in _FOLLOWS:
            apart.append((word[:at], word[at:]))
    if apart:
        return apart[0] if len(apart) == 1 else (word,)
    near = [known for known in vocabulary().words if known[0] == word[0] and _one_slip(word, known)]
    meanings = {_meaning(known) for known in near}
    several = len(near) > 1 and (len(meanings) > 1 or None in meanings)
    if not near or several or any(meaning and meaning[0] == "number" for meaning in meanings):
        return (word,)
    return (min(near),)


def _is_number(token: str) -> bool:
    return token.isascii() and len(token) <= _LONGEST_NUMBER and (token[0].isdigit() or (token[0] == "." and len(token) > 1))


def _is_whole(token: str) -> bool:
    return _is_number(token) and token.isdigit()


def _slashed(words: list[str], at: int) -> tuple[Lexeme, int] | None:
    """A date, a duration (5/7), a written fraction (1/2) or a pair of strengths (8/500) at `at`, and how many tokens it takes."""
    parts = words[at : at + 5 : 2]
    if at + 2 >= len(words) or words[at + 1] != "/" or not _is_whole(words[at]) or not _is_whole(words[at + 2]):
        return None
    if len(parts) == 3 and words[at + 3] == "/" and _is_whole(parts[2]):
        return Lexeme("date", None, "/".join(parts)), 5
    top, bottom = int(parts[0]), int(parts[1])
    text = f"{top}/{bottom}"
    if bottom in _DURATION_DAYS:
        return Lexeme("span", (top, bottom), text), 3
    if bottom == 24:
        return None  # 8/24h: so many in a day
    if bottom in (2, 3, 4) and top < bottom:
        return Lexeme("number", (Fraction(top, bottom), "slash"), text), 3
    if bottom >= 100 and top < bottom:
        return Lexeme("noise", None, text), 3
    return Lexeme("unknown", None, text), 3


def lexemes(text: str) -> list[Lexeme]:
    """The lexemes of `text` in order."""
    words = [word for token in tokens(text) for word in _mend(token)]
    phrases = vocabulary().phrases
    out: list[Lexeme] = []
    at = 0
    while at < len(words):
        token = words[at]
        if slashed := _slashed(words, at):
            out.append(slashed[0])
            at += slashed[1]
            continue
        for written, kind, value in phrases.get(token, ()):
            if tuple(words[at : at + len(written)]) == written:
                out.append(Lexeme(kind, value, " ".join(written)))
                at += len(written)
                break
        else:
            out.append(_single(token, words[at + 1] if at + 1 < len(words) else ""))
            at += 1
    return [lexeme for lexeme in _clocks(_nights(_services(out))) if lexeme.kind != "noise"]


_SERVICE = {"service", "supply", "review"}
_COUNTS = {"once", "twice", "thrice", "times", "x"}
_BETWEEN = {"noise", "on", "article", "and", "separator", "every", "to", "slash"}
_WHEN_SERVED = {"weekly", "fortnightly", "monthly", "weekday", "except", "daily"}


def _services(found: list[Lexeme]) -> list[Lexeme]:
    """Leave out what says when medicines are supplied or tests are due: "weekly dispensing", "collect Mon and Fri", "review every 2 weeks".

    A "daily" beside a service stays as `service_daily`: it is also the dose's when nothing else is ("40ml daily supervised").
    """
    kinds = [lexeme.kind for lexeme in found]
    left_out: set[int] = set()
    daily: set[int] = set()
    for at, kind in enumerate(kinds):
        if kind not in _SERVICE:
            continue
        before = at - 1
        while before >= 0 and kinds[before] in _WHEN_SERVED | {"noise", "on"} and not (before and kinds[before - 1] in _COUNTS):
            before -= 1
        before += 1
        after = at + 1
        while after < len(kinds):
            step = _served(kinds, after)
            if not step:
                break
            after += step
        near = [n for n in [*range(before, at), *range(at + 1, after)] if kinds[n] != "noise"]
        daily |= {at for n in near if kinds[n] == "daily"}
        left_out |= set(near)
    return [
        Lexeme("service_daily", None, lexeme.text) if at in daily else lexeme
        for at, lexeme in enumerate(found)
        if at not in left_out or at in daily
    ]


def _served(kinds: list[str], at: int) -> int:
    """How many lexemes at `at` go on saying when a service is due: a day, "every 2 weeks", "and Friday"."""
    if kinds[at] in _WHEN_SERVED:
        return 1
    ahead = at
    while ahead < len(kinds) - 1 and kinds[ahead] in _BETWEEN:
        ahead += 1
    if ahead > at and kinds[ahead] in {"weekday", "except"}:
        return ahead - at + 1
    if (
        kinds[at] == "every"
        and kinds[at + 1 : at + 2] == ["number"]
        and kinds[at + 2 : at + 3]
        and kinds[at + 2] in {"days", "weeks", "months"}
    ):
        return 3
    if (
        kinds[at] in {"once", "twice", "thrice"}
        and kinds[at + 1 : at + 2]
        and kinds[at + 1] in {"weekly", "monthly", "fortnightly", "daily"}
    ):
        return 2
    return 0


_NIGHT_AFTER = {"number", "unit", "close", "and", "x"}
_NIGHT_BEFORE = {
    "end",
    "separator",
    "prn",
    "close",
    "open",
    "and",
    "number",
    "max",
    "for",
    "directed",
    "span",
    "review",
    "stop_after",
    "slot",
}


def _nights(found: list[Lexeme]) -> list[Lexeme]:
    """`on` after a number or unit, with nothing for it to govern, is omni nocte ("1 ON"); otherwise the English word."""
    out = []
    for at, lexeme in enumerate(found):
        if lexeme.kind != "on":
            out.append(lexeme)
            continue
        before = found[at - 1].kind if at else "end"
        after = found[at + 1].kind if at + 1 < len(found) else "end"
        nocte = before in _NIGHT_AFTER and after in _NIGHT_BEFORE
        out.append(Lexeme("slot", "night", "on") if nocte else Lexeme("noise", None, "on"))
    return out


def _clocks(found: list[Lexeme]) -> list[Lexeme]:
    """`8 am` is a time of day; `1 am 2 pm` is one in the morning and two later, as nobody takes medicines at one in the night."""
    at_hours = [
        at for at in range(len(found) - 1)
        if found[at].kind == "number" and found[at].value[1] == "figure" and found[at + 1].text in {"am", "pm"}
    ]  # fmt: skip
    if not any(found[at].value[0] >= 5 or (at and found[at - 1].text == "at") for at in at_hours):
        return found
    out = list(found)
    for at in reversed(at_hours):
        out[at : at + 2] = [Lexeme("clock", None, f"{found[at].text} {found[at + 1].text}")]
    return out


def _single(token: str, following: str) -> Lexeme:
    if token in _VULGAR:
        return Lexeme("number", (_VULGAR[token], "vulgar"), token)
    if ":" in token and len(token) > 1 and token.isascii():
        hour, minute = token.split(":")
        return Lexeme("clock" if int(hour) <= 24 and int(minute) < 60 else "unknown", token, token)
    if _is_number(token) and not _LIST.fullmatch(token):
        if len(token) == 4 and token.isdigit() and int(token) <= 2400 and following in {"h", "hrs", "hours"} and token[0] in "012":
            return Lexeme("clock", token, token)
        return Lexeme("number", (Fraction(token.replace(",", "")), "figure"), token)
    signs = {"(": "open", ")": "close", "/": "slash"}
    return Lexeme(signs.get(token, "unknown"), None, token)
