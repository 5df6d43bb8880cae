import csv
import io
import json
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from simulator import Zoho
from simulator.tests.test_accounts import refused

READ = "/crm/bulk/v8/read"
DAY = 24 * 60 * 60


def create(call, callback=None, **query):
    body = {"query": {"module": {"api_name": "Accounts"}, **query}, "file_type": "csv"}
    if "page_token" in query:
        del body["query"]["module"]
    return call.crm(READ, "POST", json=body | ({"callback": callback} if callback else {}))


def started(call, **query):
    answer = create(call, **query)
    assert answer.status_code == 201, answer.text
    (entry,) = answer.json()["data"]
    assert (entry["code"], entry["details"]["state"]) == ("ADDED_SUCCESSFULLY", "ADDED")
    return entry["details"]["id"]


def poll(call, job_id):
    return call.crm(f"{READ}/{job_id}").json()["data"][0]


def rows(call, job_id):
    with zipfile.ZipFile(io.BytesIO(call.crm(f"{READ}/{job_id}/result").content)) as archive:
        (name,) = archive.namelist()
        assert name == f"{job_id}.csv"
        return list(csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8", newline="")))


@pytest.fixture
def firms(call):
    holding = call.zoho.add_account(Account_Name="Helios Holding", Key_Account=True, Employees=7)
    other = call.zoho.add_account(
        Account_Name='He said "no", twice\nand left',
        Parent_Account=holding,
        Products_Used=["Panels", "Batteries"],
    )
    return [holding, other]


def test_a_job_goes_through_its_states(call, clock, crm, firms):
    """Polling too early is no error."""
    crm.bulk_delay = 30
    job_id = started(call, fields=["Account_Name"])

    states = []
    for _ in range(4):
        states.append(poll(call, job_id)["state"])
        clock.pass_by(10)

    assert states == ["ADDED", "QUEUED", "IN PROGRESS", "COMPLETED"]
    assert poll(call, job_id)["result"] == {
        "page": 1,
        "count": 2,
        "download_url": f"{READ}/{job_id}/result",
        "per_page": 200_000,
        "more_records": False,
    }


def test_a_job_may_fail(call, crm):
    """And says so in its result."""
    crm.bulk_fails = True
    job_id = started(call)

    job = poll(call, job_id)

    assert (job["state"], job["result"]["error_message"]["status"]) == ("FAILURE", "error")
    assert refused(call.crm(f"{READ}/{job_id}/result"), 404) == "RESOURCE_NOT_FOUND"


def test_the_result_is_a_zip_with_one_csv(call, firms):
    """Look-ups as ids, nothing for null, quotes doubled, line breaks inside."""
    fields = ["Account_Name", "Parent_Account", "Products_Used", "Key_Account", "Modified_Time"]
    fields += ["Employees", "Owner.last_name"]

    first, second = rows(call, started(call, fields=fields))

    assert list(first) == ["Id", *fields]
    assert (first["Id"], first["Parent_Account"], first["Key_Account"]) == (firms[0], "", "true")
    assert second["Account_Name"] == 'He said "no", twice\nand left'
    assert (second["Parent_Account"], second["Products_Used"]) == (firms[0], "Panels;Batteries")
    assert first["Modified_Time"] == call.zoho.accounts[firms[0]]["Modified_Time"]
    assert (first["Employees"], second["Employees"]) == ("7", "")
    assert first["Owner.last_name"] == "Rao"


def test_without_fields_all_are_read(call, firms):
    """A mirror should name what it needs."""
    assert len(rows(call, started(call))[0]) > 50


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({"field": {"api_name": "Key_Account"}, "comparator": "equal", "value": True}, [0]),
        ({"field": {"api_name": "Employees"}, "comparator": "greater_than", "value": 6}, [0]),
        ({"field": {"api_name": "Employees"}, "comparator": "equal", "value": "${EMPTY}"}, [1]),
        ({"field": {"api_name": "Employees"}, "comparator": "between", "value": [1, 9]}, [0]),
        ({"field": {"api_name": "Account_Name"}, "comparator": "contains", "value": "said"}, [1]),
        ({"field": {"api_name": "Products_Used"}, "comparator": "in", "value": ["panels"]}, [1]),
        (
            {
                "group_operator": "or",
                "group": [
                    {
                        "field": {"api_name": "Account_Name"},
                        "comparator": "not_contains",
                        "value": "said",
                    },
                    {"field": {"api_name": "Employees"}, "comparator": "equal", "value": 9},
                ],
            },
            [0],
        ),
    ],
)
def test_criteria_choose_rows(call, firms, criteria, expected):
    """In JSON here."""
    found = rows(call, started(call, fields=["Account_Name"], criteria=criteria))

    assert [row["Id"] for row in found] == [firms[index] for index in expected]


