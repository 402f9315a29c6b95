"""Keeps the secrets of second steps encrypted in the database, with a key made from this installation's own.

Whoever has a copy of the database alone cannot make codes from it. When the installation's key is changed, people set up
their second step anew.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.conf import settings


class Adapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        return _fernet().decrypt(encrypted_text.encode("ascii")).decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": "Stepwell"}

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Stepwell sends no e-mail; what changed stands on the account page and in the audit."""


def _fernet() -> Fernet:
    key = hmac.new(settings.SECRET_KEY.encode(), b"stepwell second step", hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(key))
