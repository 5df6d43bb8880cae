import pytest
import requests

from simulator import Zoho, serve


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


class Caller:
    """A plain HTTP client of Zoho's; nothing of the product is in it."""

    def __init__(self, zoho: Zoho, url: str) -> None:
        self.zoho = zoho
        self.url = url
        self.session = requests.Session()
        self.token = ""

    def client(self, **more: str) -> dict[str, str]:
        secrets = {"client_id": self.zoho.client_id, "client_secret": self.zoho.client_secret}
        return {**secrets, **more}

    def refresh(self, **more: str) -> requests.Response:
        form = self.client(
            grant_type="refresh_token", refresh_token=self.zoho.refresh_token, **more
        )
        return self.session.post(f"{self.url}/oauth/v2/token", data=form, timeout=5)

    def get(self, path: str, *, sign: bool = True, **params: object) -> requests.Response:
        if sign and not self.token:
            self.token = self.refresh().json()["access_token"]
        headers = {"Authorization": f"Zoho-oauthtoken {self.token}"} if sign else {}
        if "organization_id" not in params:
            params["organization_id"] = self.zoho.organization_id
        return self.session.get(
            f"{self.url}/inventory/v1/{path}",
            params={k: v for k, v in params.items() if v is not None},
            headers=headers,
            timeout=5,
            allow_redirects=False,
        )

    def crm(
        self,
        path: str,
        method: str = "GET",
        *,
        json: object = None,
        headers: dict[str, str] | None = None,
        **params: object,
    ) -> requests.Response:
        """CRM's API; `path` below /crm/v8/, or from the root."""
        if not self.token:
            self.token = self.refresh().json()["access_token"]
        return self.session.request(
            method,
            self.url + (path if path.startswith("/") else f"/crm/v8/{path}"),
            params={k: v for k, v in params.items() if v is not None},
            json=json,
            headers={"Authorization": f"Zoho-oauthtoken {self.token}", **(headers or {})},
            timeout=10,
            allow_redirects=False,
        )

    def control(self, method: str, path: str, **body: object) -> requests.Response:
        return self.session.request(method, f"{self.url}/_simulator/{path}", json=body, timeout=5)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def zoho(clock, request):
    return Zoho(items=getattr(request, "param", 0), clock=clock)


@pytest.fixture
def crm(zoho):
    """CRM's state and switches."""
    return zoho.crm


@pytest.fixture
def call(zoho):
    with serve(zoho) as server:
        caller = Caller(zoho, server.url)
        yield caller
        caller.session.close()
