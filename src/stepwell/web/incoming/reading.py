"""The text of a PDF that somebody sent, read in a process of its own with little memory and time: a file from outside may be made
to stop whoever reads it.

    read(data)                                    # Reading, or Refused with what to do
    python -m stepwell.web.incoming.reading       # the process: the file on standard input, JSON on standard output
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from io import BytesIO

from stepwell.errors import Refused

MOST_BYTES = 10_000_000
MOST_PAGES = 100
MOST_TEXT = 400_000
_SECONDS, _MEMORY = 20, 1_500_000_000
_BEGINS = b"%PDF-"
_SEARCHED = 1024  # the mark may stand after some bytes of whatever carried the file
# Fewer letters than this on a page are page numbers and stamps, not a letter.
_FEW_LETTERS = 20
_LETTER = re.compile(r"[^\W\d_]")

EMPTY = "The file is empty. Choose it again, or type the letter."
TOO_LARGE = f"The file is larger than {MOST_BYTES // 1_000_000} MB. Send it in parts, or type what matters."
NO_PDF = "This is not a PDF. Save the letter as a PDF, or copy its text into the box."
LOCKED = "This PDF is locked with a password. Ask the sender for one without, or save it again without the password."
BROKEN = "This PDF cannot be read: it is damaged or made in an unusual way. Print it to a new PDF, or type the letter."
TOO_LONG = f"This PDF has more than {MOST_PAGES} pages or more text than a letter. File the letter without its enclosures."


@dataclass(frozen=True, slots=True)
class Reading:
    """`text` with a line of its own for each line of the page; empty for a scan."""

    text: str
    pages: int

    @property
    def is_scan(self) -> bool:
        return len(_LETTER.findall(self.text)) < _FEW_LETTERS


def check(data: bytes) -> None:
    """What can be told without reading it. Refused."""
    if not data:
        raise Refused(EMPTY)
    if len(data) > MOST_BYTES:
        raise Refused(TOO_LARGE)
    if _BEGINS not in data[:_SEARCHED]:
        raise Refused(NO_PDF)


def read(data: bytes) -> Reading:
    """In a process of its own. Refused where the file cannot be read."""
    check(data)
    command = [sys.executable, "-I", "-m", "stepwell.web.incoming.reading"]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 - our own module
    except subprocess.TimeoutExpired as error:
        raise Refused(BROKEN) from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:  # it was stopped for want of memory or time
        raise Refused(BROKEN) from error
    if problem := answer.get("problem"):
        raise Refused(str(problem))
    return Reading(answer["text"], answer["pages"])


def extract(data: bytes) -> Reading:
    """The same in this process."""
    from pypdf import PdfReader

    check(data)
    try:
        reader = PdfReader(BytesIO(data))
        # Some programs lock a PDF against changes with an empty password: it opens.
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refused(LOCKED)
        pages = len(reader.pages)
        if pages > MOST_PAGES:
            raise Refused(TOO_LONG)
        found: list[str] = []
        for page in reader.pages:
            found.append(page.extract_text())
            if sum(map(len, found)) > MOST_TEXT:
                raise Refused(TOO_LONG)
    except Refused:
        raise
    except Exception as error:  # whatever a broken file makes of the reader
        raise Refused(BROKEN) from error
    if not pages:
        raise Refused(BROKEN)
    return Reading(tidy("\n\n".join(found)), pages)


def tidy(text: str) -> str:
    """Lines without trailing space, never more than one empty line between them, and no character that a database refuses."""
    plain = text.encode("utf-8", "replace").decode().replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
    plain = re.sub("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]", " ", plain)
    lines = "\n".join(line.rstrip() for line in plain.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def _limit() -> None:
    """What this process may use, where the system can limit it."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _main() -> None:
    _limit()
    try:
        answer: dict[str, object] = asdict(extract(sys.stdin.buffer.read()))
    except Refused as refusal:
        answer = {"problem": str(refusal)}
    except MemoryError:
        answer = {"problem": BROKEN}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main()
