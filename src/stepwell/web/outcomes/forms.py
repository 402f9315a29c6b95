"""Forms of outcomes: what released money was put into."""

from __future__ import annotations

from stepwell.web.core.forms import DateField, DecimalField, Form, TextareaField, TextField


class ReinvestmentForm(Form):
    what = TextField(
        label="What it was put into",
        label_size="s",
        help_text="For example: half a day of a pharmacist a week for reviews",
        error_messages={"required": "Say what it was put into"},
    )
    pounds = DecimalField(
        label="Amount in pounds",
        label_size="s",
        max_digits=11,
        decimal_places=2,
        error_messages={"required": "Give the amount", "invalid": "Give the amount in figures, for example 1200 or 1200.50"},
    )
    on = DateField(label="Day", label_size="s", error_messages={"required": "Give the day"})

    @property
    def pence(self) -> int:
        return round(self.cleaned_data["pounds"] * 100)


class TakeBackForm(Form):
    why = TextareaField(label="What was wrong?", label_size="s", rows=2, error_messages={"required": "Say what was wrong"})
