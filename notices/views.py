"""The page on which people say what they want to be told by e-mail. Each decides for themselves."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from notices import mail
from notices.kinds import ABOUT, Kind, visible_to
from notices.models import Subscription

MAY_SEE = "notices.view_notice"


def notice_view(view: Any) -> Any:
    """For staff who may see notices; never cached, since it is each one's own."""
    guarded = permission_required(MAY_SEE, raise_exception=True)(view)
    return never_cache(staff_member_required(guarded))


class KindsForm(forms.Form):
    kinds = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, user: Any, *args: Any) -> None:
        super().__init__(*args)
        kinds: Any = self.fields["kinds"]
        kinds.choices = [(kind.value, kind.label) for kind in visible_to(user)]


@notice_view
@require_http_methods(["GET", "HEAD", "POST"])
def tell_me(request: HttpRequest) -> HttpResponse:
    """GET shows what one is told; POST changes it, for the person who is signed in."""
    user: Any = request.user
    if request.method == "POST":
        form = KindsForm(user, request.POST)
        if form.is_valid():
            kinds = form.cleaned_data["kinds"]
            Subscription.objects.update_or_create(user=user, defaults={"kinds": kinds})
            messages.success(request, saved(kinds))
        else:
            messages.error(request, "That cannot be told. Nothing was changed.")
        return redirect("notices:tell-me")
    subscription = Subscription.objects.filter(user=user).first()
    chosen = subscription.kinds if subscription else []
    context = {
        **admin.site.each_context(request),
        "title": "Tell me by e-mail",
        "kinds": [(kind, ABOUT[kind], kind in chosen) for kind in visible_to(user)],
        "has_server": mail.has_server(),
    }
    return render(request, "notices/tell_me.html", context)


def saved(kinds: list[str]) -> str:
    if not kinds:
        return "Saved: you are told nothing by e-mail. The admin's home shows all of it."
    labels = [Kind(kind).label for kind in kinds]
    return f"Saved. You are told: {'; '.join(labels)}."


@notice_view
@require_POST
def send_test(request: HttpRequest) -> HttpResponse:
    """One mail to the person who asks, and what came of it."""
    user: Any = request.user
    if not mail.has_server() or not user.email:
        messages.error(request, "Nothing was sent: see below what is missing.")
        return redirect("notices:tell-me")
    try:
        mail.send_test(user.email)
    except (OSError, ValueError) as error:
        messages.error(request, f"The test mail was not sent. {mail.trouble(error)}")
    else:
        messages.success(
            request,
            f"The mail server has taken a test mail to {user.email}. If it does not come within "
            "minutes, look among the unwanted mail.",
        )
    return redirect("notices:tell-me")
