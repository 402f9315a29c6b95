from __future__ import annotations

from django.urls import path

from stepwell.web.accounts import account_views, provider_views, staff_views, views

app_name = "accounts"
urlpatterns = [
    path("sign-in", views.sign_in, name="sign_in"),
    path("sign-in/persona", views.sign_in_as_persona, name="sign_in_as_persona"),
    path("sign-in/passkey", views.sign_in_with_passkey, name="sign_in_with_passkey"),
    path("sign-in/passkey/options", views.passkey_options, name="passkey_options"),
    path("sign-in/second-step", views.check_second_step, name="second_step"),
    path("sign-in/role", views.choose_membership, name="choose_membership"),
    path("sign-in/again", views.sign_in_again, name="sign_in_again"),
    path("sign-in/invitation/<str:token>", views.use_invitation, name="use_invitation"),
    path("sign-in/with/<slug:key>", provider_views.go_to_provider, name="go_to_provider"),
    path("sign-in/with/<slug:key>/back", provider_views.back_from_provider, name="back_from_provider"),
    path("sign-in/with/<slug:key>/signed-out", provider_views.signed_out_there, name="signed_out_there"),
    path(".well-known/jwks.json", provider_views.own_keys, name="own_keys"),
    path("sign-out", views.sign_out, name="sign_out"),
    path("account", account_views.show_account, name="show_account"),
    path("account/sessions/end-others", account_views.end_other_sessions, name="end_other_sessions"),
    path("account/password", account_views.change_password, name="change_password"),
    path("account/second-step", account_views.set_up_second_step, name="set_up_second_step"),
    path("account/second-step/app", account_views.add_app, name="add_app"),
    path("account/second-step/passkey", account_views.add_passkey, name="add_passkey"),
    path("account/second-step/passkey/options", account_views.new_passkey_options, name="new_passkey_options"),
    path("account/second-step/recovery-codes", account_views.make_recovery_codes, name="make_recovery_codes"),
    path("account/second-step/<int:method_id>/remove", account_views.remove_method, name="remove_method"),
    path("account/providers/<slug:key>/unlink", account_views.unlink_provider, name="unlink_provider"),
    path("staff", staff_views.list_staff, name="list_staff"),
    path("staff/new", staff_views.add_person, name="add_person"),
    path("staff/nation", staff_views.set_nation, name="set_nation"),
    path("staff/telephone", staff_views.set_phone, name="set_phone"),
    path("staff/<int:user_id>", staff_views.show_colleague, name="show_colleague"),
    path("staff/<int:user_id>/role", staff_views.give_role, name="give_role"),
    path("staff/<int:user_id>/reset", staff_views.reset_sign_in, name="reset_sign_in"),
    path("staff/roles/<int:membership_id>/end", staff_views.end_role, name="end_role"),
]
