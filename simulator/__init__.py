"""A small Zoho for tests, benchmarks and the demo.

Written from Zoho's documentation and OpenAPI files and from what public projects saw live, never
from what our client expects; it shares no code with the client.

    zoho = Zoho(items=450)
    with serve(zoho) as server:
        ...  # talk to server.url, and make trouble through `zoho`
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.server import serve
    from simulator.zoho import Zoho

__all__ = ["Zoho", "serve"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: production lists this app, for its command, without installing the
    # web server that it runs on.
    if name == "Zoho":
        from simulator.zoho import Zoho

        return Zoho
    if name == "serve":
        from simulator.server import serve

        return serve
    raise AttributeError(name)
