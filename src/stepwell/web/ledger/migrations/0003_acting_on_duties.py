from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from stepwell.web.core import append_only
from stepwell.web.core.together import Together


def count_events(apps: Any, schema_editor: Any) -> None:
    """A duty's revision is the number of its events."""
    events = apps.get_model("ledger", "DutyEvent").objects.filter(duty=OuterRef("pk")).order_by().values("duty")
    number = Subquery(events.annotate(number=Count("pk")).values("number"))
    apps.get_model("ledger", "Duty").objects.update(revision=Coalesce(number, 0))


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_reason_keys"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="duty",
            name="handed_to",
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddField(
            model_name="duty",
            name="need_owner",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="duty",
            name="offered_to",
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddField(
            model_name="duty",
            name="revision",
            field=models.PositiveIntegerField(default=0),
        ),
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
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="relationship",
            name="kind",
            field=models.CharField(
                choices=[
                    ("registration", "registered with"),
                    ("caseload", "on the caseload of"),
                    ("supply", "supplied by"),
                    ("agreement", "under an agreement with"),
                    ("request", "with a request open at"),
                    ("appointment", "with an appointment at"),
                ],
                max_length=20,
            ),
        ),
        Together(
            migrations.CreateModel(
                name="BulkAct",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("at", models.DateTimeField()),
                    ("role", models.CharField(blank=True, max_length=40)),
                    ("org_code", models.CharField(blank=True, max_length=20)),
                    ("act", models.CharField(max_length=20)),
                    ("words", models.TextField()),
                    ("outcome", models.JSONField(default=list)),
                    (
                        "by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                ],
                options={
                    "abstract": False,
                },
            ),
            migrations.CreateModel(
                name="Handover",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    (
                        "scope",
                        models.CharField(
                            choices=[("duty", "This duty only"), ("medicine", "Everything about the medicine")], max_length=10
                        ),
                    ),
                    ("substance", models.CharField(blank=True, max_length=100)),
                    ("from_org", models.CharField(max_length=20)),
                    ("to_org", models.CharField(max_length=20)),
                    ("owner_was", models.CharField(max_length=20)),
                    ("why", models.TextField()),
                    ("offered_at", models.DateTimeField()),
                    ("answer_by", models.DateField()),
                    (
                        "state",
                        models.CharField(
                            choices=[
                                ("open", "Waiting for an answer"),
                                ("accepted", "Accepted"),
                                ("declined", "Declined"),
                                ("withdrawn", "Withdrawn"),
                            ],
                            default="open",
                            max_length=10,
                        ),
                    ),
                    ("answered_at", models.DateTimeField(null=True)),
                    ("answer_why", models.TextField(blank=True)),
                    (
                        "answered_by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    ("duty", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.duty")),
                    (
                        "offered_by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    (
                        "person",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="handovers", to="ledger.personrecord"),
                    ),
                ],
            ),
        ),
        migrations.AddField(
            model_name="duty",
            name="offer",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="duties", to="ledger.handover"),
        ),
        migrations.AddIndex(
            model_name="duty",
            index=models.Index(condition=models.Q(("offered_to__gt", "")), fields=["offered_to"], name="duties_offered"),
        ),
        migrations.AddIndex(
            model_name="handover",
            index=models.Index(fields=["to_org", "state"], name="offers_to_org"),
        ),
        migrations.AddIndex(
            model_name="handover",
            index=models.Index(fields=["from_org", "state"], name="offers_of_org"),
        ),
        migrations.AddConstraint(
            model_name="handover",
            constraint=models.UniqueConstraint(
                condition=models.Q(("scope", "medicine"), ("state", "open")), fields=("person", "substance"), name="one_offer_of_a_medicine"
            ),
        ),
        append_only.protect("ledger_bulkact"),
        migrations.RunPython(count_events, migrations.RunPython.noop),
    ]
