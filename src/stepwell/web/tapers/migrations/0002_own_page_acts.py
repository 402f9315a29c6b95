from django.db import migrations, models

ACTS = [
    ("proposed", "Proposed"),
    ("revised", "Proposed anew"),
    ("agreed", "Agreed"),
    ("started", "Started"),
    ("held", "Holding"),
    ("stepped back", "Back to the dose before"),
    ("resumed", "Went on"),
    ("changed", "Plan changed"),
    ("paused", "Paused"),
    ("plateau", "Stays at this dose"),
    ("stable", "Reached the dose that was meant"),
    ("stopped", "Stopped"),
    ("declined", "Does not want it"),
    ("left", "Not followed here any longer"),
    ("checked in", "Check-in"),
    ("wrote", "Wrote on their own page"),
    ("answered", "Answered the person"),
    ("named", "Another clinician named"),
    ("in error", "Entered in error"),
    ("undone", "Undone"),
]


class Migration(migrations.Migration):
    """What people write on their own page, and its answers. Only the choices change: the table stays as it is."""

    dependencies = [("tapers", "0001_initial")]
    operations = [migrations.AlterField(model_name="taperevent", name="act", field=models.CharField(choices=ACTS, max_length=16))]
