from __future__ import annotations

from django.urls import include, path

from stepwell.web.letters import views, writing_views

app_name = "letters"
urlpatterns = [
    path("letters", views.list_inbox, name="list_inbox"),
    path("letters/sent", views.list_sent, name="list_sent"),
    path("letters/completeness", views.show_measures, name="show_measures"),
    path("letters/completeness/letters", views.list_measured, name="list_measured"),
    path("letters/drafts/<int:draft_id>", writing_views.edit_draft, name="edit_draft"),
    path("letters/drafts/<int:draft_id>/send", writing_views.send_draft, name="send_draft"),
    path("letters/drafts/<int:draft_id>/discard", writing_views.discard_draft, name="discard_draft"),
    path("letters/<int:letter_id>", views.show_letter, name="show_letter"),
    path("letters/<int:letter_id>/enough", views.judge_letter, name="judge_letter"),
    path("letters/<int:letter_id>/noted", views.note_answers, name="note_answers"),
    path("letters/<int:letter_id>/correct", writing_views.correct_letter, name="correct_letter"),
    path("", include("stepwell.web.letters.documents.urls")),
    path("letters/actions/<int:action_id>", views.answer_action, name="answer_action"),
    path("patients/<int:person_id>/letters", views.list_for_person, name="list_for_person"),
    path("patients/<int:person_id>/letters/new", writing_views.begin_letter, name="begin_letter"),
]
