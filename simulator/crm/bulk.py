"""Bulk read: a job, its states, and a zip with one CSV.

Source: https://www.zoho.com/crm/developer/docs/api/v8/bulk-read/overview.html
"""

import json
import secrets
import threading
import urllib.request
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Request, Response

from simulator.crm import paging
from simulator.crm.answers import RefusedError, answer, bad, parsed_body
from simulator.crm.bulk_criteria import read_criteria
from simulator.crm.bulk_jobs import Job, Result, Style, render
from simulator.crm.crm import VIEWS, Crm
from simulator.crm.fields import BY_NAME, FIELDS
from simulator.crm.limits import TOO_MANY_REQUESTS
from simulator.crm.metadata import MODULE
from simulator.payloads import dumps

if TYPE_CHECKING:
    from simulator.zoho import Zoho

MAX_PAGE = 50
MAX_COLUMNS = 200
FIRST_JOB_ID = 4_876_876_000_007_000_000
RESULT_LIFETIME = 24 * 60 * 60
DOWNLOADS_A_MINUTE = 10


def create(zoho: "Zoho", request: Request) -> Response:
    crm = zoho.crm
    if request.mimetype != "application/json":
        words = "the media type of the request is not supported"
        raise RefusedError(415, "MEDIA_TYPE_NOT_SUPPORTED", words)
    body = parsed_body(request)
    query = _query(crm, body)
    callback = _callback(body)
    if body.get("file_type", "csv") != "csv":
        raise bad("INVALID_DATA", "invalid data", api_name="file_type", json_path="$.file_type")
    read_criteria(query.get("criteria"))  # refuses what it cannot read
    now = crm.clock()
    job_id = str(FIRST_JOB_ID + len(crm.jobs) + 1)
    page = query.get("page") or 1
    ends = now + crm.bulk_delay
    job = crm.jobs[job_id] = Job(job_id, query, page, now, ends, crm.user, crm.bulk_fails)
    if callback:
        threading.Thread(target=_call_back, args=(zoho, job, callback), daemon=True).start()
    details = {
        "id": job_id,
        "operation": "read",
        "state": "ADDED",
        "created_by": crm.users[job.user].minified(),
        "created_time": crm.view.moment(now),
    }
    success = {
        "status": "success",
        "code": "ADDED_SUCCESSFULLY",
        "message": "Added successfully.",
        "details": details,
    }
    return answer({"data": [success], "info": {}}, 201)


def job(zoho: "Zoho", request: Request, job_id: str) -> Response:
    return answer({"data": [_shown(zoho.crm, _find(zoho.crm, job_id))]})


def result(zoho: "Zoho", request: Request, job_id: str) -> Response:
    crm = zoho.crm
    found = _find(crm, job_id)
    now = crm.clock()
    if found.state(now) != "COMPLETED" or now >= found.ends + RESULT_LIFETIME:
        raise _not_found(job_id)
    while found.downloads and found.downloads[0] <= now - 60:
        found.downloads.popleft()
    if len(found.downloads) >= DOWNLOADS_A_MINUTE:
        crm.limits.count_refusal()
        raise RefusedError(429, *TOO_MANY_REQUESTS)
    found.downloads.append(now)
    file = _result(crm, found)
    if crm.spoil_bulk:
        file = replace(file, csv=crm.spoil_bulk(file.csv))
    response = Response(file.archive(job_id), content_type="application/octet-stream;charset=UTF-8")
    response.headers["Content-Disposition"] = f"attachment;filename={job_id}.zip"
    return response


def _find(crm: Crm, job_id: str) -> Job:
    found = crm.jobs.get(job_id)
    if found is None or found.user != crm.user:
        raise _not_found(job_id)
    return found


def _not_found(job_id: str) -> RefusedError:
    words = "The requested resource doesn't exist."
    return RefusedError(404, "RESOURCE_NOT_FOUND", words, resource=job_id)


