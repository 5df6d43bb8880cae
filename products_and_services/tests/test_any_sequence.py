"""Whatever happens, in whatever order: after one calm full run, mirror and Zoho are equal.

Pages hold three items here, so that a handful of items has many page boundaries to slip through.
"""

from contextlib import suppress

import pytest
from django.db import connection
from django.utils.dateparse import parse_datetime
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from integrations.zoho import inventory
from products_and_services import mirror
from products_and_services.models import Product
from products_and_services.services import SyncFailedError, request_run, sync_products
from sync import engine
from sync.models import Change, FailedRecord, SyncRun
from sync.runner import carry_out

pytestmark = pytest.mark.django_db

ITEM = st.integers(0, 11)
PAGE = st.integers(1, 5)
# What a person, or a machine, may do in Zoho.
IN_ZOHO = st.one_of(
    st.tuples(st.just("add")),
    st.tuples(st.just("edit"), ITEM, st.decimals("0", "99.99", places=2)),
    st.tuples(st.just("spoil"), ITEM),
    st.tuples(st.just("sell"), ITEM),
    st.tuples(st.just("remove"), ITEM),
    st.tuples(st.just("restore"), ITEM),
)
MODE = st.sampled_from([mode for mode in SyncRun.Mode if mode != SyncRun.Mode.SENT])
STEP = st.one_of(
    IN_ZOHO,
    IN_ZOHO,
    st.tuples(st.just("sync"), MODE),
    st.tuples(st.just("dry run"), MODE),
    st.tuples(st.just("shift"), PAGE, IN_ZOHO),
    st.tuples(st.just("crash"), MODE, PAGE),
    st.tuples(st.just("pause"), MODE, PAGE),
    st.tuples(st.just("deliver twice"), MODE),
    st.tuples(st.just("outage"), PAGE),
    st.tuples(st.just("meddle"), ITEM),
)


class Killed(BaseException):
    """Nothing in the product catches this: as good as SIGKILL."""


class World:
    """Zoho, the mirror, and what can happen to them."""

    def __init__(self, zoho):
        self.zoho = zoho
        self.ids = []
        for _ in range(7):
            self.in_zoho("add")

    def in_zoho(self, what, index=0, value=None):
        if what == "add":
            item = self.zoho.add_item(name=f"Item {len(self.ids)}", stock_on_hand="5")
            self.ids.append(item)
            return
        item = self.ids[index % len(self.ids)]
        match what:
            case "edit":
                self.zoho.edit_item(item, rate=value)
            case "spoil":
                self.zoho.edit_item(item, rate="0.123456789012345678901")
            case "sell":
                self.zoho.move_stock(item, "-1")
            case "remove":
                self.zoho.remove_item(item)
            case "restore":
                self.zoho.restore_item(item)

    def do(self, what, *details):
        match what, *details:
            case "sync", mode:
                self.sync(mode)
            case "dry run", mode:
                before = self.rows()
                self.sync(mode, dry_run=True)
                assert self.rows() == before
            case "shift", page, event:
                self.zoho.on_page(page, lambda: self.in_zoho(*event))
                self.sync(SyncRun.Mode.FULL)
            case "crash", mode, page:
                self.interrupted(mode, page, self.kill)
            case "pause", mode, page:
                self.interrupted(mode, page, lambda: SyncRun.objects.first().pause("Paused."))
            case "deliver twice", mode:
                run = self.sync(mode)
                counted = run.stats()
                assert carry_out(SyncRun.objects.get(pk=run.pk), sync_products).stats() == counted
            case "outage", page:
                self.zoho.faults.add("html_502", path="/inventory/v1/items", page=page)
                with suppress(SyncFailedError):
                    self.sync(SyncRun.Mode.FULL)
                self.zoho.faults.clear()
                for run in SyncRun.objects.filter(state__in=SyncRun.ACTIVE):
                    run.cancel("Enough.")
            case "meddle", index:
                item = self.ids[index % len(self.ids)]
                Product.objects.filter(zoho_item_id=item).update(name="Meddled with", price=1)
            case _:
                self.in_zoho(what, *details)

    def kill(self):
        raise Killed

    def sync(self, mode, **fields):
        run, _ = request_run(
            SyncRun.Trigger.PERSON, mode=mode, zoho_item_ids=self.ids[::2], **fields
        )
        return self.carry(run)

    def carry(self, run):
        for _ in range(10):
            run = carry_out(run, sync_products)
            if run.state != SyncRun.State.WAITING:
                break
            SyncRun.objects.filter(pk=run.pk).update(resume_at=run.created_at)
        return run

    def interrupted(self, mode, page, how):
        """Let it happen right before that page is saved, then go on."""
        original = engine.save

        def save(*args, **kwargs):
            if kwargs.get("page") == page:
                engine.save = original
                how()
            return original(*args, **kwargs)

        engine.save = save
        try:
            with suppress(Killed):
                self.sync(mode)
        finally:
            engine.save = original
        for run in SyncRun.objects.filter(state__in=SyncRun.ACTIVE):
            run.resume("Resumed.")
            SyncRun.objects.filter(pk=run.pk).update(heartbeat_at=parse_datetime("2026-01-01T00Z"))
            assert self.carry(run).state in SyncRun.COMPLETE

    def rows(self):
        fields = [f.name for f in Product._meta.concrete_fields if f.name != "fingerprint"]
        return list(Product.objects.order_by("id").values(*fields))

    def readable(self):
        return {
            key: row for key, row in self.zoho.items.items() if row["rate"].as_tuple()[2] >= -20
        }


@pytest.fixture
def small_pages(monkeypatch, settings):
    monkeypatch.setattr(inventory, "PER_PAGE", 4)
    monkeypatch.setattr(mirror, "PER_PAGE", 4)
    settings.SYNC_SHRINK_PERCENT = 100  # its own tests are elsewhere; here nobody confirms
    settings.ZOHO_CONCURRENCY = 3


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEP, max_size=12))
def test_after_one_calm_full_run_the_mirror_equals_zoho(zoho, credential, small_pages, steps):
    """Edits, deletions, revivals, bad records, crashes, repeated deliveries, shifting pages."""
    for model in (Change, FailedRecord, SyncRun, Product):
        model.objects.all().delete()
    zoho.reset()
    zoho.limits.per_minute = 0
    world = World(zoho)

    for step in steps:
        world.do(*step)
    world.zoho._before_page.clear()
    calm = world.sync(SyncRun.Mode.FULL)

    assert calm.state == SyncRun.State.SUCCEEDED
    stored = {product.zoho_item_id: product for product in Product.objects.all()}
    good = world.readable()
    for key, item in good.items():
        product = stored[key]
        assert product.retired_at is None
        assert (product.name, product.price) == (item["name"], item["rate"])
        assert product.stock_quantity == item["stock_on_hand"]
        assert product.zoho_modified_at == parse_datetime(item["last_modified_time"])
    bad = zoho.items.keys() - good.keys()
    for key, product in stored.items():
        assert (product.retired_at is None) == (key in zoho.items), key
    still_open = FailedRecord.objects.filter(closed_at=None).values_list("zoho_id", flat=True)
    assert set(still_open) == bad

    before = world.rows()
    again = world.sync(SyncRun.Mode.FULL)

    assert (again.created, again.updated, again.retired, again.revived) == (0, 0, 0, 0)
    assert world.rows() == before
    assert connection.needs_rollback is False
