from __future__ import annotations

from django.urls import path

from stepwell.web.portal import staff_views, views

app_name = "portal"
urlpatterns = [
    path("my/", views.show_plan, name="show_plan"),
    path("my/sign-in", views.sign_in, name="sign_in"),
    path("my/sign-out", views.sign_out, name="sign_out"),
    path("my/calendar", views.show_calendar, name="show_calendar"),
    path("my/calendar/pdf", views.print_calendar, name="print_calendar"),
    path("my/check-in", views.check_in, name="check_in"),
    path("my/diary", views.show_diary, name="show_diary"),
    path("my/slow-down", views.slow_down, name="slow_down"),
    path("my/something-is-wrong", views.something_wrong, name="something_wrong"),
    path("my/questions", views.answer_questions, name="answer_questions"),
    path("patients/<int:person_id>/own-page", staff_views.show_own_page, name="show_own_page"),
    path("patients/<int:person_id>/own-page/code", staff_views.give_code, name="give_code"),
    path("patients/<int:person_id>/own-page/slip", staff_views.print_slip, name="print_slip"),
    path("patients/<int:person_id>/own-page/withdraw", staff_views.withdraw_code, name="withdraw_code"),
]
