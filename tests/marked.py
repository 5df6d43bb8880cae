"""Objects of every kind that carry marks, by which a test finds their values on any page."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from crm_accounts.models import Account, ChangeRequest, CrmField, RequestedChange
from integrations.models import AuditEvent, ZohoCredential, ZohoUsage
from notices.kinds import Kind
from notices.models import Notice
from products_and_services.models import Product
from sync.models import Change, FailedRecord, SyncRun
from tests.on_record import events

ACCOUNT, PRODUCT, DRAFT = "mark-of-account", "mark-of-product", "mark-of-draft"
MIRRORS = ((Account, ACCOUNT), (Product, PRODUCT))
State, Origin = ChangeRequest.State, ChangeRequest.Origin


class Marked:
    """`keys` are the primary keys of what there is, by model."""

    def __init__(self) -> None:
        self.keys: dict[Any, list[int]] = {}
        # Whose drafts nobody else may see; not a name that stands for a mark.
        self.author = get_user_model().objects.create_superuser("author", password="author")
        self.account = self.keep(
            Account.objects.create(
                zoho_account_id="4876",
                name=ACCOUNT,
                phone=ACCOUNT,
                description=ACCOUNT,
                note=ACCOUNT,
                custom_fields={"ERP": ACCOUNT},
            )
        )
        self.keep(Product.objects.create(zoho_item_id="46001", name=PRODUCT, note=PRODUCT))
        self.keep(
            CrmField.objects.create(
                api_name="Phone", label="Phone", data_type="phone", length=30, is_mirrored=True
            )
        )
        for model, mark in MIRRORS:
            self.mirror(model, mark)
        for state in State:
            expires = timezone.now() + dt.timedelta(days=1) if state == State.PENDING else None
            unasked = state in (State.DRAFT, State.WITHDRAWN)
            self.request(state, Origin.PAGE, DRAFT if unasked else ACCOUNT, expires_at=expires)
        self.request(State.DRAFT, Origin.SELECTION, DRAFT)
        self.request(State.DRAFT, Origin.UNDO, DRAFT, undoes=ChangeRequest.objects.first())
        self.others()

    def keep(self, thing: Any) -> Any:
        self.keys.setdefault(type(thing), []).append(thing.pk)
        return thing

    def mirror(self, model: Any, mark: str) -> None:
        kind = model._meta.label_lower
        states = SyncRun.State
        now = timezone.now()
        for state, dry_run in (
            (states.SUCCEEDED, False),
            (states.SUCCEEDED, True),
            (states.UNCONFIRMED, False),
            (states.FAILED, False),
        ):
            run = self.keep(
                SyncRun.objects.create(
                    kind=kind,
                    state=state,
                    dry_run=dry_run,
                    trigger=SyncRun.Trigger.PERSON,
                    user=self.author,
                    started_at=now,
                    finished_at=now,
                    updated=1,
                    failed=1,
                    to_confirm=state == states.UNCONFIRMED,
                    task_name=model.SYNC_TASK,
                )
            )
            zoho_id = getattr(model.objects.get(), model.ZOHO_ID_FIELD)
            for action in Change.Action:
                change = Change.objects.create(
                    run=run, action=action, zoho_id=zoho_id, field="name", before=mark, after=mark
                )
        self.keep(change)
        self.keep(
            FailedRecord.objects.create(
                kind=kind, key=mark, zoho_id=zoho_id, reason=mark, remedy=mark, run=run
            )
        )
        LogEntry.objects.create(
            user=self.author,
            content_type=ContentType.objects.get_for_model(model),
            object_id=model.objects.get().pk,
            object_repr=mark,
            action_flag=CHANGE,
        )

    def request(self, state: Any, origin: Any, mark: str, **fields: Any) -> None:
        asked = self.keep(
            ChangeRequest.objects.create(
                state=state, origin=origin, reason=mark, asked_by=self.author, **fields
            )
        )
        found = RequestedChange.State
        self.keep(
            RequestedChange.objects.create(
                request=asked,
                number=1,
                account=self.account,
                zoho_account_id="4876",
                state=found.CONFLICT if state == State.CONFLICT else found.READY,
                fields={"Phone": {"before": mark, "after": mark}},
                theirs={"Phone": mark} if state == State.CONFLICT else {},
                theirs_at=timezone.now(),
                problem=mark,
            )
        )

    def others(self) -> None:
        self.keep(self.author)
        self.keep(Group.objects.create(name="Buyers"))
        self.keep(ZohoCredential.objects.create(data_center="us", organization_id="60916175972"))
        self.keep(
            ZohoUsage.objects.create(
                day=timezone.localdate(), product="inventory", purpose="person", calls=1
            )
        )
        AuditEvent.record(AuditEvent.Action.CHANGES_ASKED, user=self.author)
        self.keep(events().get())
        self.keep(
            Notice.objects.create(
                kind=Kind.LOW_STOCK, words=f"1 product newly low: {PRODUCT}", details=PRODUCT
            )
        )
        for model in (
            ClockedSchedule,
            CrontabSchedule,
            IntervalSchedule,
            PeriodicTask,
            SolarSchedule,
        ):
            if first := model.objects.first():
                self.keep(first)

    def arguments(self) -> dict[str, dict[str, Sequence[Any]]]:
        """The values of all arguments of the URL map, as tests/url_map.py wants them."""
        keys = {
            f"admin/{model._meta.app_label}/{model._meta.model_name}/": {
                "object_id": found,
                "pk": found,
            }
            for model, found in self.keys.items()
        }
        runs, requests = self.keys[SyncRun], self.keys[ChangeRequest]
        content_types = [
            ContentType.objects.get_for_model(model).pk for model in (Account, Product)
        ]
        mirrors = [model._meta.label_lower for model, _ in MIRRORS]
        return {
            "": {"object_id": [self.account.pk]},
            **keys,
            "admin/r/": {"content_type_id": content_types, "object_id": [self.account.pk]},
            "admin/": {
                "object_id": [1],
                "id": [self.author.pk],
                "name": ["csv", "xlsx"],
                "url": ["nothing-is-here/"],
            },
            "sync/runs/": {"run_id": runs, "action": ["retry"]},
            "sync/start/": {"kind": mirrors},
            "sync/schedule/": {"kind": mirrors, "task_id": self.keys[PeriodicTask]},
            "crm/accounts/": {"pk": [self.account.pk]},
            "crm/changes/": {"pk": requests, "action": ["undo"]},
            "oauth/": {"attempt_id": [1]},
        }
