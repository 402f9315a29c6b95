from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from stepwell.web.accounts.models import User
from stepwell.web.core import clock, forms

NEW_PASSWORD_HINT = "At least 12 characters, not a common password. Four words that make sense to nobody else are easy to keep."  # noqa: S105
_CODE = {"autocomplete": "one-time-code", "inputmode": "numeric"}


class SignInForm(forms.Form):
    username = forms.TextField(
        label="User name",
        attributes={"autocapitalize": "none", "autocomplete": "username"},
        classes="nhsuk-input--width-20",
        error_messages={"required": "Enter your user name"},
    )
    password = forms.PasswordField(
        label="Password", classes="nhsuk-input--width-20", error_messages={"required": "Enter your password"}
    )  # fmt: skip


class AgainForm(forms.Form):
    """Before something that matters: the password once more."""

    password = forms.PasswordField(
        label="Your password", classes="nhsuk-input--width-20", error_messages={"required": "Enter your password"}
    )  # fmt: skip


class CodeForm(forms.Form):
    code = forms.TextField(
        label="Code",
        help_text="Six digits from your authenticator app, or one of your recovery codes.",
        classes="nhsuk-input--width-10",
        attributes=_CODE,
        error_messages={"required": "Enter the code"},
    )


class ConfirmAppForm(forms.Form):
    code = forms.TextField(
        label="Code that the app shows now",
        classes="nhsuk-input--width-10",
        attributes=_CODE,
        error_messages={"required": "Enter the code that the app shows"},
    )


def credential_of(posted: Mapping[str, str]) -> tuple[dict[str, Any] | None, str]:
    """What a browser answered for a passkey (filled in by script, never typed), None when it is missing or no JSON; and its name."""
    try:
        credential = json.loads(posted.get("credential", ""))
    except ValueError:
        credential = None
    return credential if isinstance(credential, dict) else None, posted.get("name", "")


class _NewPassword(forms.Form):
    """Twice the same new password that is good enough for this user."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, again = cleaned.get("new"), cleaned.get("again")
        if first:
            try:
                validate_password(first, self.user)
            except ValidationError as error:
                self.add_error("new", " ".join(error.messages))
        if first and again and first != again:
            self.add_error("again", "The two passwords differ. Enter the same one twice")
        return cleaned


def _new() -> forms.PasswordField:
    return forms.PasswordField(
        label="New password",
        help_text=NEW_PASSWORD_HINT,
        classes="nhsuk-input--width-20",
        attributes={"autocomplete": "new-password"},
        error_messages={"required": "Enter a new password"},
    )


def _again() -> forms.PasswordField:
    return forms.PasswordField(
        label="The same again",
        classes="nhsuk-input--width-20",
        attributes={"autocomplete": "new-password"},
        error_messages={"required": "Enter the new password a second time"},
    )


class SetPasswordForm(_NewPassword):
    new = _new()
    again = _again()


class ChangePasswordForm(_NewPassword):
    old = forms.PasswordField(
        label="Password until now", classes="nhsuk-input--width-20", error_messages={"required": "Enter the password you have now"}
    )  # fmt: skip
    new = _new()
    again = _again()

    def clean_old(self) -> str:
        old: str = self.cleaned_data["old"]
        if not self.user.check_password(old):
            raise ValidationError("This is not the password you have now")
        return old


class RoleForm(forms.Form):
    """A role, from when, until when."""

    role = forms.RadiosField(label="Role", label_size="s", error_messages={"required": "Choose the role"})
    from_on = forms.DateField(label="From", label_size="s", error_messages={"required": "Give the first day"})
    to_on = forms.DateField(
        label="Until (optional)", label_size="s", help_text="The first day they no longer have this role.", required=False
    )  # fmt: skip

    def __init__(self, *args: Any, roles: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = list(roles)  # type: ignore[attr-defined]
        self.fields["from_on"].earliest = clock.today()  # type: ignore[attr-defined]
        self.fields["from_on"].initial = clock.today()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from_on"), cleaned.get("to_on")
        if first and last and last <= first:
            self.add_error("to_on", "The last day must be after the first")
        return cleaned


class PersonForm(RoleForm):
    """Somebody who will work here."""

    title = forms.TextField(label="Title (optional)", label_size="s", required=False, max_length=35, classes="nhsuk-input--width-5")
    name = forms.TextField(label="Name", label_size="s", max_length=160, error_messages={"required": "Enter their name"})
    username = forms.TextField(
        label="User name",
        label_size="s",
        help_text="What they sign in with. Letters, digits, full stops and dashes.",
        max_length=150,
        attributes={"autocapitalize": "none", "autocomplete": "off"},
        error_messages={"required": "Enter a user name"},
    )
    already = forms.CheckboxesField(
        label="Do they sign in to Stepwell already?",
        label_size="s",
        required=False,
        choices=[("yes", "Yes, they work elsewhere too and have this user name")],
    )
    field_order = ("title", "name", "username", "already", "role", "from_on", "to_on")

    def clean_username(self) -> str:
        username = str(self.cleaned_data["username"]).strip()
        if not all(character.isalnum() or character in ".-_@" for character in username):
            raise ValidationError("A user name has letters, digits, full stops and dashes only")
        return username


class EndRoleForm(forms.Form):
    to_on = forms.DateField(
        label="First day they no longer have it", label_size="s", error_messages={"required": "Give the first day they no longer have it"}
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to_on"].earliest = clock.today()  # type: ignore[attr-defined]
        self.fields["to_on"].initial = clock.today()
