"""Requests that no browser would send: parameters, bodies, encodings, forms, searches."""

import io
import logging
import random
from urllib.parse import quote, urlsplit

import pytest
from cryptography.fernet import Fernet
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from backoffice.listing import MAX_SEARCH, MAX_WORDS
from config.requests import MAX_ANONYMOUS_BODY, MAX_BODY, Request
from config.wsgi import application
from crm_accounts.models import Account
from integrations.models import ZohoCredential
from tests.marked import Marked
from tests.url_map import addresses, close

pytestmark = pytest.mark.django_db

SEED, REQUESTS = 20261125, 2_000
ACCOUNTS = reverse("admin:crm_accounts_account_changelist")
LISTS = [
    reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for model in admin.site._registry
]


@pytest.fixture(autouse=True)
def no_log():
    """Thousands of refusals would be written down, each with its traceback."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def as_served(monkeypatch):
    """The test client makes its requests as config/wsgi.py does."""
    assert application.request_class is Request
    monkeypatch.setattr("django.test.client.WSGIRequest", Request)


@pytest.fixture
def root(client):
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.mark.parametrize(
    "query",
    [
        "e=1&nonsense=1",
        "nonsense=1",
        "page=1000000000",
        "pk__range=1",
        "pk__regex=(",
        "pk__in=a",
        "pk__nonsense=1",
        "q=%00",
    ],
)
def test_a_list_answers_parameters_that_it_cannot_use_with_a_400(root, query):
    """
    Also of other people's apps. A list without its filter would look like an answer.
    """
    answers = [root.get(f"{path}?{query}") for path in LISTS]

    assert {answer.status_code for answer in answers} == {400}
    for answer in answers:
        assert answer.headers["X-Request-ID"] in answer.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "custom_fields__foo=%00",
        "custom_fields__foo=1",
        "annual_revenue=NaN",
        "annual_revenue__in=1,x",
        "synced_at__year=99999999999",
        "synced_at__gte=yesterday",
        "name__iregex=*",
        "parent_account_id__range=1,2",
    ],
)
def test_what_only_the_database_can_refuse_is_no_error_of_ours_in_lists_and_exports(root, query):
    """
    Its error comes when the rows are read, later than Django looks for errors.
    """
    Marked()

    page = root.get(f"{ACCOUNTS}?{query}")
    export = root.get(f"{ACCOUNTS}export/csv/?{query}")

    assert page.status_code == 400
    assert export.status_code in (302, 400)


def test_the_end_of_the_calendar_is_a_400(root):
    """
    The day after the last one cannot be reckoned with.
    """
    usage = reverse("admin:integrations_zohousage_changelist")

    assert root.get(f"{usage}?day__year=9999&day__month=12&day__day=31").status_code == 400


def test_an_error_of_ours_stays_one(root, monkeypatch):
    """
    Without parameters nothing but the program can be wrong, and that must be found.
    """

    def broken(self, request):
        raise ValueError("a mistake in the program")

    monkeypatch.setattr("crm_accounts.admin.AccountList.get_results", broken)

    with pytest.raises(ValueError, match="a mistake"):
        root.get(ACCOUNTS)


@pytest.mark.parametrize("key", ["x", "", "9" * 30, "-", "1.5", "1\0"])
def test_what_cannot_be_selected_is_a_400(root, key):
    """
    The action would never have seen it.
    """
    answers = [
        root.post(path, {"action": action, "_selected_action": key})
        for path, action in (
            (ACCOUNTS, "change_selected"),
            (reverse("admin:products_and_services_product_changelist"), "sync_selected_items"),
            (reverse("admin:sync_failedrecord_changelist"), "retry_selected"),
        )
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400]


@pytest.mark.parametrize("path", ["/admin/login/", "/crm/changes/file/", "/admin/", "/oauth/start"])
def test_a_large_body_of_a_stranger_is_refused_before_it_is_read(client, path):
    """
    Django would write two gigabytes to the disk to look for a CSRF token in them.
    """

    class Untouched(io.BytesIO):
        def read(self, *args):
            raise AssertionError("the body was read")

    sent = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "wsgi.input": Untouched()}

    for length in (MAX_ANONYMOUS_BODY + 1, 2 * 1024**3):
        answer = client.generic("POST", path, CONTENT_LENGTH=str(length), **sent)
        assert answer.status_code == 413
    chunked = client.generic("POST", path, HTTP_TRANSFER_ENCODING="chunked", **sent)
    assert chunked.status_code == 411


def test_somebody_signed_in_may_send_a_file_and_not_more(root):
    """
    The upload page has its own words for a file that is a little too large.
    """
    upload = reverse("crm_accounts:upload")
    head = {"CONTENT_TYPE": "multipart/form-data; boundary=x"}

    file = io.BytesIO(b"x" * (MAX_ANONYMOUS_BODY + 1))
    small = root.post(upload, {"file": file})
    large = root.generic("POST", upload, CONTENT_LENGTH=str(MAX_BODY + 1), **head)

    assert (small.status_code, large.status_code) == (200, 413)


@pytest.mark.parametrize(
    "sent",
    [
        {"CONTENT_TYPE": "text/plain; charset=rot13"},
        {"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-16"},
        {"CONTENT_TYPE": "multipart/form-data; boundary=x; charset=hex"},
        {"CONTENT_TYPE": "text/plain; charset=nonsense"},
        {"CONTENT_TYPE": "text/plain; charset*=nonsense'x'y"},
        {"CONTENT_TYPE": "text/plain; charset=hex", "QUERY_STRING": "a=1"},
        {"CONTENT_TYPE": "text/plain; charset=utf-8", "QUERY_STRING": "a=1&" * 1_001},
        {"CONTENT_LENGTH": "many"},
        {"CONTENT_LENGTH": "-1"},
        {"HTTP_COOKIE": 'sessionid="abc\\000def"'},
        {"QUERY_STRING": "a=1&" * 1_001},
    ],
)
def test_a_request_that_cannot_be_read_is_a_400(client, sent):
    """
    Codecs that yield no text, lengths that are none, a NUL in a cookie, too many fields.
    """
    assert client.generic("GET", "/admin/login/", **sent).status_code == 400


def test_an_address_that_leads_nowhere_is_said_in_words(root):
    """
    With a way back, as on the other pages of this kind.
    """
    answer = root.get("/nowhere/")

    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
    assert answer.headers["X-Request-ID"] in answer.content.decode()


def test_a_form_with_a_bad_token_is_refused_in_words():
    """
    It is a 403 that says what to do, and under which number the log has it.
    """
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"csrfmiddlewaretoken": "x"})

    assert answer.status_code == 403
    assert answer.headers["X-Request-ID"] in answer.content.decode()


def test_every_list_searches_by_ten_words_at_most(root):
    """
    Each word is one more look through the table, in lists of other people's apps too.
    """
    Account.objects.create(zoho_account_id="1", name=" ".join(f"w{n}" for n in range(MAX_WORDS)))
    words = " ".join(f"w{n}" for n in range(MAX_WORDS))

    ten = root.get(ACCOUNTS, {"q": words})
    more = root.get(ACCOUNTS, {"q": f"{words} and-more"})
    long = root.get(ACCOUNTS, {"q": "w" * (MAX_SEARCH + 1)})
    users = root.get("/admin/auth/user/", {"q": "x " * 50})

    assert [len(page.context["cl"].result_list) for page in (ten, more, long)] == [1, 1, 0]
    assert "Only the first" not in ten.content.decode()
    assert "Only the first 200 characters" in long.content.decode()
    for page in (more, users):
        assert "Only the first 10 words" in page.content.decode()


@pytest.mark.postgres
def test_a_statement_that_takes_too_long_is_cut_off_in_words(root, settings, monkeypatch):
    """
    One heavy filter must not keep a web process; what is cut off is no error of the program.
    """
    settings.WEB_STATEMENT_TIMEOUT = 1

    def slow(self, request):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")

    monkeypatch.setattr("crm_accounts.admin.AccountList.get_results", slow)

    answer = root.get(ACCOUNTS)

    assert answer.status_code == 503
    assert "This took too long" in answer.content.decode()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_limit_of_a_statement_ends_with_its_transaction(root, settings, monkeypatch):
    """
    A pooler hands the session to a worker next, whose statements may take longer.
    """
    settings.WEB_STATEMENT_TIMEOUT = 7
    limits = []

    def look(self, request):
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            limits.append(cursor.fetchone()[0])
        return get_results(self, request)

    get_results = admin.site.get_model_admin(Account).get_changelist(None).get_results
    monkeypatch.setattr("crm_accounts.admin.AccountList.get_results", look)

    root.get(ACCOUNTS)
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        limits.append(cursor.fetchone()[0])

    assert limits == ["7s", "0"]


def test_a_wrong_encryption_key_breaks_no_page(root, settings):
    """
    The pages say which setting is wrong, and take new secrets.
    """
    paths = addresses(Marked().arguments())
    ZohoCredential.objects.update(refresh_token="1000.stored")
    settings.ZOHO_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    said = {path: root.get(path) for path in paths if path != "/admin/logout/"}
    for answer in said.values():
        close(answer)

    assert not [path for path, answer in said.items() if answer.status_code >= 500]
    for path in ("/admin/", "/oauth/start", "/sync/schedule/"):
        assert "ZOHO_ENCRYPTION_KEYS" in said[path].content.decode()


# --- anything at all ------------------------------------------------------------------------------

ODD = ["", "0", "-1", "1", "x", "true", "null", "1.5", "NaN", "1e999999", "9" * 25, "9" * 5_000]
ODD += ["\0", "a\0b", "\ud800", "\ufffe", "é" * 300, "a" * 20_000, "<script>", "' OR 1=1", "%"]
ODD += ["..", "../../etc/passwd", "//evil.example", "https://evil.example/", "{}", '{"a": [']
ODD += ["2026-13-45", "0000-00-00", "9999-12-31", "25:61", "\r\nSet-Cookie: a=b", "\u202e", "("]
ODD += ["[", "*", "1,2", "," * 50, " ".join("abcdefghijklmnop"), "__", "pk", "\x1f", "\U0001f600"]
PARAMETERS = """
q p o e all page id pk id__range id__in id__gt name__regex name__icontains custom_fields__foo
run__id__exact run__kind kind field reason mended retired stock duplicate_sku owner state
state__exact day__year day__month day__day created_at__gte synced_at__year asked_by__id__exact
password__startswith changes__after _popup _to_field _changelist_filters _facets index action
_selected_action select_across again runs mode dry_run next code location accounts-server back
change decision request-why request-seen Phone change-Phone file kinds seen often at own username
email note term app_label model_name field_name csrfmiddlewaretoken _save
"""
NAMES = PARAMETERS.split()
METHODS = ["GET"] * 8 + ["POST"] * 8 + ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "ODD"]
FORM = "application/x-www-form-urlencoded"
TYPES = [FORM, "multipart/form-data", "multipart/form-data; boundary=", "application/json", "", "a"]
TYPES += ["multipart/form-data; boundary=é", "multipart/mixed; boundary=b", "text/plain", ";;;"]
TYPES += [f"{FORM}; charset=utf-7", "multipart/form-data; boundary=b; charset=hex"]
TYPES += [
    "text/html; charset=nonsense",
    f'{FORM}; charset="utf-8"',
    "multipart/form-data; boundary=b",
]
HEADERS = {
    "HTTP_ACCEPT": ["", "application/json", ";;;q=x", "text/html;q=nan", ",,,", "a/b/c", "é"],
    "HTTP_COOKIE": ["sessionid=x", 'sessionid="\\000"', "csrftoken=" + "a" * 500, ";;==;", "é=é"],
    "HTTP_HX_REQUEST": ["true", "x"],
    "HTTP_HX_CURRENT_URL": ["http://[", "é"],
    "HTTP_REFERER": ["http://[", "https://evil.example/", "é"],
    "HTTP_X_FORWARDED_PROTO": ["https", "x"],
    "HTTP_IF_MODIFIED_SINCE": ["yesterday"],
    "HTTP_RANGE": ["bytes=a-b"],
}
BODIES = [b"\xff\xfe", b"{", b"--b\r\n\r\n", b"a=" + b"x" * 3_000_000, b"a=1&" * 1_001, b"\0" * 100]
BODIES += [
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a\x00.csv"\r\n\r\nx\r\n--b--'
]
FORMS = ("/add/", "/change/", "/many/", "/tell-me/", "/start", "/login/", "_change/")


def coded(text):
    return quote(text, safe="", errors="surrogatepass")


def odd_request(chance, paths):
    """One request, as the arguments of Client.generic."""
    path = chance.choice(paths)
    parts = path.split("/")
    places = [place for place, part in enumerate(parts) if part.isdecimal()]
    if places and chance.random() < 0.3:
        parts[chance.choice(places)] = coded(chance.choice(ODD))
        path = "/".join(parts)
    if chance.random() < 0.05:
        path += chance.choice(["%ff", "%00", "%ed%a0%80", "/../", ";", "%", "é"])
    query = "&".join(
        f"{coded(chance.choice([*NAMES, *NAMES, *ODD]))}={coded(chance.choice(ODD))}"
        for _ in range(chance.choice([0, 0, 1, 1, 1, 2, 3, 8]))
    )
    if chance.random() < 0.05:
        query += chance.choice(["&%ff=%fe", "&=", "&&&", "&a", "&" + "a=1&" * 1_001])
    more = {"QUERY_STRING": query}
    for name, values in HEADERS.items():
        if chance.random() < 0.05:
            more[name] = chance.choice(values)
    method = chance.choice(METHODS)
    if method in ("GET", "HEAD"):
        return method, path, b"", FORM, more
    fields = [(chance.choice(NAMES), chance.choice(ODD)) for _ in range(chance.randrange(6))]
    body = "&".join(f"{coded(name)}={coded(value)}" for name, value in fields).encode()
    if chance.random() < 0.15:
        body = chance.choice(BODIES)
    return method, path, body, chance.choice([FORM] * 8 + TYPES), more


def odd_form(chance, client, paths):
    """What a page's own form would send, with some of its fields odd."""
    path = chance.choice([one for one in paths if one.endswith(FORMS)])
    page = client.get(path)
    context = page.context or {}
    form = context["adminform"].form if "adminform" in context else context.get("form")
    if page.status_code != 200 or form is None:
        return None
    values = {bound.html_name: bound.value() for bound in form}
    fields = {name: "" if value is None else str(value) for name, value in values.items()}
    if "seen" in context:
        fields["request-seen"] = str(context["seen"])
    for name in chance.sample(sorted(fields), k=min(len(fields), chance.choice([0, 1, 1, 2]))):
        fields[name] = chance.choice(ODD)
    body = "&".join(f"{coded(name)}={coded(value)}" for name, value in fields.items())
    return "POST", path, body.encode(), FORM, {}


