"""Forms drawn with NHS.UK components. `{{ form.due.as_field_group() }}` draws one field with its hint and error;
`core/base.jinja` shows the error summary when the template's context has `form`.

No `maxlength` or `required` attribute is sent: the browser would cut or stop, and the person would not see our words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import nhs_number
from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms.boundfield import BoundField
from django.template import engines
from markupsafe import Markup


class NhsukBoundField(BoundField):
    """A bound field that knows how to draw itself as an NHS.UK component."""

    def as_field_group(self) -> Markup:  # type: ignore[override]
        field: Any = self.field
        template = engines["jinja2"].get_template("core/field.jinja")
        return Markup(template.render({"component": field.component, "params": self._params()}))  # noqa: S704

    @property
    def focus_id(self) -> str:
        """Where a link from the error summary leads: the first control of the field."""
        component = getattr(self.field, "component", "")
        return f"{self.id_for_label}-day" if component == "dateInput" else self.id_for_label

    def _params(self) -> dict[str, Any]:
        field: Any = self.field
        params: dict[str, Any] = {"id": self.id_for_label, "name": self.html_name, "classes": field.classes}
        if self.errors:
            params["errorMessage"] = {"text": self.errors[0]}
        if self.help_text:
            params["hint"] = {"text": str(self.help_text)}
        label = {"text": str(self.label), "size": field.label_size, "isPageHeading": field.label_is_heading}
        params.update(field.component_params(self, label))
        return params


class _Drawn:
    """Mixed into Django's fields. `classes` are added to the control, `label_size` is s, m or l, `label_is_heading` makes the
    label the page's h1, `attributes` go on the control as they are."""

    component = "input"

    def __init__(
        self,
        *args: Any,
        classes: str = "",
        label_size: str = "",
        label_is_heading: bool = False,
        attributes: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.classes = classes
        self.label_size = label_size
        self.label_is_heading = label_is_heading
        self.attributes = dict(attributes or {})
        super().__init__(*args, **kwargs)

    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        value = bound.value()
        return {"label": label, "value": "" if value is None else str(value), "attributes": self.attributes}


class TextField(_Drawn, forms.CharField):
    pass


class IntegerField(_Drawn, forms.IntegerField):
    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        return {**super().component_params(bound, label), "inputmode": "numeric"}


class DecimalField(_Drawn, forms.DecimalField):
    """A measurement as typed; `suffix` is its unit, shown in the box."""

    def __init__(self, *args: Any, suffix: str = "", **kwargs: Any) -> None:
        self.suffix = suffix
        super().__init__(*args, **kwargs)

    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        return {**super().component_params(bound, label), "inputmode": "decimal", "suffix": self.suffix or None}


class TextareaField(_Drawn, forms.CharField):
    component = "textarea"

    def __init__(self, *args: Any, rows: int = 4, **kwargs: Any) -> None:
        self.rows = rows
        super().__init__(*args, **kwargs)

    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        return {**super().component_params(bound, label), "rows": str(self.rows)}


class FileField(_Drawn, forms.FileField):
    """A file to send; the browser forgets what was chosen when the form comes back, so say so beside it or keep the file."""

    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        return {"label": label, "type": "file", "attributes": self.attributes}


class PasswordField(_Drawn, forms.CharField):
    component = "passwordInput"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, strip=False, **kwargs)

    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        return {"label": label, "attributes": self.attributes}


class SelectField(_Drawn, forms.ChoiceField):
    component = "select"

    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        chosen = str(bound.value() or "")
        choices: Any = self.choices
        items = [{"value": str(key), "text": str(text), "selected": str(key) == chosen} for key, text in choices]
        return {"label": label, "items": items, "attributes": self.attributes}


class RadiosField(_Drawn, forms.ChoiceField):
    component = "radios"

    def __init__(self, *args: Any, hints: Mapping[str, str] | None = None, inline: bool = False, **kwargs: Any) -> None:
        self.hints, self.inline = dict(hints or {}), inline
        super().__init__(*args, **kwargs)

    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": None,  # the first option has it; the component would give the same id to the box around them
            "idPrefix": bound.id_for_label,
            "inline": self.inline,
            "fieldset": {"legend": label},
            "items": _options(self, {str(bound.value() or "")}, bound.id_for_label),
        }


class CheckboxesField(_Drawn, forms.MultipleChoiceField):
    component = "checkboxes"

    def __init__(self, *args: Any, hints: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        self.hints = dict(hints or {})
        super().__init__(*args, **kwargs)

    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": None,  # the first option has it; the component would give the same id to the box around them
            "idPrefix": bound.id_for_label,
            "fieldset": {"legend": label},
            "items": _options(self, {str(value) for value in bound.value() or []}, bound.id_for_label),
        }


