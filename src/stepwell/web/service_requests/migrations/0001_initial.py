import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from stepwell.web.core import append_only
from stepwell.web.core.together import Together


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0003_nation"),
        ("ledger", "0006_asked"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            migrations.CreateModel(
                name="Service",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("name", models.CharField(max_length=160)),
                    ("kinds", models.CharField(max_length=300)),
                    ("serves", models.TextField()),
                    ("criteria", models.TextField(blank=True, default="")),
                    ("contact", models.CharField(max_length=200)),
                    ("hours", models.CharField(blank=True, default="", max_length=160)),
                    ("routine_days", models.PositiveSmallIntegerField()),
                    ("urgent_days", models.PositiveSmallIntegerField()),
                    ("any_kind", models.BooleanField(default=False)),
                    ("ended_on", models.DateField(null=True)),
                    (
                        "organisation",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.organisation"),
                    ),
                ],
            ),
            migrations.CreateModel(
                name="ServiceEvent",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
                        "service",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.PROTECT, related_name="events", to="service_requests.service"
                        ),
                    ),
                ],
                options={
                    "abstract": False,
                },
            ),
            migrations.CreateModel(
                name="ServiceRequest",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("kind", models.CharField(max_length=40)),
                    ("urgency", models.CharField(max_length=20)),
                    ("need", models.TextField()),
                    ("why_now", models.TextField()),
                    ("wish", models.TextField()),
                    ("agreement", models.CharField(max_length=20)),
                    ("tried", models.TextField(blank=True, default="")),
                    ("phoned", models.TextField(blank=True, default="")),
                    ("facts", models.JSONField(default=dict)),
                    ("undecided", models.BooleanField(default=False)),
                    ("asked_org", models.CharField(max_length=20)),
                    ("asked_on", models.DateField()),
                    ("owner_org", models.CharField(max_length=20)),
                    ("offered_org", models.CharField(blank=True, default="", max_length=20)),
                    (
                        "state",
                        models.CharField(
                            choices=[
                                ("triage", "Waiting for an answer"),
                                ("offered", "Redirected, not yet accepted"),
                                ("advised", "Advised, not yet read"),
                                ("taken on", "Taken on"),
                                ("closed", "Closed"),
                                ("withdrawn", "Withdrawn"),
                            ],
                            default="triage",
                            max_length=12,
                        ),
                    ),
                    ("outcome", models.CharField(blank=True, default="", max_length=20)),
                    ("seen_by", models.DateField(null=True)),
                    ("clock_from", models.DateField(null=True)),
                    ("due_on", models.DateField(null=True)),
                    ("redirects", models.PositiveSmallIntegerField(default=0)),
                    ("step", models.PositiveIntegerField(default=0)),
                    ("version", models.PositiveIntegerField(default=0)),
                    ("ended_on", models.DateField(null=True)),
                    (
                        "asked_by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    ("duty", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.duty")),
                    (
                        "offered_service",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="service_requests.service"
                        ),
                    ),
                    (
                        "owner_service",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="service_requests.service"),
                    ),
                    ("person", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.personrecord")),
                ],
            ),
            migrations.CreateModel(
                name="RequestEvent",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    (
                        "kind",
                        models.CharField(
                            choices=[
                                ("asked", "Asked"),
                                ("taken over", "Taken over"),
                                ("taken on", "Taken on"),
                                ("advised", "Advised"),
                                ("redirected", "Redirected"),
                                ("not for us", "Sent back to triage"),
                                ("taken back", "Redirection taken back"),
                                ("advice read", "Advice read"),
                                ("advice returned", "Advice does not answer it"),
                                ("withdrawn", "Withdrawn"),
                                ("closed", "Closed"),
                            ],
                            max_length=20,
                        ),
                    ),
                    ("at", models.DateTimeField()),
                    ("on", models.DateField()),
                    ("role", models.CharField(blank=True, max_length=40)),
                    ("org_code", models.CharField(blank=True, max_length=20)),
                    ("why", models.TextField(blank=True)),
                    ("reason", models.CharField(blank=True, max_length=60)),
                    ("outcome", models.CharField(blank=True, max_length=20)),
                    ("owner_org", models.CharField(max_length=20)),
                    ("due_on", models.DateField(null=True)),
                    ("detail", models.JSONField(default=dict)),
                    (
                        "by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    (
                        "offered_service",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="service_requests.service"
                        ),
                    ),
                    (
                        "owner_service",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="service_requests.service"),
                    ),
                    (
                        "request",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.PROTECT, related_name="events", to="service_requests.servicerequest"
                        ),
                    ),
                ],
                options={
                    "ordering": ("id",),
                },
            ),
            migrations.CreateModel(
                name="Stop",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("number", models.PositiveSmallIntegerField()),
                    ("came_on", models.DateField()),
                    ("answered_on", models.DateField(null=True)),
                    ("answer", models.CharField(blank=True, default="", max_length=20)),
                    ("taken_on", models.DateField(null=True)),
                    ("reason", models.CharField(blank=True, default="", max_length=60)),
                    ("why", models.TextField(blank=True, default="")),
                    (
                        "came_from",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="service_requests.service"
                        ),
                    ),
                    (
                        "request",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.PROTECT, related_name="stops", to="service_requests.servicerequest"
                        ),
                    ),
                    (
                        "service",
                        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="service_requests.service"),
                    ),
                    (
                        "went_to",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="service_requests.service"
                        ),
                    ),
                ],
                options={
                    "ordering": ("request_id", "number"),
                },
            ),
            migrations.CreateModel(
                name="ReasonEvent",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("org_code", models.CharField(max_length=20)),
                    ("key", models.CharField(max_length=60)),
                    ("label", models.CharField(max_length=120)),
                    ("offered", models.BooleanField()),
                    ("at", models.DateTimeField()),
                    ("by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    "ordering": ("id",),
                    "indexes": [models.Index(fields=["org_code", "key"], name="redirect_reasons_of_org")],
                },
            ),
            migrations.AddConstraint(
                model_name="service",
                constraint=models.UniqueConstraint(
                    condition=models.Q(("ended_on__isnull", True)), fields=("organisation", "name"), name="one_request_service_of_name"
                ),
            ),
            migrations.AddConstraint(
                model_name="service",
                constraint=models.CheckConstraint(
                    condition=models.Q(models.Q(("name", ""), _negated=True), models.Q(("kinds", ""), _negated=True)),
                    name="request_service_is_named",
                ),
            ),
            migrations.AddIndex(
                model_name="servicerequest",
                index=models.Index(fields=["owner_org", "state", "due_on"], name="service_requests_of_owner"),
            ),
            migrations.AddIndex(
                model_name="servicerequest",
                index=models.Index(
                    condition=models.Q(("offered_org", ""), _negated=True),
                    fields=["offered_org", "due_on"],
                    name="service_requests_offered",
                ),
            ),
            migrations.AddIndex(
                model_name="servicerequest",
                index=models.Index(fields=["asked_org", "state", "asked_on"], name="service_requests_of_asker"),
            ),
            migrations.AddIndex(
                model_name="servicerequest",
                index=models.Index(fields=["person", "state"], name="service_requests_of_person"),
            ),
            migrations.AddConstraint(
                model_name="servicerequest",
                constraint=models.CheckConstraint(condition=models.Q(("owner_org", ""), _negated=True), name="request_has_an_owner"),
            ),
            migrations.AddConstraint(
                model_name="servicerequest",
                constraint=models.CheckConstraint(condition=models.Q(("asked_org", ""), _negated=True), name="request_has_an_asker"),
            ),
            migrations.AddConstraint(
                model_name="servicerequest",
                constraint=models.CheckConstraint(
                    condition=models.Q(("state__in", ["triage", "offered", "advised", "taken on", "closed", "withdrawn"])),
                    name="request_state_known",
                ),
            ),
            migrations.AddConstraint(
                model_name="servicerequest",
                constraint=models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("offered_service__isnull", False), ("state", "offered"), models.Q(("offered_org", ""), _negated=True)),
                        models.Q(models.Q(("state", "offered"), _negated=True), ("offered_org", ""), ("offered_service__isnull", True)),
                        _connector="OR",
                    ),
                    name="request_one_offer",
                ),
            ),
            migrations.AddConstraint(
                model_name="servicerequest",
                constraint=models.CheckConstraint(
                    condition=models.Q(
                        ("offered_service__isnull", True),
                        models.Q(("offered_service", models.F("owner_service")), _negated=True),
                        _connector="OR",
                    ),
                    name="request_offered_to_another",
                ),
            ),
            migrations.AddConstraint(
                model_name="servicerequest",
                constraint=models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("ended_on__isnull", False), ("state__in", ("closed", "withdrawn"))),
                        models.Q(
                            ("due_on__isnull", False),
                            ("ended_on__isnull", True),
                            ("state__in", ("triage", "offered", "advised", "taken on")),
                        ),
                        _connector="OR",
                    ),
                    name="request_open_has_a_clock",
                ),
            ),
            migrations.AddConstraint(
                model_name="requestevent",
                constraint=models.CheckConstraint(condition=models.Q(("owner_org", ""), _negated=True), name="request_event_has_an_owner"),
            ),
            migrations.AddConstraint(
                model_name="requestevent",
                constraint=models.CheckConstraint(
                    condition=models.Q(
                        (
                            "kind__in",
                            [
                                "asked",
                                "taken over",
                                "taken on",
                                "advised",
                                "redirected",
                                "not for us",
                                "taken back",
                                "advice read",
                                "advice returned",
                                "withdrawn",
                                "closed",
                            ],
                        )
                    ),
                    name="request_event_kind_known",
                ),
            ),
            migrations.AddConstraint(
                model_name="requestevent",
                constraint=models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("kind", "redirected"), _negated=True), ("offered_service__isnull", False), _connector="OR"
                    ),
                    name="request_redirected_somewhere",
                ),
            ),
            migrations.AddIndex(
                model_name="stop",
                index=models.Index(fields=["service", "came_on"], name="request_stops_of_service"),
            ),
            migrations.AddConstraint(
                model_name="stop",
                constraint=models.UniqueConstraint(fields=("request", "number"), name="one_request_stop_at_a_time"),
            ),
        ),
        append_only.protect("service_requests_serviceevent"),
        append_only.protect("service_requests_reasonevent"),
        append_only.protect("service_requests_requestevent"),
    ]
