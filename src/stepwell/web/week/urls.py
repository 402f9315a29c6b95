from __future__ import annotations

from django.urls import path

from stepwell.web.week import list_views, views

app_name = "week"
urlpatterns = [
    path("week", views.show_week, name="show_week"),
    path("week/rota", views.plan_rota, name="plan_rota"),
    path("week/minutes", views.list_minutes, name="list_minutes"),
    path("week/minutes/<str:task>", views.set_minutes, name="set_minutes"),
    path("week/patients/<int:person_id>/arrange", views.arrange_work, name="arrange_work"),
    path("week/arrangements/<int:arrangement_id>/undo", views.undo_arrangement, name="undo_arrangement"),
    path("board", views.show_board, name="show_board"),
    path("lists", list_views.list_views, name="list_views"),
    path("lists/saved/<str:view>", list_views.change_view, name="change_view"),
    path("lists/<str:place>/save", list_views.save_view, name="save_view"),
    path("lists/<str:place>/export", list_views.export_list, name="export_list"),
]