def _options(field: Any, chosen: set[str], prefix: str) -> list[dict[str, Any]]:
    """Radios or checkboxes; the first carries the field's own id, where the error summary leads."""
    return [
        {
            "id": prefix if place == 0 else f"{prefix}-{place + 1}",
            "value": str(key),
            "text": str(text),
            "checked": str(key) in chosen,
            "hint": {"text": field.hints[str(key)]} if str(key) in field.hints else None,
        }
        for place, (key, text) in enumerate(field.choices)
    ]


class _DateParts(forms.Widget):
    """Three boxes, day, month and year, named `<field>-day` and so on."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> dict[str, str] | date | None:
        # A whole date under the field's own name (a link that fills the form, a test) is understood too.
        if name in data:
            return data[name]  # type: ignore[no-any-return]
        parts = {part: str(data.get(f"{name}-{part}", "")).strip() for part in ("day", "month", "year")}
        return parts if any(parts.values()) else None

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return name not in data and not any(f"{name}-{part}" in data for part in ("day", "month", "year"))


_FIRST_YEAR = 1000
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class DateField(_Drawn, forms.Field):
    """A day typed in three boxes; the month may be a word. `earliest` and `latest` are days or None."""

    component = "dateInput"
    widget = _DateParts

    def __init__(self, *args: Any, earliest: date | None = None, latest: date | None = None, **kwargs: Any) -> None:
        self.earliest, self.latest = earliest, latest
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> date | None:
        if value in self.empty_values or isinstance(value, date):
            return value or None
        try:
            if isinstance(value, str):
                return date.fromisoformat(value)
            return date(_year(value["year"]), _month(value["month"]), int(value["day"]))
        except (ValueError, KeyError, TypeError) as error:
            missing = [part for part in ("day", "month", "year") if isinstance(value, dict) and not value.get(part)]
            if missing:
                raise ValidationError(f"{self.label} must include a {' and '.join(missing)}", code="incomplete") from error
            if isinstance(value, dict) and value["year"].isdigit() and int(value["year"]) < _FIRST_YEAR:
                raise ValidationError(f"{self.label} must have a year of four digits, for example 2026", code="invalid") from error
            raise ValidationError(f"{self.label} must be a real date, for example 21 11 2026", code="invalid") from error

    def validate(self, value: date | None) -> None:
        from stepwell.web.core.formatting import clinician

        super().validate(value)
        if value and self.earliest and value < self.earliest:
            raise ValidationError(f"{self.label} must be {clinician.date(self.earliest)} or later", code="early")
        if value and self.latest and value > self.latest:
            raise ValidationError(f"{self.label} must be {clinician.date(self.latest)} or earlier", code="late")

    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        value = bound.value()
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError:
                value = None
        parts = {"day": str(value.day), "month": str(value.month), "year": str(value.year)} if isinstance(value, date) else value or {}
        boxes = {
            part: {
                "name": f"{bound.html_name}-{part}",
                "id": f"{bound.id_for_label}-{part}",
                "label": part.capitalize(),
                "value": parts.get(part, ""),
                "width": 4 if part == "year" else 2,
            }
            for part in ("day", "month", "year")
        }
        return {"fieldset": {"legend": label}, **boxes}


def _month(text: str) -> int:
    word = text.strip().lower()[:3]
    return _MONTH_NAMES.index(word) + 1 if word in _MONTH_NAMES else int(text)


def _year(text: str) -> int:
    year = int(text)
    if year < _FIRST_YEAR:
        raise ValueError("a year has four digits")
    return year


class NhsNumberField(_Drawn, forms.CharField):
    """One box; spaces and dashes are accepted; ten digits that pass the check digit come out (NUM-0001 to 0018)."""

    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        return {**super().component_params(bound, label), "inputmode": "numeric", "autocomplete": "off"}

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        digits = "".join(character for character in text if not character.isspace() and character not in "-\u2013")
        if digits and not (digits.isdigit() and len(digits) == 10 and nhs_number.is_valid(digits)):
            raise ValidationError("NHS number must be 10 digits that pass its check: look for a wrong or swapped digit", code="invalid")
        return digits


class Form(forms.Form):
    """Base of every form: NHS.UK fields, errors in a summary."""

    bound_field_class = NhsukBoundField
    use_required_attribute = False

    def error_list(self) -> list[dict[str, str]]:
        """For the error summary: each field's first error with a link to it, then errors of the whole form."""
        listed = [
            {"text": str(errors[0]), "href": f"#{self[name].focus_id}"}  # type: ignore[attr-defined]
            for name, errors in self.errors.items()
            if name != NON_FIELD_ERRORS
        ]
        return listed + [{"text": str(error)} for error in self.non_field_errors()]
