from __future__ import annotations

from django.urls import path

from stepwell.web.ledger import act_views, bulk_views, handover_views, request_views, views

app_name = "ledger"
urlpatterns = [
    path("worklist", views.list_duties, name="list_duties"),
    path("worklist/act", bulk_views.act_on_duties, name="act_on_duties"),
    path("worklist/acts/<int:bulk_id>", bulk_views.show_bulk_act, name="show_bulk_act"),
    path("duties/<int:duty_id>", views.show_duty, name="show_duty"),
    path("duties/<int:duty_id>/acknowledge", act_views.acknowledge_duty, name="acknowledge_duty"),
    path("duties/<int:duty_id>/take", act_views.take_duty, name="take_duty"),
    path("duties/<int:duty_id>/assign", act_views.assign_duty, name="assign_duty"),
    path("duties/<int:duty_id>/not-this-time", act_views.put_off_duty, name="put_off_duty"),
    path("duties/<int:duty_id>/done", act_views.close_duty, name="close_duty"),
    path("duties/<int:duty_id>/take-on", act_views.take_on_duty, name="take_on_duty"),
    path("duties/<int:duty_id>/hand-over", handover_views.hand_over_duty, name="hand_over_duty"),
    path("events/<int:event_id>/undo", act_views.undo_event, name="undo_event"),
    path("hand-overs", handover_views.list_handovers, name="list_handovers"),
    path("hand-overs/<int:handover_id>", handover_views.answer_handover, name="answer_handover"),
    path("hand-overs/<int:handover_id>/withdraw", handover_views.withdraw_handover, name="withdraw_handover"),
    path("patients/<int:person_id>/results", views.record_results, name="record_results"),
    path("patients/<int:person_id>/request", request_views.print_request, name="print_request"),
    path("patients/<int:person_id>/evaluate", views.evaluate_person, name="evaluate_person"),
    path("knowledge", views.approve_pack, name="approve_pack"),
]
