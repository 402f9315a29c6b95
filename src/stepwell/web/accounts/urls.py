from __future__ import annotations

from django.urls import path

from stepwell.web.accounts import views

app_name = "accounts"
urlpatterns = [
    path("sign-in", views.sign_in, name="sign_in"),
    path("sign-in/persona", views.sign_in_as_persona, name="sign_in_as_persona"),
    path("sign-in/role", views.choose_membership, name="choose_membership"),
    path("sign-in/again", views.sign_in_again, name="sign_in_again"),
    path("sign-out", views.sign_out, name="sign_out"),
]
