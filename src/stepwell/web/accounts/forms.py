from __future__ import annotations

from stepwell.web.core import forms


class SignInForm(forms.Form):
    username = forms.TextField(
        label="User name",
        attributes={"autocapitalize": "none"},
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
