"""The truth about synthetic people: an event simulation that shares no code with the engine, and how far the engine agrees.

Two truths are told apart. *By the stated definitions* (docs/engine.md): each person's days are walked, one after the other, and what
was in the cupboard, who looked after it and what fell due is noted; the engine must say the same. *What really happened*
(`Made.life`): when people started and stopped, which records can only show so well; agreement with it is measured.
"""

from __future__ import annotations

from stepwell.records.synthetic.truth.compare import (
    APART,
    MIXED,
    UNEXPLAINED,
    Agreement,
    Disagreement,
    Together,
    compare,
    together,
)
from stepwell.records.synthetic.truth.files import Truth, write, write_network
from stepwell.records.synthetic.truth.real import RealAgreement, against_life
from stepwell.records.synthetic.truth.simulate import Simulation

__all__ = [
    "APART",
    "MIXED",
    "UNEXPLAINED",
    "Agreement",
    "Disagreement",
    "RealAgreement",
    "Simulation",
    "Together",
    "Truth",
    "against_life",
    "compare",
    "together",
    "write",
    "write_network",
]