def test_pages_go_on_by_number_and_by_token(call, clock, crm, firms):
    """A token stands for the whole query and lives a day."""
    crm.bulk_rows = 1
    first = started(call, fields=["Account_Name"])
    result = poll(call, first)["result"]
    assert (result["count"], result["more_records"]) == (1, True)

    by_token = started(call, page_token=result["next_page_token"])
    by_number = started(call, fields=["Account_Name"], page=2)

    assert rows(call, by_token) == rows(call, by_number)
    assert [row["Id"] for row in rows(call, by_token)] == firms[1:]
    assert not poll(call, by_token)["result"]["more_records"]
    clock.pass_by(DAY)
    call.token = ""
    assert refused(create(call, page_token=result["next_page_token"])) == "EXPIRED_VALUE"


def test_what_was_read_stays_as_it_was(call, firms):
    """A result is a moment's picture."""
    job_id = started(call, fields=["Account_Name"])
    before = rows(call, job_id)

    call.zoho.delete_account(firms[0])

    assert rows(call, job_id) == before
    assert len(rows(call, started(call, fields=["Account_Name"]))) == 1


def test_ten_downloads_a_minute_and_one_day(call, clock, firms):
    """The eleventh waits."""
    job_id = started(call, fields=["Account_Name"])
    for _ in range(10):
        assert call.crm(f"{READ}/{job_id}/result").status_code == 200

    assert refused(call.crm(f"{READ}/{job_id}/result"), 429) == "TOO_MANY_REQUESTS"
    clock.pass_by(61)
    assert call.crm(f"{READ}/{job_id}/result").status_code == 200
    clock.pass_by(DAY)
    call.token = ""
    assert refused(call.crm(f"{READ}/{job_id}/result"), 404) == "RESOURCE_NOT_FOUND"


def test_jobs_that_cannot_be_made(call):
    """Each with its own code."""
    assert refused(call.crm(f"{READ}/1"), 404) == "RESOURCE_NOT_FOUND"
    assert refused(create(call, module={"api_name": "Desks"})) == "MODULE_NOT_SUPPORTED"
    assert refused(create(call, page=51)) == "PAGE_RANGE_EXCEEDED"
    assert refused(create(call, fields=["Fone"])) == "FIELD_NOT_AVAILABLE"
    assert refused(create(call, page_token="x")) == "INVALID_DATA"
    unknown = {"field": {"api_name": "Fone"}, "comparator": "equal", "value": "1"}
    assert refused(create(call, criteria=unknown)) == "FIELD_IN_CRITERIA_NOT_SUPPORTED"
    both = {**unknown, "group_operator": "and", "group": [unknown]}
    assert refused(create(call, criteria=both)) == "AMBIGUOUS_CRITERIA"
    callback = {"url": "desk", "method": "post"}
    assert refused(create(call, callback=callback)) == "INVALID_CALLBACK_URL"
    plain = call.session.post(call.url + READ, data="{}", headers={"Authorization": "x"}, timeout=5)
    assert plain.status_code == 401
    headers = {"Content-Type": "text/plain"}
    answer = call.crm(READ, "POST", json={"query": {}}, headers=headers)
    assert refused(answer, 415) == "MEDIA_TYPE_NOT_SUPPORTED"


def test_the_end_of_a_job_is_called_back(call, firms):
    """Unsigned, and with what a poll would say."""
    heard = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        answer = create(call, callback={"url": url, "method": "post"}, fields=["Account_Name"])
        thread.join(5)

    job_id = answer.json()["data"][0]["details"]["id"]
    assert heard == [poll(call, job_id)]


def test_a_hundred_thousand_accounts_are_read_within_seconds(call, zoho):
    """And once more at no cost: the same picture is drawn once."""
    zoho.crm = Zoho(accounts=100_000).crm
    fields = ["Account_Name", "Phone", "Owner", "Parent_Account", "Modified_Time"]
    began = time.monotonic()

    assert len(rows(call, started(call, fields=fields))) == 100_000

    first = time.monotonic() - began
    assert first < 5
    began = time.monotonic()
    job_id = started(call, fields=fields)
    assert call.crm(f"{READ}/{job_id}/result").status_code == 200
    assert time.monotonic() - began < first


def test_the_id_is_headed_as_in_real_files_or_as_on_zohos_page(call, crm, firms):
    """Programs that read live files expect `Id`; Zoho's page prints `id`."""
    seen = rows(call, started(call, fields=["Account_Name"]))
    crm.bulk_id_heading = "id"

    documented = rows(call, started(call, fields=["Account_Name"]))

    assert (next(iter(seen[0])), next(iter(documented[0]))) == ("Id", "id")


def test_a_file_has_at_most_200_columns_with_the_id(call, crm):
    """The id is always added, and counts."""
    for number in range(200):
        crm.add_field(f"Own_{number}")
    names = [f"Own_{number}" for number in range(200)]

    answer = create(call, fields=names)

    assert refused(answer) == "LIMIT_EXCEEDED"
    assert started(call, fields=names[:199])
