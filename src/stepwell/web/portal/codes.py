"""Codes from paper: ten characters of Crockford's base32, which has no I, L, O and U, so that nothing is mistaken when it is typed.

made = make()               # "7Q2MXK04TD": 50 bits
written(made)               # "7Q2MX K04TD", as it is printed
read("7q2mx-ko4td")         # "7Q2MXK04TD": whatever case, spaces and dashes; an O is a nought, an I or L a one
look_up(made)               # what is kept of it: a keyed hash
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from django.conf import settings

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 10
_MISTAKEN = str.maketrans({"O": "0", "I": "1", "L": "1"})
_BETWEEN = " \t\u00a0-\u2010\u2011\u2012\u2013\u2014."


def make() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def written(code: str) -> str:
    """In two groups."""
    return f"{code[: LENGTH // 2]} {code[LENGTH // 2 :]}"


def read(text: str) -> str:
    """The code that somebody typed; empty when it cannot be one."""
    found = "".join(character for character in text if character not in _BETWEEN).upper().translate(_MISTAKEN)
    return found if len(found) == LENGTH and set(found) <= set(ALPHABET) else ""


def look_up(code: str) -> str:
    """Under what a code is found. Whoever has a copy of the database alone cannot tell the code from it, nor try codes against it."""
    key = hmac.new(settings.SECRET_KEY.encode(), b"stepwell own page", hashlib.sha256).digest()
    return hmac.new(key, code.encode(), hashlib.sha256).hexdigest()
