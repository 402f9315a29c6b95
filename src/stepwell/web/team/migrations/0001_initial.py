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
                name="TeamEvent",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("person_id", models.BigIntegerField(db_index=True)),
                    (
                        "act",
                        models.CharField(
                            choices=[("recorded", "Recorded"), ("ended", "No longer involved"), ("entered in error", "Entered in error")],
                            max_length=20,
                        ),
                    ),
                    ("kind", models.CharField(max_length=20)),
                    ("code", models.CharField(blank=True, max_length=30)),
                    ("name", models.CharField(max_length=160)),
                    ("organisation", models.CharField(blank=True, max_length=160)),
                    ("phone", models.CharField(blank=True, max_length=60)),
                    ("link", models.BigIntegerField(null=True)),
                    ("sharing", models.CharField(blank=True, max_length=10)),
                    ("words", models.CharField(blank=True, max_length=300)),
                    ("from_on", models.DateField()),
                    ("until", models.DateField(null=True)),
                    ("why", models.TextField(blank=True)),
                    ("at", models.DateTimeField()),
                    ("role", models.CharField(max_length=40)),
                    ("org_code", models.CharField(max_length=20)),
                    (
                        "about",
                        models.OneToOneField(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="closed_by", to="team.teamevent"
                        ),
                    ),
                    ("by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    "ordering": ("id",),
                },
            ),
        ),
        append_only.protect("team_teamevent", keys=("id", "about_id")),
    ]
