from django.urls import path

from sync import schedule_views, views

app_name = "sync"
urlpatterns = [
    path("home/", views.home, name="home"),
    path("schedule/", schedule_views.page, name="schedule"),
    path("schedule/usual/<str:kind>/", schedule_views.put_usual_back, name="schedule-usual"),
    path("schedule/<int:task_id>/change/", schedule_views.change, name="schedule-change"),
    path("schedule/<int:task_id>/undo/", schedule_views.undo, name="schedule-undo"),
    path("schedule/<int:task_id>/pause/", schedule_views.pause, name="schedule-pause"),
    path("schedule/<int:task_id>/resume/", schedule_views.resume, name="schedule-resume"),
    path("schedule/<int:task_id>/run/", schedule_views.run_now, name="schedule-run"),
    path("start/<str:kind>/", views.start, name="start"),
    path("runs/<int:run_id>/", views.status, name="status"),
    path("runs/<int:run_id>/progress/", views.progress, name="progress"),
    path("runs/<int:run_id>/<slug:action>/", views.act, name="act"),
]
