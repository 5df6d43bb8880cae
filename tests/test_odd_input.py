"""Odd input is a 400, never a 500: by hand, and by 2,000 requests of a fixed seed."""

import random
import string

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from crm_accounts.models import Account
from products_and_services.admin import ProductAdmin
from products_and_services.models import Product
from sync.models import FailedRecord, SyncRun
from sync.models.failures import Failure

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

SEED, REQUESTS = 20261125, 2_000
LISTS = [
    reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for model in admin.site._registry
]
ODD_QUERIES = [
    "e=1&nonsense=1",
    "nonsense=1",
    "id__range=1",
    "id__in=x",
    "id__exact=99999999999999999999",
    "custom_fields__foo=%00",
    "name__contains=%00",
    "q=%00",
    "q=%ff%fe",
    "p=1000000000",
    "p=abc",
    "p=-5",
    "o=99.x",
    "_changelist_filters=%00",
    "_to_field=x",
    "all=&q=" + "a+" * 300,
]


@pytest.fixture(autouse=True)
def something_to_see(staff):
    Product.objects.create(name="Desk", zoho_item_id="1")
    Account.objects.create(name="Helios", zoho_account_id="2")
    run = SyncRun.objects.create(
        kind="products_and_services.product", state="failed", trigger="person", task_name="task"
    )
    FailedRecord.record(run, [Failure("1", "1", "Too long", "")])


@pytest.mark.parametrize("query", ODD_QUERIES)
def test_an_odd_parameter_breaks_no_list(client, staff, query):
    """Jazzmin's own answer to some of them is an error."""
    client.force_login(staff)

    for address in LISTS:
        assert client.get(f"{address}?{query}").status_code in (200, 302, 400), address


@pytest.mark.parametrize("selected", ["x", "", "99999999999999999999", "-1", "1.5", "é"])
def test_an_odd_selection_breaks_no_action(client, staff, selected):
    """Whoever types it, it is no record."""
    client.force_login(staff)

    for address in LISTS:
        for action in ("sync_selected_items", "retry_selected", "download_to_change", "x"):
            sent = {"action": action, "_selected_action": [selected]}
            assert client.post(address, sent).status_code in (200, 302, 400, 403), address


def test_a_program_error_stays_one(client, staff, monkeypatch):
    """What is our mistake must be seen as ours."""
    client.force_login(staff)
    client.raise_request_exception = False

    def broken(*args):
        raise ValueError("ours")

    monkeypatch.setattr(ProductAdmin, "price_shown", broken)

    address = reverse("admin:products_and_services_product_changelist")
    assert client.get(address).status_code == 500


def patterns(resolver, prefix=""):
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield prefix + str(pattern.pattern)


ODD = ["", "x", "0", "-1", "9" * 20, "%00", "%ff", "..%2f..", "é", "<b>", "1", "2", "'"]
METHODS = ["get", "get", "get", "post", "post", "head", "options", "put", "delete", "patch"]
NAMES = [
    *("q", "p", "o", "e", "action", "_selected_action", "id__range", "id__in", "name__regex"),
    *("again", "mode", "run", "next", "state", "code", "error", "reason", "csv", "file"),
]


def addresses(chance):
    """Every pattern of the URL map, its arguments filled with something odd."""
    for pattern in patterns(get_resolver()):
        text = pattern.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\", "")
        while "<" in text:
            before, _, rest = text.partition("<")
            _, _, after = rest.partition(">")
            text = before + chance.choice(ODD) + after
        yield "/" + "".join(c for c in text if c not in "()?*+[]|")


def request_of(chance, known):
    address = chance.choice(known)
    values = [
        *ODD[:3],
        "".join(chance.choices(string.printable, k=chance.randrange(30))).replace("#", ""),
        str(chance.randrange(-(10**30), 10**30)),
    ]
    query = {chance.choice(NAMES): chance.choice(values) for _ in range(chance.randrange(4))}
    body = {chance.choice(NAMES): chance.choice(values) for _ in range(chance.randrange(4))}
    return chance.choice(METHODS), address, query, body


def test_two_thousand_odd_requests_see_no_program_error(client, staff):
    """By nobody, by somebody without rights, by a superuser."""
    chance = random.Random(SEED)
    known = sorted(set(addresses(chance)) | set(LISTS))
    nobody = User.objects.create_user("nobody", is_staff=True)
    client.raise_request_exception = True

    for number in range(REQUESTS):
        client.logout()
        if user := chance.choice([None, nobody, staff, staff]):
            client.force_login(user)
        method, address, query, body = request_of(chance, known)
        if "logout" in address:
            continue
        call = getattr(client, method)
        try:
            if method in ("get", "head"):
                response = call(address, query)
            elif method == "post":
                response = call(address, body, query_params=query)
            else:
                response = call(address, query_params=query)
        except Exception as error:  # noqa: BLE001 - told with the request that caused it
            pytest.fail(f"request {number}: {method} {address} {query} {body}: {error!r}")
        assert response.status_code < 500, (number, method, address, query, body)
