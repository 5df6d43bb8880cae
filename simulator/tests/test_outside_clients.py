"""Programs that others wrote for Zoho, unpatched, read everything from the simulator.

Only the way to Zoho's hosts is bent: what they send to accounts.zoho.com and the like arrives here.
"""

import json
from urllib.parse import urlsplit

import httpx
import pytest
import pyzohoapi
import requests
from dlt.sources.rest_api import rest_api_source
from zoho_inventory_python_sdk.aws import SecretsManagerClient
from zoho_inventory_python_sdk.resources.items import Items
from zohopy import SyncZohoClient, ZohoConfig
from zohopy.products.inventory.items import Items as ZohopyItems

ZOHOS = ("accounts.zoho.com", "www.zohoapis.com", "inventory.zoho.com")
ITEMS = 450


@pytest.fixture
def bent(call, monkeypatch):
    """Zoho's hosts are the simulator, for `requests` and for `httpx`."""
    zoho, here = call.zoho, urlsplit(call.url)

    def bend(url):
        parts = urlsplit(str(url))
        if parts.hostname not in ZOHOS:
            return url
        return parts._replace(scheme=here.scheme, netloc=here.netloc).geturl()

    send = requests.adapters.HTTPAdapter.send
    handle = httpx.HTTPTransport.handle_request

    def bent_send(self, request, *args, **kwargs):
        request.url = bend(request.url)
        return send(self, request, *args, **kwargs)

    def bent_handle(self, request):
        request.url = httpx.URL(bend(request.url))
        request.headers["Host"] = here.netloc
        return handle(self, request)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", bent_send)
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", bent_handle)
    zoho.limits.per_day = 7_500  # a plan's; Zoho always has one
    for number in range(ITEMS):
        zoho.add_item(name=f"Item {number:04}", rate="12.50", sku=f"SKU-{number:04}")
    return zoho


def secrets_of(zoho):
    return {
        "client_id": zoho.client_id,
        "client_secret": zoho.client_secret,
        "refresh_token": zoho.refresh_token,
    }


def test_pyzohoapi_lists_and_loads_items(bent):
    """It reads the rate headers of each answer, and ends its paths with a slash."""
    api = pyzohoapi.ZohoInventory(bent.organization_id, **secrets_of(bent))

    listed = [item["item_id"] for item in api.Item().Iter(raw=True)]
    one = api.Item(listed[7])

    assert sorted(listed) == sorted(bent.items)
    assert (one.ID, one.name) == (listed[7], bent.items[listed[7]]["name"])
    assert int(api._ratelimit["limit"]) == 7_500
    assert int(api._ratelimit["remaining"]) < 7_500
    assert any(request.path.endswith(listed[7]) for request in bent.requests)


def test_zohopy_lists_filters_and_loads_items(bent):
    """By httpx, with its own paging."""
    config = ZohoConfig(
        **secrets_of(bent), organization_id=bent.organization_id, data_center="us", _env_file=None
    )

    with SyncZohoClient(config) as client:
        items = ZohopyItems(client)
        listed = [row["item_id"] for page in items.list_all() for row in page["items"]]
        found = items.list(name_startswith="item 000", sort_column="name")["items"]
        one = items.get(listed[7])["item"]

    assert sorted(listed) == sorted(bent.items)
    assert [row["name"] for row in found] == [f"Item {number:04}" for number in range(10)]
    assert one["item_tax_preferences"]


def test_zoho_inventory_python_sdk_lists_and_loads_items(bent, monkeypatch):
    """It asks for tokens with a JSON content type and the values in the query, and uses the older
    base, inventory.zoho.com/api/v1. Its secrets are in a store of Amazon's, which is not here."""
    kept = {"region": "com", "organization_id": bent.organization_id, **secrets_of(bent)}

    class Client:
        name = "store"

        def get_value(self):
            return {"SecretString": json.dumps({"zoho_inventory": kept})}

        def put_value(self, secret_value):
            kept.update(json.loads(secret_value)["zoho_inventory"])

    monkeypatch.setattr(SecretsManagerClient, "get_instance", lambda *args, **kwargs: Client())

    items = Items()
    pages, more = [], True
    while more:
        page = items.list(req={"query": {"page": len(pages) + 1, "sort_column": "name"}})
        pages.append(page["items"])
        more = page["page_context"]["has_more_page"]
    one = items.get(pages[0][7]["item_id"])

    assert sorted(row["item_id"] for page in pages for row in page) == sorted(bent.items)
    assert one["item"]["name"] == "Item 0007"
    assert kept["access_token"]


