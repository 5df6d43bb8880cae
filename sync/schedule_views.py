"""The page Schedule: when each mirror is synced, and changing that."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.contrib.contenttypes.models import ContentType
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_celery_beat.models import PeriodicTask

from integrations.models import AuditEvent, ZohoCredential
from sync import schedule
from sync.models import SyncRun
from sync.schedule import Entry, EntryChangedError, EntryGoneError, MirrorSchedule
from sync.times import DAYS, Choice, InvalidTimesError, Times
from sync.views import land_on

UNDO = "schedule_undo"  # in the session: the former times of what this person changed
GONE = (
    "That entry of the schedule is no longer there: somebody has deleted it. Nothing was changed."
)


class TimesForm(forms.Form):
    """When an entry runs, as people say it."""

    often = forms.ChoiceField(label="How often", choices=Choice.choices)
    day = forms.TypedChoiceField(
        label="On", choices=list(enumerate(DAYS)), coerce=int, empty_value=None, required=False
    )
    at = forms.TimeField(
        label="At",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": "Say the time as hours and minutes, for example 02:30."},
    )
    own = forms.CharField(
        label="Crontab",
        required=False,
        help_text="minute hour day month weekday. For example, 30 2,14 * * * is every day at 02:30 "
        "and 14:30. Where both a day and a weekday are given, both must fit.",
    )
    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            kind = "form-select" if isinstance(field, forms.ChoiceField) else "form-control"
            field.widget.attrs["class"] = kind
            if self[name].errors:
                field.widget.attrs["class"] += " is-invalid"

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        often, at = said.get("often"), said.get("at")
        if often == Choice.OWN:
            try:
                said["times"] = Times.parse(said.get("own", ""))
            except InvalidTimesError as error:
                self.add_error("own", str(error))
        elif often in (Choice.DAILY, Choice.WORKING_DAYS, Choice.WEEKLY) and at is None:
            if "at" not in self.errors:
                self.add_error("at", "Say at which time, for example 02:30.")
        elif often:
            said["times"] = Times.chosen(often, at, said.get("day") or 0)
        return said


def form_of(entry: Entry, data: Any = None) -> TimesForm:
    said = entry.times.as_choice() if entry.times else {"often": Choice.OWN}
    initial = {"day": 1, **said, "seen": entry.seen}
    return TimesForm(data, initial=initial, prefix=f"entry-{entry.task.pk}")


@never_cache
@staff_member_required
@permission_required("django_celery_beat.view_periodictask", raise_exception=True)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return show(request)


def show(request: HttpRequest, wrong: TimesForm | None = None) -> HttpResponse:
    """The page; with the form that could not be saved in the place of its entry's."""
    mirrors = schedule.mirror_schedules()
    context = {
        **admin.site.each_context(request),
        "title": "Schedule",
        "mirrors": [(mirror, _rows(request, mirror, wrong)) for mirror in mirrors],
        "forecast": schedule.forecast(mirrors),
        "credential": ZohoCredential.objects.first(),
        "beat_silent_since": schedule.beat_silent_since(),
        "time_zone": settings.TIME_ZONE,
    }
    return render(request, "sync/schedule.html", context)


def _rows(request: HttpRequest, mirror: MirrorSchedule, wrong: TimesForm | None) -> list[Any]:
    rows = []
    touched = _last_touched([entry.task.pk for entry in mirror.entries])
    for entry in mirror.entries:
        form = form_of(entry)
        if wrong and wrong.prefix == form.prefix:
            form = wrong
        undo = request.session.get(UNDO, {}).get(str(entry.task.pk))
        rows.append(
            {
                "entry": entry,
                "form": form,
                "undo": undo if undo and undo["left"] == entry.seen else None,
                "touched": touched.get(str(entry.task.pk)),
            }
        )
    return rows


def _last_touched(task_ids: list[int]) -> dict[str, LogEntry]:
    """Who changed it last, by the entry's id."""
    told = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(PeriodicTask), object_id__in=task_ids
    )
    return {str(log.object_id): log for log in told.select_related("user").order_by("pk")}


def changes(permission: str) -> Callable[[Any], Any]:
    """A POST on one entry, by somebody with this permission; it ends on the page."""

    def decorate(view: Callable[..., HttpResponse | None]) -> Any:
        def act(request: HttpRequest, task_id: int) -> HttpResponse:
            try:
                entry = schedule.find(task_id)
                return view(request, entry) or redirect("sync:schedule")
            except EntryGoneError:
                messages.error(request, GONE)
            except EntryChangedError:
                now = schedule.find(task_id)
                messages.error(
                    request,
                    f"{now} was changed by somebody else in the meantime, so nothing of yours was "
                    f"saved. It now says: {_stands(now)}. Change it again if that is not right.",
                )
            return redirect("sync:schedule")

        guarded = permission_required(permission, raise_exception=True)(require_POST(act))
        return never_cache(staff_member_required(guarded))

    return decorate


