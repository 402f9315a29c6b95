"""What the rules said beside a protocol is kept with the version that was adopted."""

from __future__ import annotations

from django.db import migrations, models

from stepwell.web.core import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("agreements", "0002_requests"),
    ]

    operations = [
        migrations.AddField(model_name="protocoluse", name="drawn", field=models.JSONField(default=dict)),
        # SQLite builds the table anew and drops its triggers.
        append_only.protect("agreements_protocoluse"),
    ]
