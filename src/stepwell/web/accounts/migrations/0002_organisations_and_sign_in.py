import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def keep_cover(apps, schema_editor):
    """What a PCN covered is what is part of it."""
    part_of = apps.get_model("accounts", "PartOf")
    for row in apps.get_model("accounts", "Cover").objects.order_by("pk"):
        part_of.objects.create(whole_id=row.parent_id, part_id=row.child_id, from_on=row.from_on, to_on=row.to_on)


def _id():
    return ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


def _to(model, name="+", *, null=False):
    return models.ForeignKey(null=null, on_delete=django.db.models.deletion.PROTECT, related_name=name, to=model)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="organisation",
            name="kind",
            field=models.CharField(
                choices=[
                    ("practice", "General practice"),
                    ("trust", "NHS trust"),
                    ("team", "Team of a trust"),
                    ("pcn", "Primary care network"),
                    ("pharmacy", "Community pharmacy"),
                    ("voluntary", "Voluntary organisation"),
                    ("icb", "Integrated care board"),
                ],
                max_length=12,
            ),
        ),
        migrations.CreateModel(
            name="PartOf",
            fields=[
                _id(),
                ("from_on", models.DateField()),
                ("to_on", models.DateField(null=True)),
                ("whole", _to("accounts.organisation", "parts")),
                ("part", _to("accounts.organisation", "wholes")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("whole", "part", "from_on"), name="part_of_once"),
                    models.CheckConstraint(
                        condition=models.Q(("to_on__isnull", True), ("to_on__gt", models.F("from_on")), _connector="OR"),
                        name="part_of_dates",
                    ),
                    models.CheckConstraint(condition=models.Q(("whole", models.F("part")), _negated=True), name="part_of_other"),
                ],
            },
        ),
        migrations.RunPython(keep_cover, migrations.RunPython.noop),
        migrations.DeleteModel(name="Cover"),
        migrations.RemoveConstraint(model_name="membership", name="membership_dates"),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(("to_on__isnull", True), ("to_on__gte", models.F("from_on")), _connector="OR"),
                name="membership_days",
            ),
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                _id(),
                ("purpose", models.CharField(max_length=8)),
                ("key", models.CharField(max_length=64, unique=True)),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                ("made_by", _to(settings.AUTH_USER_MODEL, null=True)),
                ("organisation", _to("accounts.organisation", null=True)),
                ("user", _to(settings.AUTH_USER_MODEL, "invitations")),
            ],
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                _id(),
                ("provider", models.CharField(max_length=40)),
                ("subject", models.CharField(max_length=255)),
                ("linked_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("user", _to(settings.AUTH_USER_MODEL, "identities")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)), fields=("provider", "subject"), name="identity_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderSession",
            fields=[
                _id(),
                ("sid", models.CharField(blank=True, default="", max_length=255)),
                ("session_key", models.CharField(max_length=40, unique=True)),
                ("at", models.DateTimeField()),
                ("identity", _to("accounts.identity", "sessions")),
            ],
            options={"indexes": [models.Index(fields=["sid"], name="provider_session_sid")]},
        ),
    ]
