from __future__ import annotations

from django.urls import path

from stepwell.web.preparation import answer_views, views

app_name = "preparation"
urlpatterns = [
    path("review-bench", views.show_bench, name="show_bench"),
    path("review-bench/list", views.put_on_list, name="put_on_list"),
    path("review-bench/people/<int:person_id>", views.show_prepared, name="show_prepared"),
    path("review-bench/people/<int:person_id>/off", views.take_off_list, name="take_off_list"),
    path("review-bench/people/<int:person_id>/move", views.move_on_list, name="move_on_list"),
    path("review-bench/people/<int:person_id>/questions", answer_views.record_answers, name="record_answers"),
    path("review-bench/people/<int:person_id>/questions/sheet", answer_views.show_sheet, name="show_sheet"),
    path("review-bench/people/<int:person_id>/questions/sheet.pdf", answer_views.print_sheet, name="print_sheet"),
    path("review-bench/answers/<int:sheet_id>/take-back", answer_views.take_back, name="take_back"),
]
