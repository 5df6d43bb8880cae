from django.urls import path

from crm_accounts.write_back import request_views, views

app_name = "crm_accounts"
urlpatterns = [
    path("accounts/<int:pk>/", views.edit, name="edit"),
    path("changes/file/", views.upload, name="upload"),
    path("changes/file/accounts.csv", views.download, name="download"),
    path("changes/<int:pk>/many/", views.many, name="many"),
    path("changes/<int:pk>/live/", request_views.live, name="live"),
    path("changes/<int:pk>/resolve/", request_views.resolve, name="resolve"),
    path("changes/<int:pk>/<str:action>/", request_views.act, name="act"),
]
