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
                name="Draft",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("person_id", models.BigIntegerField(db_index=True)),
                    ("kind", models.CharField(max_length=40)),
                    ("kind_version", models.PositiveIntegerField()),
                    ("from_org", models.CharField(max_length=20)),
                    ("to_org", models.CharField(max_length=20)),
                    ("medicines", models.JSONField(default=list)),
                    ("sections", models.JSONField(default=list)),
                    ("actions", models.JSONField(default=list)),
                    ("by_name", models.CharField(max_length=200)),
                    ("role", models.CharField(max_length=40)),
                    ("at", models.DateTimeField()),
                    ("by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    "ordering": ("id",),
                },
            ),
            migrations.CreateModel(
                name="DraftEvent",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("act", models.CharField(choices=[("saved", "Saved"), ("sent", "Sent"), ("discarded", "Discarded")], max_length=10)),
                    ("changes", models.JSONField(default=dict)),
                    ("by_name", models.CharField(max_length=200)),
                    ("role", models.CharField(max_length=40)),
                    ("org_code", models.CharField(max_length=20)),
                    ("at", models.DateTimeField()),
                    ("by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                    ("draft", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="events", to="letters.draft")),
                ],
                options={
                    "ordering": ("id",),
                },
            ),
            migrations.CreateModel(
                name="Letter",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("person_id", models.BigIntegerField(db_index=True)),
                    ("kind", models.CharField(max_length=40)),
                    ("kind_version", models.PositiveIntegerField()),
                    ("kind_label", models.CharField(max_length=80)),
                    ("from_org", models.CharField(max_length=20)),
                    ("from_name", models.CharField(max_length=200)),
                    ("to_org", models.CharField(max_length=20)),
                    ("to_name", models.CharField(max_length=200)),
                    ("medicines", models.JSONField(default=list)),
                    ("sections", models.JSONField(default=list)),
                    ("author_name", models.CharField(max_length=200)),
                    ("author_role", models.CharField(max_length=40)),
                    ("written_at", models.DateTimeField()),
                    ("sent_at", models.DateTimeField()),
                    ("sent_on", models.DateField()),
                    ("month", models.DateField()),
                    ("filled", models.PositiveIntegerField()),
                    ("due", models.PositiveIntegerField()),
                    ("missing", models.JSONField(default=list)),
                    (
                        "author",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                    ),
                    ("draft", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="letter", to="letters.draft")),
                    (
                        "supersedes",
                        models.OneToOneField(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="superseded_by", to="letters.letter"
                        ),
                    ),
                ],
                options={
                    "ordering": ("-id",),
                },
            ),
            migrations.AddField(
                model_name="draft",
                name="corrects",
                field=models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.PROTECT, related_name="corrections", to="letters.letter"
                ),
            ),
            migrations.CreateModel(
                name="LetterAction",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("number", models.PositiveIntegerField()),
                    ("text", models.CharField(max_length=180)),
                    ("role", models.CharField(blank=True, max_length=40)),
                    ("due_on", models.DateField()),
                    ("letter", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="actions", to="letters.letter")),
                ],
                options={
                    "ordering": ("letter_id", "number"),
                },
            ),
            migrations.CreateModel(
                name="LetterEvent",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    (
                        "act",
                        models.CharField(
                            choices=[
                                ("read", "Read"),
                                ("enough", "Was this enough?"),
                                ("accepted", "Accepted"),
                                ("declined", "Declined"),
                                ("noted", "Answer noted by the sender"),
                            ],
                            max_length=10,
                        ),
                    ),
                    ("answer", models.CharField(blank=True, max_length=10)),
                    ("why", models.TextField(blank=True)),
                    ("detail", models.JSONField(default=dict)),
                    ("by_name", models.CharField(max_length=200)),
                    ("role", models.CharField(max_length=40)),
                    ("org_code", models.CharField(max_length=20)),
                    ("at", models.DateTimeField()),
                    (
                        "action",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="events", to="letters.letteraction"
                        ),
                    ),
                    ("by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                    ("letter", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="events", to="letters.letter")),
                ],
                options={
                    "ordering": ("id",),
                },
            ),
            migrations.AddIndex(
                model_name="letter",
                index=models.Index(fields=["to_org", "-id"], name="letters_to_org"),
            ),
            migrations.AddIndex(
                model_name="letter",
                index=models.Index(fields=["from_org", "month"], name="letters_by_team"),
            ),
            migrations.AddIndex(
                model_name="draft",
                index=models.Index(fields=["from_org", "person_id"], name="drafts_of_org"),
            ),
            migrations.AddConstraint(
                model_name="letteraction",
                constraint=models.UniqueConstraint(fields=("letter", "number"), name="one_action_of_a_number"),
            ),
            migrations.AddConstraint(
                model_name="letterevent",
                constraint=models.UniqueConstraint(
                    condition=models.Q(("act__in", ("accepted", "declined"))), fields=("action",), name="one_answer_to_an_action"
                ),
            ),
        ),
        append_only.protect("letters_draft"),
        append_only.protect("letters_draftevent"),
        append_only.protect("letters_letter", keys=("id", "draft_id", "supersedes_id")),
        append_only.protect("letters_letteraction"),
        append_only.protect("letters_letterevent"),
    ]
