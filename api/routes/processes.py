"""Reading: `/api/v1/processes/...`, one address per command, the same filters everywhere."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.datastructures import QueryParams

from kernel.errors import InputError
from kpis import answers as kpi_answers
from mining.answers import ANSWERS, OPTIONS, Document, case, describe, readiness
from mining.filters import FILTER_WORDS, CaseFilter, read_filter
from mining.view import Views

router = APIRouter(prefix="/api/v1", tags=["processes"])


def views_of(request: Request) -> Views:
    views: Views = request.app.state.views
    return views


TheViews = Annotated[Views, Depends(views_of)]


@router.get("/processes", summary="The processes that can be asked about.")
def processes(views: TheViews) -> Document:
    return {"processes": [describe(definition) for definition in views.all()]}


@router.get("/processes/{process}/readiness", summary="What the log of a process is fit for.")
def readiness_(process: str, views: TheViews) -> Document:
    return readiness(views.view(process))


@router.get("/processes/{process}/cases/{case_id:path}", summary="One case with all its events.")
def case_(process: str, case_id: str, views: TheViews) -> Document:
    return case(views.view(process), case_id)


def filters(
    since: Annotated[str | None, Query(description="From this time on: 2026-01-31 or with time and zone.")] = None,
    until: Annotated[str | None, Query(description="Before this time.")] = None,
    anchor: Annotated[
        str,
        Query(
            description="What is compared: started, ended, active, or due: the first due instant of a promise not kept "
            "yet, when all are kept the last one."
        ),
    ] = "started",
    case_attr: Annotated[list[str] | None, Query(description="NAME=VALUE; repeated: each name must match.")] = None,
    activity: Annotated[list[str] | None, Query(description="The case holds it; repeated: all of them.")] = None,
    variant: Annotated[list[str] | None, Query(description="Variant id; repeated: any of them.")] = None,
    min_duration: Annotated[str | None, Query(description="Shortest case duration, such as 4h.")] = None,
    max_duration: Annotated[str | None, Query(description="Longest case duration.")] = None,
    edge_source: Annotated[str | None, Query(description="The case holds the step from this activity …")] = None,
    edge_target: Annotated[str | None, Query(description="… directly to this one.")] = None,
    state: Annotated[list[str] | None, Query(description="open, complete or unknown; repeated: any.")] = None,
) -> None:
    """Documents the filters; `read_filter` reads them, for every surface alike."""


def selection(params: QueryParams, options: tuple[str, ...]) -> tuple[CaseFilter, dict[str, str]]:
    """The filter and the options of a query string.

    Raises
    ------
    InputError
        It holds a word that is neither.
    """
    words: dict[str, list[str]] = {}
    chosen: dict[str, str] = {}
    for name, value in params.multi_items():
        if name in FILTER_WORDS:
            words.setdefault(name, []).append(value)
        elif name in options:
            chosen[name] = value
        else:
            raise InputError(f"{name[:40]}: not a filter or option of this address")
    return read_filter(words), chosen


def _register(name: str, options: tuple[str, ...]) -> None:
    def answer(process: str, request: Request, views: TheViews) -> Document:
        chosen, given = selection(request.query_params, options)
        view = views.view(process)
        view.check(chosen)
        if name in kpi_answers.ANSWERS:
            return kpi_answers.ANSWERS[name](view, chosen, given, views.clock)
        return ANSWERS[name](view, chosen, given)

    answer.__name__ = name.replace("/", "_")
    extra = [{"name": o, "in": "query", "required": False, "schema": {"type": "string"}} for o in options]
    router.add_api_route(
        f"/processes/{{process}}/{name}",
        answer,
        methods=["GET"],
        summary=f"The answer of `gembascope {name}`." if "/" not in name else "The work queue of `gembascope sla`.",
        dependencies=[Depends(filters)],
        openapi_extra={"parameters": extra} if extra else None,
    )


for _name in ANSWERS:
    _register(_name, OPTIONS.get(_name, ()))
for _name in kpi_answers.ANSWERS:
    _register(_name, kpi_answers.OPTIONS[_name])
