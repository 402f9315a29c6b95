from __future__ import annotations

from django.urls import path

from stepwell.web.meetings import views

app_name = "meetings"
urlpatterns = [
    path("meetings", views.list_meetings, name="list_meetings"),
    path("meetings/new", views.arrange, name="arrange"),
    path("meetings/<int:meeting_id>", views.show_meeting, name="show_meeting"),
    path("meetings/<int:meeting_id>/agenda", views.draw_up, name="draw_up"),
    path("meetings/<int:meeting_id>/attendance", views.record_attendance, name="record_attendance"),
    path("meetings/<int:meeting_id>/cancel", views.cancel, name="cancel"),
    path("meetings/<int:meeting_id>/minutes", views.show_minutes, name="show_minutes"),
    path("meetings/<int:meeting_id>/sign-off", views.sign_off, name="sign_off"),
    path("meetings/people/<int:item_id>", views.discuss, name="discuss"),
    path("meetings/people/<int:item_id>/take-off", views.take_off, name="take_off"),
    path("meetings/decisions/<int:decision_id>/take-back", views.take_back, name="take_back"),
    path("patients/<int:person_id>/meeting", views.add_person, name="add_person"),
]
