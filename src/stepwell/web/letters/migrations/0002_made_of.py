from django.db import migrations, models

from stepwell.web.core import append_only


class Migration(migrations.Migration):
    dependencies = [("letters", "0001_letters")]

    operations = [
        migrations.AddField(model_name="draft", name="source", field=models.CharField(blank=True, default="", max_length=30)),
        migrations.AddField(model_name="draft", name="source_id", field=models.CharField(blank=True, default="", max_length=20)),
        migrations.AddField(model_name="draft", name="source_version", field=models.CharField(blank=True, default="", max_length=40)),
        migrations.AddIndex(
            model_name="draft",
            index=models.Index(condition=models.Q(("source", ""), _negated=True), fields=["source", "source_id"], name="drafts_made_of"),
        ),
        append_only.protect("letters_draft"),
    ]
