from __future__ import annotations

from django.urls import path

from stepwell.web.registers import views

app_name = "registers"
urlpatterns = [
    path("registers", views.list_registers, name="list_registers"),
    path("registers/<slug:register>", views.show_register, name="show_register"),
]
