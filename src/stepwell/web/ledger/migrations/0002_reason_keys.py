from typing import Any

from django.db import migrations, models


def evaluate_everyone_again(apps: Any, schema_editor: Any) -> None:
    """What is kept of an evaluation has grown (reasons to filter by, registers, loads): no run counts as up to date any more."""
    apps.get_model("ledger", "Evaluation").objects.update(pack_version="")


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="personrecord",
            name="reason_keys",
            field=models.TextField(blank=True),
        ),
        migrations.RunPython(evaluate_everyone_again, migrations.RunPython.noop),
    ]
