from django.urls import path

from products_and_services.views import trigger_sync_view

app_name = "products_and_services"
urlpatterns = [
    path("sync-zoho/", trigger_sync_view, name="trigger-sync"),
]
