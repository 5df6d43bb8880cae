from django.urls import path

from integrations import views

app_name = "oauth"
urlpatterns = [
    path("start", views.start, name="start"),
    path("callback", views.callback, name="callback"),
    path("organisation/<int:attempt_id>", views.organisation, name="organisation"),
    path("test", views.test, name="test"),
    path("disconnect", views.disconnect, name="disconnect"),
]
