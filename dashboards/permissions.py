"""What each address of the pages needs. A callback reads; one that does more asks for it itself."""

from __future__ import annotations

from dashboards.app import DESK_PAGES, PAGES
from dashboards.pages import sources, tour
from kernel.access import Need, Permission

READ = Permission.READ

NEEDS: dict[tuple[str, str], Need] = {
    **{("GET", path): READ for page in (*PAGES, *DESK_PAGES, sources, tour) for path in page.PATHS},
    ("POST", "/_dash-update-component"): READ,
    ("GET", "/_dash-layout"): READ,
    ("GET", "/_dash-dependencies"): READ,
    ("GET", "/_dash-component-suites/{package}/{path:path}"): READ,
    ("GET", "/assets/{path:path}"): READ,
    ("GET", "/_reload-hash"): READ,
    ("GET", "/_favicon.ico"): READ,
}
