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
                name="ReceivedFile",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("person_id", models.BigIntegerField(db_index=True)),
                    ("org_code", models.CharField(max_length=20)),
                    ("content", models.BinaryField()),
                    ("bytes", models.PositiveIntegerField()),
                    ("pages", models.PositiveIntegerField()),
                    ("sha256", models.CharField(max_length=64)),
                    ("text", models.TextField(blank=True)),
                    ("at", models.DateTimeField()),
                    ("role", models.CharField(max_length=40)),
                    ("by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    "abstract": False,
                },
            ),
            migrations.CreateModel(
                name="ReceivedLetter",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("person_id", models.BigIntegerField(db_index=True)),
                    ("org_code", models.CharField(max_length=20)),
                    ("kind", models.CharField(max_length=40)),
                    ("kind_version", models.PositiveIntegerField()),
                    ("kind_label", models.CharField(max_length=80)),
                    ("from_org", models.CharField(blank=True, max_length=20)),
                    ("from_name", models.CharField(max_length=200)),
                    ("written_on", models.DateField()),
                    ("month", models.DateField()),
                    ("received_on", models.DateField()),
                    ("text", models.TextField()),
                    ("sha256", models.CharField(max_length=64)),
                    ("at", models.DateTimeField()),
                    ("by_name", models.CharField(max_length=200)),
                    ("role", models.CharField(max_length=40)),
                    ("by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                    (
                        "file",
                        models.OneToOneField(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="letter", to="incoming.receivedfile"
                        ),
                    ),
                ],
                options={
                    "ordering": ("-id",),
                },
            ),
            migrations.CreateModel(
                name="ReceivedEvent",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    (
                        "act",
                        models.CharField(
                            choices=[
                                ("scored", "Scored"),
                                ("proposed", "Action found"),
                                ("accepted", "Action accepted"),
                                ("declined", "Action declined"),
                                ("read", "Read"),
                                ("entered in error", "Entered in error"),
                            ],
                            max_length=20,
                        ),
                    ),
                    ("why", models.TextField(blank=True)),
                    ("detail", models.JSONField(default=dict)),
                    ("at", models.DateTimeField()),
                    ("by_name", models.CharField(max_length=200)),
                    ("role", models.CharField(max_length=40)),
                    ("org_code", models.CharField(max_length=20)),
                    (
                        "about",
                        models.OneToOneField(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="answer", to="incoming.receivedevent"
                        ),
                    ),
                    ("by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                    (
                        "letter",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="events", to="incoming.receivedletter"),
                    ),
                ],
                options={
                    "ordering": ("id",),
                },
            ),
            migrations.AddIndex(
                model_name="receivedletter",
                index=models.Index(fields=["org_code", "-id"], name="received_by_org"),
            ),
            migrations.AddIndex(
                model_name="receivedletter",
                index=models.Index(fields=["from_org", "month"], name="received_by_sender"),
            ),
            migrations.AddConstraint(
                model_name="receivedevent",
                constraint=models.UniqueConstraint(
                    condition=models.Q(("act", "entered in error")), fields=("letter",), name="received_in_error_once"
                ),
            ),
        ),
        append_only.protect("incoming_receivedfile"),
        append_only.protect("incoming_receivedletter", keys=("id", "file_id")),
        append_only.protect("incoming_receivedevent", keys=("id", "about_id")),
    ]
