"""Models that are made together in one migration, drawn once.

    operations = [Together(migrations.CreateModel(...), migrations.AddField(...), migrations.AddIndex(...))]

Django draws every model that is related to a new one anew at each `CreateModel`; as everything here is related to the person and to
who acted, a fresh database would take ten seconds where the tables themselves take a few tenths. The schema is the same: a model is
made as it stands after all that is done together. Only for models that the same operation makes.
"""

from __future__ import annotations

from typing import Any

from django.db.migrations import AddConstraint, AddField, AddIndex, CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class Together(Operation):
    reversible = True

    def __init__(self, *operations: CreateModel | AddField | AddIndex | AddConstraint) -> None:
        self.operations = operations
        self.names = [each.name_lower for each in operations if isinstance(each, CreateModel)]
        for each in operations:
            if not isinstance(each, CreateModel) and each.model_name_lower not in self.names:
                raise ValueError(f"{each.describe()}: a model that was there before is changed by an operation of its own.")

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__qualname__, list(self.operations), {}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        drawn = state.__dict__.pop("apps", None)
        for each in self.operations:
            each.state_forwards(app_label, state)
        if drawn is not None:
            state.__dict__["apps"] = drawn
            drawn.render_multiple([state.models[app_label, name] for name in self.names])

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState) -> None:
        for name in self.names:
            model = to_state.apps.get_model(app_label, name)
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                schema_editor.create_model(model)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState) -> None:
        for name in reversed(self.names):
            model = from_state.apps.get_model(app_label, name)
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                schema_editor.delete_model(model)

    def describe(self) -> str:
        return f"Create {', '.join(self.names)}"
