import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from stepwell.web.core import append_only
from stepwell.web.core.together import Together


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0005_rules_of_an_approval"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            migrations.CreateModel(
                name="Asked",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("source", models.CharField(max_length=60)),
                    ("source_id", models.CharField(max_length=120)),
                    ("point", models.CharField(max_length=40)),
                    ("seq", models.PositiveIntegerField()),
                    (
                        "kind",
                        models.CharField(choices=[("asked", "Asked"), ("done", "Done"), ("superseded", "No longer asked")], max_length=12),
                    ),
                    ("stated_on", models.DateField()),
                    ("round", models.PositiveIntegerField()),
                    ("raised_on", models.DateField()),
                    ("title", models.CharField(max_length=200)),
                    ("test", models.CharField(blank=True, max_length=60)),
                    ("opens_on", models.DateField()),
                    ("due_on", models.DateField()),
                    ("escalate_on", models.DateField(null=True)),
                    ("owner_org", models.CharField(max_length=20)),
                    ("owner_role", models.CharField(blank=True, max_length=40)),
                    ("points", models.IntegerField(default=0)),
                    ("why", models.TextField()),
                    ("label", models.TextField()),
                    ("ended_on", models.DateField(null=True)),
                    ("ended_why", models.TextField(blank=True)),
                    ("source_label", models.CharField(blank=True, max_length=300)),
                    ("action_url", models.CharField(blank=True, max_length=300)),
                    ("recorded_at", models.DateTimeField()),
                    ("role", models.CharField(blank=True, max_length=40)),
                    ("org_code", models.CharField(blank=True, max_length=20)),
                    (
                        "person",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.personrecord"),
                    ),
                    (
                        "recorded_by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                ],
                options={
                    "constraints": [
                        models.UniqueConstraint(fields=("person", "source", "source_id", "point", "seq"), name="one_statement")
                    ],
                },
            ),
        ),
        append_only.protect("ledger_asked"),
        migrations.AlterField(
            model_name="dutyevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("opened", "Opened"),
                    ("changed", "Changed"),
                    ("met", "Done"),
                    ("declined", "Declined by the patient"),
                    ("not applicable", "Not applicable"),
                    ("superseded", "No longer owed"),
                    ("acknowledged", "Acknowledged"),
                    ("assigned", "Assigned"),
                    ("deferred", "Not this time"),
                    ("answered", "Answer given"),
                    ("result recorded", "Result recorded"),
                    ("taken on", "Taken on"),
                    ("undone", "Undone"),
                    ("offered", "Offered"),
                    ("offer accepted", "Accepted"),
                    ("offer declined", "Offer declined"),
                    ("offer withdrawn", "Offer withdrawn"),
                    ("moved", "Moved"),
                    ("settled", "Settled where it was asked"),
                ],
                max_length=20,
            ),
        ),
        append_only.protect("ledger_dutyevent"),
        migrations.AddIndex(
            model_name="duty",
            index=models.Index(
                condition=models.Q(("kind", "asked"), ("state", "open")), fields=["owner_org", "person"], name="duties_asked"
            ),
        ),
    ]
