from __future__ import annotations

from django.urls import path

from stepwell.web.reviews import record_views, views

app_name = "reviews"
urlpatterns = [
    path("patients/<int:person_id>/reviews", views.list_reviews, name="list_reviews"),
    path("patients/<int:person_id>/reviews/new", views.new_review, name="new_review"),
    path("reviews/<int:review_id>", views.show_review, name="show_review"),
    path("reviews/<int:review_id>/edit", views.edit_review, name="edit_review"),
    path("reviews/<int:review_id>/close", views.close_review, name="close_review"),
    path("reviews/<int:review_id>/discard", views.discard_review, name="discard_review"),
    path("reviews/<int:review_id>/amend", views.amend_review, name="amend_review"),
    path("reviews/<int:review_id>/in-error", views.take_back, name="take_back"),
    path("reviews/<int:review_id>/record", record_views.edit_record, name="edit_record"),
    path("reviews/<int:review_id>/record.pdf", record_views.print_record, name="print_record"),
]
