from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_nation")]

    operations = [
        migrations.AddField(model_name="organisation", name="phone", field=models.CharField(blank=True, default="", max_length=40))
    ]
