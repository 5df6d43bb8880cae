from django.urls import path

from sync import views

app_name = "sync"
urlpatterns = [
    path("home/", views.home, name="home"),
    path("runs/<int:run_id>/", views.status, name="status"),
    path("runs/<int:run_id>/progress/", views.progress, name="progress"),
    path("runs/<int:run_id>/<slug:action>/", views.act, name="act"),
]
