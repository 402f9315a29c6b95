"""Figures and their marks on a page, as a reader finds them: an entry's words with the first mark behind them, and figures with a clinical
unit that stand in nothing that carries a mark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from html.parser import HTMLParser
from typing import Any

import msgspec

from stepwell import knowledge
from stepwell.web.ledger.known import MARKS
from stepwell.web.tapers.pack_words import pack_words

# (S57, NG222, mark V) with what the pages add to it.
BASIS = re.compile(r"((?:(?:[A-Z][\w.-]*|ruling \d+)(?: ?, ?))*)mark ([A-Z])\b")
_TIGHT = re.compile(r"((?:(?:[A-Z][\w.-]*|ruling\d+),)*)(?<=[(,:;])mark([A-Z])")
FIGURE = re.compile(r"\d[\d,.]*\s*(?:mg|micrograms?|ml|mL|%|days?|weeks?|months?)(?![a-z])")
NEAR = 400  # characters between words and their mark: the figure, its products and its notes
_VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"}
_UNREAD = {"script", "style", "svg", "template", "title"}
# What holds a figure together with its mark: beyond one of these another begins.
_AROUND = {"table", "tbody", "thead", "ul", "ol", "section", "form", "main", "details", "body", "article", "nav", "div"}


# What stands behind a figure


@cache
def pairs() -> frozenset[tuple[frozenset[str], str]]:
    """Sources and mark of everything that the knowledge base says, and of the words of the pack."""
    known = knowledge.load()
    found = set(_pairs([getattr(known, name) for name in dir(known) if not name.startswith("_")]))
    return frozenset(found | set(_pairs(pack_words().said)))


def _pairs(thing: Any) -> Iterator[tuple[frozenset[str], str]]:
    if isinstance(thing, msgspec.Struct):
        if hasattr(thing, "mark") and hasattr(thing, "source"):
            yield named(thing.source), thing.mark
        thing = [getattr(thing, name) for name in thing.__struct_fields__]
    if isinstance(thing, Mapping):
        thing = list(thing.values())
    if isinstance(thing, list | tuple | set | frozenset):
        for each in thing:
            yield from _pairs(each)


def named(source: Iterable[str]) -> frozenset[str]:
    """Sources without the marks that may stand in their place."""
    return frozenset(tight(each) for each in source if each and each not in MARKS)


def basis(of: Any) -> str:
    """What must stand behind a figure."""
    return ", ".join([*(each for each in of.source if each not in MARKS), f"mark {of.mark}"])


def tight(text: str) -> str:
    """Without any space: pages and PDFs break lines differently."""
    return re.sub(r"\s+", "", text)


def missing(text: str, told: Sequence[tuple[str, Any]], near: int = NEAR) -> list[str]:
    """Of these words those whose first mark behind them is nowhere, shortly behind, exactly that of their entry."""
    packed, found = tight(text), []
    for words, of in told:
        wanted = (named(of.source), of.mark)
        places = [place.end() for place in re.finditer(re.escape(tight(words)), packed, re.IGNORECASE)]
        if not any(_first(packed, place, near) == wanted for place in places):
            found.append(f"{words} ({basis(of)})")
    return found


def _first(packed: str, place: int, near: int) -> tuple[frozenset[str], str] | None:
    found = _TIGHT.search(packed, place, place + near)
    return (named(found[1].split(",")), found[2]) if found else None


def strays(text: str) -> list[str]:
    """Marks on a page that nothing in the knowledge base stands behind."""
    return [
        found[0] for found in BASIS.finditer(text)
        if (named(each for each in re.split(r" ?, ?", found[1])), found[2]) not in pairs()
    ]  # fmt: skip


def bare(text: str) -> list[str]:
    """Marks that need local approval and do not say so."""
    return [found[0] for found in re.finditer(r"mark([SKCDP])\)", tight(text))]


# What stands on a page


class Node:
    """An element with what it holds, in order."""

    def __init__(self, tag: str, parent: Node | None) -> None:
        self.tag, self.parent, self.holds = tag, parent, []

    @property
    def text(self) -> str:
        return " ".join(" ".join(each if isinstance(each, str) else each.text for each in self.holds).split())

    def texts(self) -> Iterator[tuple[Node, str]]:
        for each in self.holds:
            if isinstance(each, str):
                yield self, each
            else:
                yield from each.texts()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = self.at = Node("", None)
        self.main: Node | None = None
        self.unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        self.unread += tag in _UNREAD
        node = Node(tag, self.at)
        self.at.holds.append(node)
        self.at = node
        if tag == "main":
            self.main = node

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        self.unread -= tag in _UNREAD
        while self.at.parent is not None and self.at.tag != tag:
            self.at = self.at.parent
        self.at = self.at.parent or self.root

    def handle_data(self, data: str) -> None:
        if not self.unread:
            self.at.holds.append(data)


def main_of(response: Any) -> Node:
    """The page's own part: without the banner of the person, menus and the foot."""
    reader = _Reader()
    reader.feed(response.content.decode())
    assert reader.main is not None
    return reader.main


def rows_with(page: Node, words: str) -> list[str]:
    """Texts of rows and entries that hold these words."""
    return [node.text for node in _nodes(page) if node.tag in ("tr", "li", "p", "dd") and words in node.text]


def _nodes(node: Node) -> Iterator[Node]:
    for each in node.holds:
        if isinstance(each, Node):
            yield each
            yield from _nodes(each)


def unmarked_figures(page: Node, own: Sequence[str], doses: Iterable[str] = ()) -> list[str]:
    """Figures with a clinical unit in nothing that carries a mark, but for what is the person's own: `doses` they take or took by the plan,
    and what stands in words that match one of the patterns of `own`."""
    taken, found = {tight(each) for each in doses}, []
    for node, text in page.texts():
        for figure in FIGURE.finditer(text):
            block = _block(node)
            if _is_marked(node) or tight(figure[0]) in taken or any(re.search(each, block) for each in own):
                continue
            found.append(f"{figure[0]} in: {block[:160]}")
    return list(dict.fromkeys(found))


def _block(node: Node) -> str:
    while node.parent is not None and node.tag in ("span", "strong", "em", "b", "a", "small", "s", "abbr", "q"):
        node = node.parent
    return node.text


def _is_marked(node: Node) -> bool:
    here: Node | None = node
    while here is not None and (here.tag not in _AROUND or (here.tag == "div" and here.parent is not None and here.parent.tag == "dl")):
        if BASIS.search(here.text):
            return True
        here = here.parent
    return False
