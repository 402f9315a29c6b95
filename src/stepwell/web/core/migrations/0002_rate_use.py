from django.db import migrations, models

from stepwell.web.core.together import Together


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [
        Together(
            migrations.CreateModel(
                name="RateUse",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("key", models.CharField(max_length=64)),
                    ("at", models.DateTimeField()),
                ],
                options={"indexes": [models.Index(fields=["key", "at"], name="rate_use_key")]},
            ),
        ),
    ]