def sign_in():
    """Clients by name: of a stranger, and of staff who may do nothing, see all, and do all."""
    users = get_user_model().objects
    nobody = users.create_user("nobody", is_staff=True)
    reader = users.create_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    clients = {"a stranger": Client(enforce_csrf_checks=True)}
    for user in (nobody, reader, users.create_superuser("root")):
        clients[user.username] = Client()
        clients[user.username].force_login(user)
    return clients


def test_two_thousand_odd_requests_of_every_kind_cause_no_error(zoho):
    """
    Whatever somebody sends to whichever address, there is an answer: never a 500 or an exception.
    """
    paths = addresses(Marked().arguments())
    clients = sign_in()
    cookies = {name: client.cookies.copy() for name, client in clients.items()}
    chance = random.Random(SEED)
    broken = []

    for number in range(REQUESTS):
        name = chance.choice([*clients, "root", "root"])
        client = clients[name]
        client.cookies = cookies[name].copy()
        sent = odd_request(chance, paths)
        try:
            if chance.random() < 0.3:
                sent = odd_form(chance, client, paths) or sent
            method, path, body, content_type, more = sent
            answer = client.generic(method, path, body, content_type, **more)
            b"".join(answer) if answer.streaming else answer.content
            close(answer)
            wrong = str(answer.status_code) if answer.status_code in (500, 502) else ""
            if urlsplit(answer.headers.get("Location", "")).netloc.endswith("evil.example"):
                wrong = "sent away"
        except Exception as error:  # noqa: BLE001 - any of them is what this looks for
            wrong = f"{type(error).__name__}: {error}"[:300]
        if wrong:
            broken.append(f"#{number} {name}: {sent}: {wrong}"[:2_000])

    assert not broken, f"{len(broken)} of seed {SEED}:\n" + "\n".join(broken[:20])
