from __future__ import annotations

from django.urls import path

from stepwell.web.coding import views

app_name = "coding"
urlpatterns = [
    path("coding", views.list_products, name="list_products"),
    path("coding/decisions/<int:event_id>/undo", views.undo_decision, name="undo_decision"),
    path("coding/people", views.list_pairs, name="list_pairs"),
    path("coding/people/decisions/<int:event_id>/undo", views.part_people, name="part_people"),
    path("coding/people/<slug:key>", views.decide_pair, name="decide_pair"),
    path("coding/<slug:key>", views.decide_product, name="decide_product"),
]
