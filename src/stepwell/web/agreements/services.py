"""The verbs of agreements, in one place for other areas.

`recording.py`: agreements that come whole. `asking.py`: a request and its answer. `running.py`: what happens to an agreement that is
in force. `protocol_use.py`: which version of a protocol an organisation uses. Each verb decides access and writes the agreement, its
event, the duties it raises and the audit in one transaction; those of a process evaluate the person after the commit.
"""

from __future__ import annotations

from stepwell.web.agreements.asking import (
    accept,
    answer_question,
    ask_question,
    change_draft,
    decline,
    draft_request,
    request_again,
    send_request,
)
from stepwell.web.agreements.protocol_use import use_protocol
from stepwell.web.agreements.recording import ALL, Line, adopt_lines, adopt_requests, record_agreement
from stepwell.web.agreements.running import (
    answer_dose_change,
    answer_proposal,
    end_agreement,
    hand_back,
    let_time_pass,
    propose_dose_change,
    renew,
    resume,
    suspend,
    take_back,
    withdraw_hand_back,
)
from stepwell.web.agreements.steps import Stale, Step

__all__ = [
    "ALL", "Line", "Stale", "Step", "accept", "adopt_lines", "adopt_requests", "answer_dose_change", "answer_proposal",
    "answer_question", "ask_question", "change_draft", "decline", "draft_request", "end_agreement", "hand_back", "let_time_pass",
    "propose_dose_change", "record_agreement", "renew", "request_again", "resume", "send_request", "suspend", "take_back",
    "use_protocol", "withdraw_hand_back",
]  # fmt: skip
