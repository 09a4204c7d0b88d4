"""The cases of a selection, as many as there are, loaded while the reader scrolls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, html, no_update

from dashboards.cache import BLOCK, Reader
from dashboards.format import count, duration
from dashboards.layout import FULL_LENGTH, STATES, Component, instant, words
from dashboards.pages import head
from dashboards.pages.reading import read
from dashboards.url_state import PageState, link
from kernel.errors import GembascopeError

PATHS = ("/cases",)
ORDERS = (
    ("longest", "Longest first"),
    ("shortest", "Shortest first"),
    ("events", "Most events first"),
    ("fewest", "Fewest events first"),
    ("newest", "Latest first event first"),
    ("oldest", "Earliest first event first"),
    ("recent", "Latest last event first"),
    ("stalest", "Earliest last event first"),
    ("due", "First due first"),
    ("case", "By case name"),
)


def _sorted(*orders: str) -> dict[str, Any]:
    """A header that is a link to these orders (ORDER:DIRECTION) in turn; to the first when the list has another."""
    return {"headerComponent": "OrderHeader", "headerComponentParams": {"orders": orders}}


COLUMNS: list[dict[str, Any]] = [
    {
        "field": "case",
        "headerName": "Case",
        **_sorted("case:ascending"),
        "cellRenderer": "CaseLink",
        "flex": 2,
        "minWidth": 130,
        "tooltipField": "full",
    },
    {
        "field": "duration",
        "headerName": "Duration",
        **_sorted("longest:descending", "shortest:ascending"),
        "flex": 1,
        "minWidth": 110,
        "cellClass": "number right",
        "headerClass": "right",
    },
    {
        "field": "events",
        "headerName": "Events",
        **_sorted("events:descending", "fewest:ascending"),
        "flex": 1,
        "minWidth": 100,
        "cellClass": "number right",
        "headerClass": "right",
    },
    {
        "field": "start",
        "headerName": "First event (UTC)",
        **_sorted("newest:descending", "oldest:ascending"),
        "flex": 1.5,
        "minWidth": 170,
        "cellClass": "number",
    },
    {
        "field": "end",
        "headerName": "Last event (UTC)",
        **_sorted("recent:descending", "stalest:ascending"),
        "flex": 1.5,
        "minWidth": 170,
        "cellClass": "number",
    },
    {"field": "state", "headerName": "State", "flex": 1, "minWidth": 100},
    {
        "field": "due",
        "headerName": "Due (UTC)",
        **_sorted("due:ascending"),
        "flex": 1.5,
        "minWidth": 160,
        "cellClass": "number",
    },
]
THEME = (
    "themeQuartz.withParams({backgroundColor: 'var(--card)', foregroundColor: 'var(--ink)', "
    "accentColor: 'var(--accent)', borderColor: 'var(--line)', headerBackgroundColor: 'var(--card)', "
    "headerTextColor: 'var(--dim)', "
    "rowHoverColor: 'var(--hover)', fontFamily: 'inherit', fontSize: 14, wrapperBorderRadius: 10})"
)


def skeleton_of(state: PageState) -> list[Component]:
    grid = dag.AgGrid(
        id="grid",
        columnDefs=COLUMNS,
        rowModelType="infinite",
        defaultColDef={"sortable": False, "resizable": True, "suppressMovable": True},
        dashGridOptions={
            "theme": {"function": THEME},
            "cacheBlockSize": BLOCK,
            "maxConcurrentDatasourceRequests": 1,
            "infiniteInitialRowCount": 1,
            "maxBlocksInCache": 20,
            "suppressCellFocus": False,
            "tooltipShowDelay": 300,
            "enableCellTextSelection": True,
        },
        style={"height": "100%", "width": "100%"},
    )
    return [
        head.place(),
        html.Div(
            [
                dmc.Select(
                    id="order",
                    data=[{"value": value, "label": label} for value, label in ORDERS],
                    value=state.order,
                    allowDeselect=False,
                    w=230,
                    # A phone shows few of the headers that give the order, so it gets a choice of all.
                    hiddenFrom="sm",
                    attributes={"input": {"aria-label": "Order of the cases"}},
                ),
                html.P(
                    "Open a case to see what happened to it. A column's header puts the list in its order.",
                    className="dim",
                ),
            ],
            className="list-tools",
        ),
        html.Div(grid, className="grid-box", id="grid-box"),
    ]


def register(app: Any, reader: Reader) -> None:
    def rows(request: dict[str, Any] | None, search: str | None, path: str) -> Any:
        if request is None or path not in PATHS:
            return no_update
        try:
            return rows_of(reader, search, request.get("startRow"))
        except GembascopeError:
            return {"rowData": [], "rowCount": 0}

    app.callback(
        Output("grid", "getRowsResponse"),
        Input("grid", "getRowsRequest"),
        State("url", "search"),
        State("url", "pathname"),
    )(rows)

    app.clientside_callback(ClientsideFunction("pages", "readOrder"), Output("order", "value"), Input("url", "search"))
    app.clientside_callback(ClientsideFunction("pages", "chooseOrder"), Input("order", "value"))
    app.clientside_callback(ClientsideFunction("pages", "renewGrid"), Input("url", "search"))
    app.clientside_callback(ClientsideFunction("pages", "openCase"), Input("grid", "cellClicked"))


def rows_of(reader: Reader, search: str | None, start: object) -> dict[str, Any]:
    """One block of rows. The number of all rows is told with the last block only, so that the grid grows as the
    reader scrolls and asks for its blocks in turn."""
    found = read(reader, search)
    first = start if isinstance(start, int) and start >= 0 and start % BLOCK == 0 else 0
    if first >= found.asked.summary().cases:
        return {"rowData": [], "rowCount": found.asked.summary().cases}
    page = found.asked.block(found.state.order, first)
    rows = [
        {
            "case": words(row["case"], 40),
            "full": str(row["case"])[:FULL_LENGTH],
            "address": link("/case", replace(found.state, case=str(row["case"]))),
            "duration": duration(row["duration_s"]),
            "events": count(row["events"]),
            "start": instant(row["start"]),
            "end": instant(row["end"]),
            "due": instant(row["due"]),
            "state": STATES[row["state"]],
        }
        for row in page.cases.to_dicts()
    ]
    return {"rowData": rows, "rowCount": None if page.next else first + len(rows)}