@changes("django_celery_beat.change_periodictask")
def change(request: HttpRequest, entry: Entry) -> HttpResponse | None:
    form = form_of(entry, request.POST)
    if not form.is_valid():
        messages.error(
            request,
            f"The times of {entry} were not changed: {_first_error(form)} They stay as they were: "
            f"{_lower(entry.when())}.",
        )
        return show(request, form)
    times, before = form.cleaned_data["times"], entry.when()
    if times == entry.times and not entry.elsewhere and form.cleaned_data["seen"] == entry.seen:
        messages.info(request, f"{entry} has these times already; nothing was changed.")
        return None
    former = schedule.set_times(entry.task.pk, form.cleaned_data["seen"], times)
    now = schedule.find(entry.task.pk)
    request.session[UNDO] = {
        **request.session.get(UNDO, {}),
        str(entry.task.pk): {"former": former, "words": _lower(before), "left": now.seen},
    }
    tell(request, now, f"{now.when()}. Before: {_lower(before)}.")
    return None


@changes("django_celery_beat.change_periodictask")
def undo(request: HttpRequest, entry: Entry) -> None:
    kept = request.session.get(UNDO, {})
    change = kept.get(str(entry.task.pk))
    if change is None:
        messages.info(request, f"There is nothing to undo for {entry}.")
        return
    schedule.put_back(entry.task.pk, change["left"], change["former"])
    request.session[UNDO] = {key: kept[key] for key in kept if key != str(entry.task.pk)}
    now = schedule.find(entry.task.pk)
    tell(request, now, f"Back to what it was: {_lower(now.when())}.")


@changes("django_celery_beat.change_periodictask")
def pause(request: HttpRequest, entry: Entry) -> None:
    schedule.switch(entry.task.pk, request.POST.get("seen", ""), on=False)
    tell(request, schedule.find(entry.task.pk), "Paused. Nothing of it comes by itself.")


@changes("django_celery_beat.change_periodictask")
def resume(request: HttpRequest, entry: Entry) -> None:
    schedule.switch(entry.task.pk, request.POST.get("seen", ""), on=True)
    now = schedule.find(entry.task.pk)
    tell(request, now, f"Resumed: {_lower(now.when())}.")


@changes("sync.trigger_zoho_sync")
def run_now(request: HttpRequest, entry: Entry) -> HttpResponse | None:
    if entry.mode is None:
        messages.error(
            request, f"{entry}: what it should read cannot be understood, so nothing was started."
        )
        return None
    asked = SyncRun.request(
        entry.model._meta.label_lower,
        mode=entry.mode,
        trigger=SyncRun.Trigger.PERSON,
        user=request.user,
        task_name=entry.task.task,
    )
    return land_on(request, *asked)


@never_cache
@staff_member_required
@permission_required("django_celery_beat.add_periodictask", raise_exception=True)
@require_POST
def put_usual_back(request: HttpRequest, kind: str) -> HttpResponse:
    """The entries that somebody has deleted."""
    models = {model._meta.label_lower: model for model in schedule.models_by_task().values()}
    if kind not in models:
        raise Http404
    made = schedule.put_usual_back(models[kind])
    for task in made:
        tell(request, schedule.find(task.pk), "Put back.", ADDITION)
    if not made:
        messages.warning(
            request,
            "Nothing was put back: it is there already, or another periodic task has its name.",
        )
    return redirect("sync:schedule")


def tell(request: HttpRequest, entry: Entry, words: str, flag: int = CHANGE) -> None:
    """Say what was done and what the schedule needs now, and keep who did it."""
    LogEntry.objects.create(
        user_id=request.user.pk,  # type: ignore[misc]  # staff only: it has one
        content_type=ContentType.objects.get_for_model(PeriodicTask),
        object_id=entry.task.pk,
        object_repr=str(entry),
        action_flag=flag,
        change_message=words,
    )
    AuditEvent.record(
        AuditEvent.Action.SCHEDULE_CHANGED,
        user=request.user,
        about=str(entry),
        now=entry.when() if entry.task.enabled else "paused",
    )
    mirrors = schedule.mirror_schedules()
    forecast = schedule.forecast(mirrors)
    broken = [it for one in mirrors if one.model is entry.model for it in one.broken_promises()]
    say = messages.warning if forecast.exceeds or broken else messages.success
    say(request, " ".join([f"{entry}: {_lower(words)} {forecast.in_words()}", *broken]))


def _stands(entry: Entry) -> str:
    return _lower(entry.when()) if entry.task.enabled else f"paused ({_lower(entry.when())})"


def _first_error(form: TimesForm) -> str:
    return next(str(error) for errors in form.errors.values() for error in errors)


def _lower(words: str) -> str:
    """For the middle of a sentence; a weekday keeps its capital."""
    return words if words.startswith(DAYS) else words[:1].lower() + words[1:]
