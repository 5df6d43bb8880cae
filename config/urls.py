"""The URL map: includes only."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

handler400 = "config.views.bad_request"
handler403 = "config.views.permission_denied"
handler404 = "config.views.not_found"
handler500 = "config.views.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("crm-api/products/admin/", include("products_and_services.urls")),
    path("crm/", include("crm_accounts.urls")),
    path("sync/", include("sync.urls")),
    path("notices/", include("notices.urls")),
    path("oauth/", include("integrations.urls")),
]