def _query(crm: Crm, body: dict[str, Any]) -> dict[str, Any]:
    """The job's query; with a page token, the one before it, a page further."""
    query = body.get("query")
    if not isinstance(query, dict):
        words = "required field not found"
        raise bad("MANDATORY_NOT_FOUND", words, api_name="query", json_path="$.query")
    token = query.get("page_token")
    if token is not None:
        kept = crm.bulk_tokens.get(token)
        if kept is None or kept.user != crm.user or len(query) > 1:
            path = {"api_name": "page_token", "json_path": "$.query.page_token"}
            raise bad("INVALID_DATA", "invalid data", **path)
        if kept.ends + paging.TOKEN_LIFETIME <= crm.clock():
            raise bad("EXPIRED_VALUE", "The page_token has expired", param_name="page_token")
        return {**kept.query, "page": kept.page + 1}
    module = query.get("module")
    if not isinstance(module, dict) or module.get("api_name") != "Accounts":
        words = "the module is not supported in bulk read"
        raise bad("MODULE_NOT_SUPPORTED", words)
    page = query.get("page")
    if page is not None and not (type(page) is int and 1 <= page <= MAX_PAGE):
        raise bad("PAGE_RANGE_EXCEEDED", "page range exceeded", max_limit=MAX_PAGE)
    if query.get("cvid") is not None and query["cvid"] not in VIEWS:
        raise bad("CVID_NOT_SUPPORTED", "cvid not supported")
    if any(str(name).split(".")[0] not in BY_NAME for name in query.get("fields") or []):
        raise bad("FIELD_NOT_AVAILABLE", "the field is not available")
    if len(query.get("fields") or []) > MAX_COLUMNS - 1:  # the id is always added
        raise bad("LIMIT_EXCEEDED", "fields limit exceeded", limit=MAX_COLUMNS)
    return query


def _callback(body: dict[str, Any]) -> str:
    callback = body.get("callback")
    if callback is None:
        return ""
    if callback.get("method") != "post":
        words = "callback method not supported"
        raise bad("INVALID_CALLBACK_METHOD", words, supported_callback_methods=["post"])
    url = str(callback.get("url", ""))
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise bad("INVALID_CALLBACK_URL", "callback url is not valid")
    return url


def _shown(crm: Crm, job: Job) -> dict[str, Any]:
    state = job.state(crm.clock())
    query: dict[str, Any] = {
        "module": MODULE,
        "fields": job.query.get("fields") or [],
        "page": job.page,
    }
    for name in ("criteria", "cvid"):
        if job.query.get(name) is not None:
            query[name] = job.query[name]
    shown: dict[str, Any] = {
        "id": job.id,
        "operation": "read",
        "state": state,
        "query": query,
        "created_by": crm.users[job.user].minified(),
        "created_time": crm.view.moment(job.created),
        "file_type": "csv",
    }
    if state == "COMPLETED":
        done = _result(crm, job)
        shown["result"] = {
            "page": job.page,
            "count": done.count,
            "download_url": f"/crm/bulk/v8/read/{job.id}/result",
            "per_page": crm.bulk_rows,
            "more_records": done.more,
        }
        if done.next_page_token:
            shown["result"]["next_page_token"] = done.next_page_token
    if state == "FAILURE":
        words = "an unexpected error occurred while the job was processed"
        message = {"code": "INTERNAL_SERVER_ERROR", "details": {}, "message": words}
        shown["result"] = {"error_message": {**message, "status": "error"}}
    return shown


def _result(crm: Crm, job: Job) -> Result:
    """Read once, when the job is first seen to be complete; equal jobs share one rendering."""
    if job.result is None:
        query = {name: job.query.get(name) for name in ("fields", "criteria", "cvid")}
        names = query["fields"] or [field.api_name for field in FIELDS]
        style = Style(crm.bulk_id_heading, crm.bulk_yes_no, crm.bulk_separator)
        key = ("csv", json.dumps(query, default=str), job.page, crm.bulk_rows, crm.time_zone, style)
        data, count, more = crm.remembered(key, lambda: _read(crm, query, names, job.page, style))
        token = None
        if more:
            token = secrets.token_hex(32)
            crm.bulk_tokens[token] = job
        job.result = Result(data, count, more, token)
    return job.result


def _read(
    crm: Crm, query: dict[str, Any], names: list[str], page: int, style: Style
) -> tuple[bytes, int, bool]:
    test = read_criteria(query["criteria"])
    view = VIEWS.get(query["cvid"] or "", lambda account: True)
    rows = [account for account in crm.by_id() if view(account) and test(account)]
    part = rows[(page - 1) * crm.bulk_rows : page * crm.bulk_rows]
    return render(part, names, crm.view, style), len(part), len(rows) > page * crm.bulk_rows


def _call_back(zoho: "Zoho", job: Job, url: str) -> None:
    """Zoho posts the job once it has ended, unsigned, and asks nothing of the answer. Other than
    Zoho, we call this machine only."""
    if zoho.stopping.wait(max(0.0, job.ends - zoho.crm.clock())) or not _is_loopback(url):
        return
    data = dumps(_shown(zoho.crm, job))
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with suppress(OSError), urllib.request.urlopen(request, timeout=5):
        pass


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
