"""How many pages of 200 items the simulator answers in a second, over one connection."""

import http.client
import json
import time

from simulator import Zoho, serve

PAGES = 500


def main() -> None:
    zoho = Zoho(items=10_000, per_minute=0)
    with serve(zoho) as server:
        host = server.url.removeprefix("http://")
        refreshed = zoho.tokens.refresh(zoho.refresh_token)
        assert refreshed
        headers = {"Authorization": f"Zoho-oauthtoken {refreshed[0]}"}
        connection = http.client.HTTPConnection(host)

        def fetch(page: int) -> None:
            connection.request(
                "GET",
                f"/inventory/v1/items?organization_id={zoho.organization_id}&page={page}"
                "&sort_column=created_time",
                headers=headers,
            )
            connection.getresponse().read()

        for page in range(1, 51):
            fetch(page)
        began = time.perf_counter()
        for number in range(PAGES):
            fetch(number % 50 + 1)
        seconds = time.perf_counter() - began
        connection.close()
    print(json.dumps({"what": "simulator, pages of 200 a second", "value": round(PAGES / seconds)}))


if __name__ == "__main__":
    main()
