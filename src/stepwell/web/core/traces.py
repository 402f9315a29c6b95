"""Whether anything of a kind is on record about a person: all kinds are asked in one statement, once for a page.

Of most people there is no hand-over, no question, no meeting, no transfer. The sections of a patient page that rest on such rows ask
here first, and read and put together nothing where there is nothing.

add_traces(Question)                              # in `AppConfig.ready`; a model with a column `person_id`
if not traces.any_of(Question, person_id): ...    # in a selector
"""

from __future__ import annotations

from django.db import connection
from django.db.models import Model

from stepwell.web.core import once

_models: dict[type[Model], str] = {}


def add_traces(*models: type[Model]) -> None:
    for model in models:
        _models[model] = model._meta.db_table


def any_of(model: type[Model], person_id: int) -> bool:
    """Whether there may be a row about this person. Where nothing is kept (in a form that is sent) it is left to the read itself."""
    return model not in _models or not once.is_keeping() or model in _found(person_id)


@once.once
def _found(person_id: int) -> frozenset[type[Model]]:
    quote = connection.ops.quote_name
    asked = ", ".join(f"EXISTS (SELECT 1 FROM {quote(table)} WHERE person_id = %s)" for table in _models.values())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}", [person_id] * len(_models))
        row = cursor.fetchone()
    return frozenset(model for model, found in zip(_models, row, strict=True) if found)
