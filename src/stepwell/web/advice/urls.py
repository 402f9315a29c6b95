from __future__ import annotations

from django.urls import path

from stepwell.web.advice import run_views, views

app_name = "advice"
urlpatterns = [
    path("desk", views.show_desk, name="show_desk"),
    path("advice", views.list_asked, name="list_asked"),
    path("advice/<int:question_id>", views.show_question, name="show_question"),
    path("advice/<int:question_id>/answer", views.answer, name="answer"),
    path("advice/<int:question_id>/take", views.take, name="take"),
    path("advice/<int:question_id>/read", views.read, name="read"),
    path("advice/<int:question_id>/themes", views.set_themes, name="set_themes"),
    path("advice/<int:question_id>/add", views.add, name="add"),
    path("advice/<int:question_id>/withdraw", views.withdraw, name="withdraw"),
    path("advice/<int:question_id>/ask-back", views.ask_back, name="ask_back"),
    path("advice/<int:question_id>/pass", views.pass_on, name="pass_on"),
    path("advice/<int:question_id>/leave", views.refuse_pass, name="refuse_pass"),
    path("patients/<int:person_id>/advice", views.ask, name="ask"),
    path("patients/<int:person_id>/advice/telephone", views.log_call, name="log_call"),
    path("advice/services", run_views.list_services, name="list_services"),
    path("advice/services/new", run_views.add_service, name="add_service"),
    path("advice/services/<int:service_id>", run_views.change_service, name="change_service"),
    path("advice/services/<int:service_id>/rota", run_views.plan_days, name="plan_days"),
    path("advice/services/<int:service_id>/themes", run_views.list_themes, name="list_themes"),
    path("advice/themes/<int:theme_id>", run_views.show_theme, name="show_theme"),
]