def test_dlts_rest_source_reads_items_and_accounts(bent):
    """It sends the token as Bearer, and CRM's module as its configuration names it."""
    for number in range(250):
        bent.add_account(Account_Name=f"Account {number:03}")
    token = requests.post(
        "https://accounts.zoho.com/oauth/v2/token",
        params={**secrets_of(bent), "grant_type": "refresh_token"},
        headers={"Content-Type": "application/json"},
        timeout=5,
    ).json()["access_token"]
    source = rest_api_source(
        {
            "client": {
                "base_url": "https://www.zohoapis.com/",
                "auth": {"type": "bearer", "token": token},
            },
            "resources": [
                {
                    "name": "items",
                    "endpoint": {
                        "path": "inventory/v1/items/",
                        "params": {"organization_id": bent.organization_id},
                        "data_selector": "items",
                        "paginator": {
                            "type": "page_number",
                            "base_page": 1,
                            "total_path": None,
                            "has_more_path": "page_context.has_more_page",
                        },
                    },
                },
                {
                    "name": "accounts",
                    "endpoint": {
                        "path": "crm/v8/accounts",
                        "params": {"fields": "Account_Name,Owner"},
                        "data_selector": "data",
                        "paginator": {
                            "type": "cursor",
                            "cursor_path": "info.next_page_token",
                            "cursor_param": "page_token",
                        },
                    },
                },
            ],
        }
    )

    items, accounts = list(source.resources["items"]), list(source.resources["accounts"])

    assert sorted(row["item_id"] for row in items) == sorted(bent.items)
    assert sorted(row["id"] for row in accounts) == sorted(bent.accounts)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"sku": "SKU-0003"}, ["Item 0003"]),
        ({"sku_startswith": "sku-044"}, [f"Item {n:04}" for n in range(440, 450)]),
        ({"sku_contains": "0-"}, []),
        ({"name_contains": "M 0001"}, ["Item 0001"]),
        ({"rate": "12.5", "name": "Item 0002"}, ["Item 0002"]),
        ({"rate_less_than": "12.5"}, []),
        ({"rate_less_equals": "12.5", "sku": "SKU-0001"}, ["Item 0001"]),
        ({"rate_greater_than": "12.49", "sku": "SKU-0001"}, ["Item 0001"]),
        ({"rate_greater_equals": "12.51"}, []),
        ({"purchase_rate_greater_than": "99999"}, []),
        ({"brand_ids": "1,2"}, []),
        ({"location_id": "1"}, []),
        ({"location_id": "3900000000000061001", "sku": "SKU-0001"}, ["Item 0001"]),
        ({"customview_id": "1", "sku": "SKU-0001"}, ["Item 0001"]),
        ({"vendor_id": "1"}, []),
        ({"never_heard_of": "1", "sku": "SKU-0001"}, ["Item 0001"]),
    ],
    ids=str,
)
def test_the_filters_of_zohos_openapi_work(bent, call, query, names):
    """A client that relies on one must not get everything."""
    rows = call.get("items", **query).json()["items"]

    assert [row["name"] for row in rows] == names


def test_a_filter_that_is_no_number_is_refused(call):
    """As Zoho refuses other values that cannot be."""
    answer = call.get("items", rate_less_than="cheap")

    assert (answer.status_code, answer.json()["code"]) == (400, 2)


@pytest.mark.parametrize(
    ("scheme", "status"), [("Bearer", 200), ("Zoho-oauthtoken", 200), ("Basic", 401), ("", 401)]
)
def test_both_schemes_carry_a_token(call, scheme, status):
    """Live clients send either."""
    token = call.refresh().json()["access_token"]
    headers = {"Authorization": f"{scheme} {token}".strip()}

    inventory = requests.get(
        f"{call.url}/inventory/v1/items",
        params={"organization_id": call.zoho.organization_id},
        headers=headers,
        timeout=5,
    )
    crm = requests.get(f"{call.url}/crm/v8/org", headers=headers, timeout=5)

    assert (inventory.status_code, crm.status_code) == (status, status)


def test_a_json_body_is_no_way_to_ask_for_a_token(call):
    """Its content type alone does no harm."""
    values = call.client(grant_type="refresh_token", refresh_token=call.zoho.refresh_token)
    url = f"{call.url}/oauth/v2/token"

    body = requests.post(url, json=values, timeout=5).json()
    query = requests.post(
        url, params=values, headers={"Content-Type": "application/json"}, timeout=5
    ).json()

    assert body == {"error": "invalid_client"}
    assert query["access_token"]
    assert requests.get(url, params=values, timeout=5).status_code == 405


def test_modules_and_users_are_found_one_by_one(call):
    """By name in any case, and by id."""
    listed = call.crm("settings/modules").json()["modules"]
    one = call.crm("settings/modules/accounts").json()["modules"]
    users = call.crm("users", type="AllUsers").json()["users"]
    user = call.crm(f"users/{users[0]['id']}").json()["users"]

    assert one == listed[:1]
    assert user == users[:1]
    assert call.crm("settings/modules/Nonsense").status_code == 400
    assert call.crm("users/1").status_code == 204
    assert call.crm("users", type="DeactiveUsers").status_code == 204
    assert call.crm("users", type="Nonsense").status_code == 400
