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
                name="AgendaItem",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("at", models.DateTimeField()),
                    ("role", models.CharField(blank=True, max_length=40)),
                    ("org_code", models.CharField(blank=True, max_length=20)),
                    ("why", models.TextField(blank=True)),
                    ("person_id", models.BigIntegerField(db_index=True)),
                    ("reasons", models.JSONField(default=list)),
                    ("points", models.IntegerField(default=0)),
                    (
                        "by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    (
                        "carried_from",
                        models.OneToOneField(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="carried_to", to="meetings.agendaitem"
                        ),
                    ),
                ],
                options={
                    "ordering": ("id",),
                    "abstract": False,
                },
            ),
            migrations.CreateModel(
                name="ItemEvent",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("at", models.DateTimeField()),
                    ("role", models.CharField(blank=True, max_length=40)),
                    ("org_code", models.CharField(blank=True, max_length=20)),
                    ("why", models.TextField(blank=True)),
                    (
                        "kind",
                        models.CharField(
                            choices=[
                                ("action", "Action"),
                                ("no action", "No action"),
                                ("taken off", "Taken off the agenda"),
                                ("in error", "Entered in error"),
                            ],
                            max_length=12,
                        ),
                    ),
                    ("owner_org", models.CharField(blank=True, max_length=20)),
                    ("owner_role", models.CharField(blank=True, max_length=40)),
                    ("due_on", models.DateField(null=True)),
                    (
                        "about",
                        models.OneToOneField(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="taken_back", to="meetings.itemevent"
                        ),
                    ),
                    (
                        "by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    (
                        "item",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="events", to="meetings.agendaitem"),
                    ),
                ],
                options={
                    "ordering": ("id",),
                    "abstract": False,
                },
            ),
            migrations.CreateModel(
                name="Meeting",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("org_code", models.CharField(max_length=20)),
                    ("with_orgs", models.JSONField(default=list)),
                    ("on", models.DateField()),
                    ("starts", models.TimeField(null=True)),
                    ("minutes", models.PositiveIntegerField()),
                    ("place", models.CharField(blank=True, max_length=160)),
                    ("attendance", models.TextField(blank=True)),
                    (
                        "state",
                        models.CharField(
                            choices=[("planned", "Planned"), ("signed off", "Signed off"), ("cancelled", "Cancelled")],
                            default="planned",
                            max_length=12,
                        ),
                    ),
                    ("revision", models.PositiveIntegerField(default=0)),
                    (
                        "chair",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                    ),
                ],
                options={
                    "ordering": ("on", "id"),
                },
            ),
            migrations.AddField(
                model_name="agendaitem",
                name="meeting",
                field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="items", to="meetings.meeting"),
            ),
            migrations.CreateModel(
                name="MeetingEvent",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("at", models.DateTimeField()),
                    ("role", models.CharField(blank=True, max_length=40)),
                    ("org_code", models.CharField(blank=True, max_length=20)),
                    ("why", models.TextField(blank=True)),
                    (
                        "kind",
                        models.CharField(
                            choices=[
                                ("arranged", "Arranged"),
                                ("drawn up", "Agenda drawn up"),
                                ("attendance", "Attendance recorded"),
                                ("signed off", "Minutes signed off"),
                                ("cancelled", "Cancelled"),
                            ],
                            max_length=12,
                        ),
                    ),
                    ("detail", models.JSONField(default=dict)),
                    (
                        "by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    (
                        "meeting",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="events", to="meetings.meeting"),
                    ),
                ],
                options={
                    "ordering": ("id",),
                    "abstract": False,
                },
            ),
            migrations.CreateModel(
                name="Minutes",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("at", models.DateTimeField()),
                    ("role", models.CharField(blank=True, max_length=40)),
                    ("org_code", models.CharField(blank=True, max_length=20)),
                    ("why", models.TextField(blank=True)),
                    ("content", models.JSONField()),
                    (
                        "by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    (
                        "meeting",
                        models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="signed", to="meetings.meeting"),
                    ),
                ],
                options={
                    "ordering": ("id",),
                    "abstract": False,
                },
            ),
            migrations.AddIndex(
                model_name="meeting",
                index=models.Index(fields=["org_code", "on"], name="meetings_of_org"),
            ),
            migrations.AddConstraint(
                model_name="agendaitem",
                constraint=models.UniqueConstraint(fields=("meeting", "person_id"), name="once_on_an_agenda"),
            ),
        ),
        append_only.protect("meetings_meetingevent"),
        append_only.protect("meetings_agendaitem", keys=("id", "carried_from_id")),
        append_only.protect("meetings_itemevent", keys=("id", "about_id")),
        append_only.protect("meetings_minutes", keys=("id", "meeting_id")),
    ]
