"""A letter as documents: PDF/UA for clinicians and for the person, a FHIR document, the person's copy in plain words.

    documents.pdf(letter)                                     # bytes; Refused where the machine cannot make PDFs
    documents.pdf(letter, audience="patient", large=True)
    documents.fhir(letter)                                    # plain values, ready for JSON
    documents.patient_words(letter)

Whoever calls has opened the letter through its gate and says what is hidden from the reader (`cut`); nothing is decided or
recorded here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.web.accounts.roles import roles
from stepwell.web.core.nations import nation_of
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.pages import Banner
from stepwell.web.letters import cutting
from stepwell.web.letters.documents import bundle, plain, printed
from stepwell.web.letters.documents.paper import CLINICIAN, PATIENT, About, Action, Paper, Party
from stepwell.web.privacy.restrict import NOTHING, Cut

if TYPE_CHECKING:
    from stepwell.web.letters.models import Letter

__all__ = ["CLINICIAN", "PATIENT", "fhir", "paper_of", "patient_words", "pdf", "urgent_mark", "urgent_words"]


def pdf(letter: Letter, audience: str = CLINICIAN, *, large: bool = False, cut: Cut = NOTHING) -> bytes:
    """A4, tagged; `large` prints the patient's copy in large letters."""
    paper = paper_of(letter, cut)
    if audience == PATIENT:
        return printed.patient_pdf(paper, plain.patient_copy(paper, nation_of(paper.sender.code)), large=large)
    return printed.clinician_pdf(paper)


def fhir(letter: Letter, *, cut: Cut = NOTHING) -> dict[str, Any]:
    """A Bundle of type document."""
    return bundle.document(paper_of(letter, cut))


def patient_words(letter: Letter, *, cut: Cut = NOTHING) -> plain.PatientCopy:
    paper = paper_of(letter, cut)
    return plain.patient_copy(paper, nation_of(paper.sender.code))


def urgent_words(nation: str) -> str:
    """Whom a person calls when it cannot wait, by nation (ENG, WLS, SCT, NIR). Empty for another."""
    return plain.words().urgent.get(nation, "")


def urgent_mark() -> str:
    """How far the words of `urgent_words` were checked: the mark of the file that holds them."""
    return plain.words().mark


def paper_of(letter: Letter, cut: Cut = NOTHING) -> Paper:
    """What the documents of a sent letter need. The sections are those that were sent; the banner is the person's of today."""
    person = ledger.find_person(letter.person_id)
    if person is None:
        raise Refused("There is nobody on record under this letter’s number any more.")
    banner = Banner(person, letter.sent_on, ())
    kind = knowledge.load().letter_kinds.get(letter.kind)
    return Paper(
        number=letter.pk,
        kind=letter.kind_label,
        code=kind.code if kind else "",
        sender=Party(letter.from_org, letter.from_name, letter.author_name, _role(letter.author_role)),
        receiver=Party(letter.to_org, letter.to_name),
        about=About(
            key=letter.person_id,
            family=banner.family,
            given=banner.given,
            title=banner.title,
            birth_date=banner.birth_date,
            death_date=banner.death_date,
            sex=banner.sex,
            nhs_number=banner.nhs_number,
            address=person.address,
            phone=person.phone,
        ),
        sent_at=letter.sent_at,
        sent_on=letter.sent_on,
        sections=cutting.shown(cut, letter.parts),
        actions=[Action(cutting.shown_text(cut, each.text), _role(each.role), each.due_on) for each in letter.actions.order_by("number")],
        medicines=[known.medicine(substance) for substance in letter.medicines if not cut.hides_medicine(substance)],
        replaces=(letter.supersedes.pk, letter.supersedes.sent_at) if letter.supersedes else None,
        superseded_on=newer.sent_on if (newer := getattr(letter, "superseded_by", None)) else None,
    )


def _role(key: str) -> str:
    return roles()[key].label if key in roles() else key
