from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_organisations_and_sign_in")]

    operations = [migrations.AddField(model_name="organisation", name="nation", field=models.CharField(default="ENG", max_length=3))]
