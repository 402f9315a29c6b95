import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from stepwell.web.core import append_only
from stepwell.web.core.together import Together


def _id():
    return ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


def _organisation():
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.organisation")


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0002_organisations_and_sign_in")]

    operations = [
        Together(
            migrations.CreateModel(
                name="Link",
                fields=[
                    _id(),
                    (
                        "kind",
                        models.CharField(
                            choices=[
                                ("psychiatrist", "Link psychiatrist"),
                                ("pharmacist", "Mental health pharmacist"),
                                ("link worker", "Link worker"),
                                ("coordinator", "Care coordinator"),
                                ("team", "Team contact"),
                            ],
                            max_length=20,
                        ),
                    ),
                    ("name", models.CharField(max_length=160)),
                    ("direct_line", models.CharField(blank=True, default="", max_length=60)),
                    ("hours", models.CharField(blank=True, default="", max_length=160)),
                    ("bleep", models.CharField(blank=True, default="", max_length=160)),
                    ("from_on", models.DateField()),
                    ("to_on", models.DateField(null=True)),
                    ("organisation", _organisation()),
                    ("practice", _organisation()),
                ],
                options={
                    "indexes": [models.Index(fields=["practice", "kind"], name="link_of_practice")],
                    "constraints": [
                        models.CheckConstraint(
                            condition=models.Q(("to_on__isnull", True), ("to_on__gte", models.F("from_on")), _connector="OR"),
                            name="link_days",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="LinkEvent",
                fields=[
                    _id(),
                    ("kind", models.CharField(max_length=10)),
                    ("at", models.DateTimeField()),
                    ("by_name", models.CharField(max_length=200)),
                    ("org_code", models.CharField(blank=True, default="", max_length=20)),
                    ("role", models.CharField(blank=True, default="", max_length=40)),
                    ("detail", models.JSONField(default=dict)),
                    (
                        "by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    (
                        "link",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="events", to="whoiswho.link"),
                    ),
                ],
                options={"abstract": False},
            ),
        ),
        append_only.protect("whoiswho_linkevent"),
    ]
