import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from stepwell.web.core import append_only
from stepwell.web.core.together import Together


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            migrations.CreateModel(
                name="Transfer",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("person_id", models.BigIntegerField(db_index=True)),
                    ("from_org", models.CharField(max_length=20)),
                    ("to_org", models.CharField(max_length=20)),
                    (
                        "state",
                        models.CharField(
                            choices=[
                                ("proposed", "Proposed"),
                                ("agreed", "Agreed"),
                                ("transferred", "Transferred"),
                                ("return asked", "Return asked for"),
                                ("declined", "Declined"),
                                ("withdrawn", "Withdrawn"),
                                ("taken back", "Taken back"),
                                ("followed", "Followed by another transfer"),
                            ],
                            default="proposed",
                            max_length=20,
                        ),
                    ),
                    ("why", models.TextField()),
                    ("plan", models.TextField()),
                    ("planned_on", models.DateField()),
                    ("proposed_at", models.DateTimeField()),
                    ("answer_by", models.DateField()),
                    ("joint_on", models.DateField(null=True)),
                    ("joint_who", models.CharField(blank=True, max_length=200)),
                    ("transferred_on", models.DateField(null=True)),
                    ("reviews", models.JSONField(default=list)),
                    ("checks", models.JSONField(default=dict)),
                    ("returns", models.PositiveIntegerField(default=0)),
                    ("return_at", models.DateTimeField(null=True)),
                    ("return_from", models.DateField(null=True)),
                    ("return_by", models.DateField(null=True)),
                    ("return_why", models.TextField(blank=True)),
                    ("other_by", models.CharField(blank=True, max_length=20)),
                    ("other_plan", models.TextField(blank=True)),
                    ("revision", models.PositiveIntegerField(default=0)),
                ],
                options={
                    "ordering": ("id",),
                    "indexes": [
                        models.Index(fields=["from_org", "state"], name="transfers_of_team"),
                        models.Index(fields=["to_org", "state"], name="transfers_to_practice"),
                    ],
                    "constraints": [
                        models.UniqueConstraint(
                            condition=models.Q(("state__in", ("proposed", "agreed", "transferred", "return asked"))),
                            fields=("person_id", "from_org"),
                            name="one_open_transfer_of_a_team",
                        )
                    ],
                },
            ),
            migrations.CreateModel(
                name="TransferEvent",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    (
                        "kind",
                        models.CharField(
                            choices=[
                                ("proposed", "Step-down proposed"),
                                ("agreed", "Agreed by the practice"),
                                ("declined", "Declined by the practice"),
                                ("withdrawn", "Withdrawn"),
                                ("joint appointment", "Joint appointment arranged"),
                                ("checked", "Checklist"),
                                ("transferred", "Transferred"),
                                ("return asked", "Rapid return asked for"),
                                ("other plan proposed", "Another plan proposed instead of a return"),
                                ("other plan agreed", "Both agreed on another plan"),
                                ("taken back", "Taken back by the specialist"),
                                ("followed", "Followed by another transfer"),
                            ],
                            max_length=20,
                        ),
                    ),
                    ("at", models.DateTimeField()),
                    ("role", models.CharField(blank=True, max_length=40)),
                    ("org_code", models.CharField(blank=True, max_length=20)),
                    ("on", models.DateField()),
                    ("why", models.TextField(blank=True)),
                    ("detail", models.JSONField(default=dict)),
                    (
                        "by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    (
                        "transfer",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="events", to="transfers.transfer"),
                    ),
                ],
                options={
                    "ordering": ("id",),
                },
            ),
        ),
        append_only.protect("transfers_transferevent"),
    ]
