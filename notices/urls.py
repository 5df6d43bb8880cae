from django.urls import path

from notices import views

app_name = "notices"
urlpatterns = [
    path("tell-me/", views.tell_me, name="tell-me"),
    path("test-mail/", views.send_test, name="test-mail"),
]
