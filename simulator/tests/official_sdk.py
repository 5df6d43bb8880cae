"""What Zoho's own Python SDK makes of the simulator, as one JSON object on stdout.

A program of its own, for the SDK keeps its state in the process. Nothing of the SDK is replaced.
Usage: python -m simulator.tests.official_sdk URL CLIENT_ID CLIENT_SECRET REFRESH_TOKEN FOLDER
"""

import io
import json
import sys
import zipfile
from typing import Any

from zohocrmsdk.src.com.zoho.api.authenticator import OAuthToken
from zohocrmsdk.src.com.zoho.api.authenticator.store import FileStore
from zohocrmsdk.src.com.zoho.crm.api import Initializer, ParameterMap, bulk_read, coql
from zohocrmsdk.src.com.zoho.crm.api.dc import DataCenter
from zohocrmsdk.src.com.zoho.crm.api.modules import MinifiedModule
from zohocrmsdk.src.com.zoho.crm.api.record import (
    ActionWrapper,
    BodyWrapper,
    GetRecordsParam,
    Record,
    RecordOperations,
    SearchRecordsParam,
)
from zohocrmsdk.src.com.zoho.crm.api.sdk_config import SDKConfig
from zohocrmsdk.src.com.zoho.crm.api.util import Choice

FIELDS = "Account_Name,Owner,Parent_Account,Annual_Revenue,Products_Used,Key_Account,Modified_Time"


def start(url: str, client_id: str, client_secret: str, refresh_token: str, folder: str) -> None:
    Initializer.initialize(
        environment=DataCenter.Environment(url, f"{url}/oauth/v2/token", url),
        token=OAuthToken(client_id, client_secret, refresh_token=refresh_token),
        store=FileStore(f"{folder}/tokens.csv"),
        sdk_config=SDKConfig(
            pick_list_validation=False, update_api_domain=False, read_timeout=10.0
        ),
        resource_path=folder,
    )


def ids_listed(accounts: RecordOperations) -> list[int]:
    ids, token, more = [], None, True
    while more:
        asked = ParameterMap()
        asked.add(GetRecordsParam.fields, FIELDS)
        asked.add(GetRecordsParam.sort_order, "asc")
        if token:
            asked.add(GetRecordsParam.page_token, token)
        body = accounts.get_records(asked).get_object()
        ids += [record.get_id() for record in body.get_data()]
        more, token = body.get_info().get_more_records(), body.get_info().get_next_page_token()
    return ids


def changed(account_id: int, **values: Any) -> Record:
    record = Record()
    record.set_id(account_id)
    for name, value in values.items():
        record.add_key_value(name, value)
    return record


def body_of(*records: Record) -> BodyWrapper:
    body = BodyWrapper()
    body.set_data(list(records))
    body.set_trigger([])
    return body


def outcomes(response: Any) -> list[str]:
    assert isinstance(response.get_object(), ActionWrapper)
    return [entry.get_code().get_value() for entry in response.get_object().get_data()]


def read_in_bulk() -> list[str]:
    module = MinifiedModule()
    module.set_api_name("Accounts")
    query = bulk_read.Query()
    query.set_module(module)
    query.set_fields(["Account_Name"])
    query.set_page(1)
    body = bulk_read.BodyWrapper()
    body.set_query(query)
    body.set_file_type("csv")
    bulk = bulk_read.BulkReadOperations()
    made = bulk.create_bulk_read_job(body).get_object().get_data()[0]
    job = int(made.get_details()["id"])
    state = bulk.get_bulk_read_job_details(job).get_object().get_data()[0].get_state()
    assert state.get_value() == "COMPLETED"
    data = bulk.download_result(job).get_object().get_file().get_stream().content
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(f"{job}.csv").decode().splitlines()


def main() -> None:
    start(*sys.argv[1:])
    accounts = RecordOperations("Accounts")
    ids = ids_listed(accounts)
    first = accounts.get_record(ids[0]).get_object().get_data()[0].get_key_values()
    search = ParameterMap()
    search.add(SearchRecordsParam.criteria, "(Account_Name:starts_with:Helios)")
    found = accounts.search_records(search).get_object().get_data()
    query = coql.BodyWrapper()
    query.set_select_query("select Account_Name from Accounts where id is not null limit 5")
    queried = coql.CoqlOperations().get_records(query).get_object().get_data()
    new = {"Industry": Choice("Retail"), "Annual_Revenue": 12.5, "Phone": None}
    one = accounts.update_record(ids[0], body_of(changed(ids[0], **new)))
    hundred = [changed(each, Account_Site="seen") for each in ids[20:119]]
    many = accounts.update_records(body_of(*hundred, changed(7, Account_Site="seen")))
    unknown = accounts.get_record(4876876000009999999)
    print(
        json.dumps(
            {
                "listed": ids,
                "first": {
                    name: str(first[name])
                    for name in ("Account_Name", "Annual_Revenue", "Employees")
                },
                "owner": first["Owner"].get_name(),
                "products": [choice.get_value() for choice in first["Products_Used"]],
                "found": sorted(record.get_key_value("Account_Name") for record in found),
                "queried": [record.get_key_value("Account_Name") for record in queried],
                "one": outcomes(one),
                "many": [many.get_status_code(), outcomes(many)],
                "unknown": [unknown.get_status_code(), unknown.get_object()],
                "bulk": read_in_bulk(),
            }
        )
    )


if __name__ == "__main__":
    main()
