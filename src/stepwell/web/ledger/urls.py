from __future__ import annotations

from django.urls import path

from stepwell.web.ledger import views

app_name = "ledger"
urlpatterns = [
    path("worklist", views.list_duties, name="list_duties"),
    path("duties/<int:duty_id>", views.show_duty, name="show_duty"),
    path("duties/<int:duty_id>/acknowledge", views.acknowledge_duty, name="acknowledge_duty"),
    path("duties/<int:duty_id>/assign", views.assign_duty, name="assign_duty"),
    path("duties/<int:duty_id>/not-this-time", views.put_off_duty, name="put_off_duty"),
    path("duties/<int:duty_id>/done", views.close_duty, name="close_duty"),
    path("duties/<int:duty_id>/take-on", views.take_on_duty, name="take_on_duty"),
    path("events/<int:event_id>/undo", views.undo_event, name="undo_event"),
    path("patients/<int:person_id>/results", views.record_results, name="record_results"),
    path("patients/<int:person_id>/evaluate", views.evaluate_person, name="evaluate_person"),
    path("knowledge", views.approve_pack, name="approve_pack"),
]
