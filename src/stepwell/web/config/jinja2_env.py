"""The template environment: NHS.UK components as macros, our formatting as filters, nothing else."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.urls import reverse
from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader

from stepwell.web.core import formatting


def environment(**options: Any) -> Environment:
    options["loader"] = ChoiceLoader([options["loader"], PackageLoader("nhsuk_frontend_jinja", "templates")])
    # The components ask for `params.label.text` without asking whether there is a label.
    options["undefined"] = ChainableUndefined
    env = Environment(trim_blocks=True, lstrip_blocks=True, **{**options, "autoescape": True})  # noqa: S701
    env.globals.update(static=versioned_static, url=_url, clinician=formatting.clinician, patient=formatting.patient)
    env.filters.update(formatting.FILTERS)
    return env


def _url(name: str, *args: Any, **kwargs: Any) -> str:
    return reverse(name, args=args or None, kwargs=kwargs or None)


def versioned_static(path: str) -> str:
    """The address of a static file with its content's hash, so that a browser may keep it and still sees a new one."""
    return f"{static(path)}?v={_version(path)}"


@cache
def _version(path: str) -> str:
    found = finders.find(path)
    if not isinstance(found, str):
        return "0"
    with open(found, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:10]
