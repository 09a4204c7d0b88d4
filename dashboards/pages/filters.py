"""The drawer of filters: a form that becomes an address."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, html, no_update

from dashboards.cache import Asked, Reader
from dashboards.format import count
from dashboards.layout import Children, Component, problem, words
from dashboards.pages.reading import Read, read, way_out
from dashboards.url_state import PageState, search_of
from kernel.errors import GembascopeError

ANCHORS = (("started", "Started"), ("ended", "Ended"), ("active", "Active at any time"))
STATES = (("open", "Open"), ("complete", "Complete"), ("unknown", "Not known"))
TEXTS = ("since", "until", "min_duration", "max_duration")
FORM_WORDS = (*TEXTS, "anchor", "case_attr", "activity", "state")


def register(app: Any, reader: Reader) -> None:
    def open_form(clicks: int | None, search: str | None, path: str) -> Children:
        if not clicks:
            return no_update
        try:
            return form(read(reader, search))
        except GembascopeError as error:
            return problem(error, way_out(reader, path, search))

    app.callback(
        Output("filter-form", "children"),
        Input("filters-open", "n_clicks", allow_optional=True),
        State("url", "search"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )(open_form)

    def apply(
        clicks: int | None, ids: list[dict[str, str]], values: list[Any], attributes: list[Any], search: str | None
    ) -> tuple[Any, Any]:
        if not clicks:
            return no_update, no_update
        try:
            found = read(reader, search)
            given = {item["filter"]: value for item, value in zip(ids, values, strict=True)}
            given["case_attr"] = [value for chosen in attributes for value in chosen or ()]
            state = state_of_form(found.state, given)
            reader.ask(state.process, state.chosen)
        except GembascopeError as error:
            return no_update, html.P(str(error)[:500], role="alert", className="wrong")
        return search_of(state), None

    app.callback(
        Output("url", "search"),
        Output("filter-problem", "children"),
        Input("filters-apply", "n_clicks"),
        State({"filter": ALL}, "id"),
        State({"filter": ALL}, "value"),
        State({"attribute": ALL}, "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )(apply)


def state_of_form(state: PageState, given: dict[str, Any]) -> PageState:
    """The state after the form is applied. Filters that the form does not have, such as a variant, stay.

    Raises
    ------
    InputError
        A value that is not of its form.
    """
    pairs: list[tuple[str, str]] = []
    for word in FORM_WORDS:
        value = given.get(word)
        if isinstance(value, list):
            pairs += [(word, str(item)) for item in value]
        elif isinstance(value, str) and value.strip() and (word, value) != ("anchor", "started"):
            pairs.append((word, value.strip()))
    if not any(word in ("since", "until") for word, _ in pairs):
        pairs = [pair for pair in pairs if pair[0] != "anchor"]
    kept = state.without_filters(*FORM_WORDS)
    made = replace(kept, filters=(*pairs, *kept.filters))
    made.chosen  # noqa: B018 - reading it refuses a wrong value
    return made


def form(found: Read) -> Component:
    """The form, filled with what the address holds and offering what the data hold."""
    state, asked = found.state, found.asked
    held: dict[str, list[str]] = {}
    for word, value in state.filters:
        held.setdefault(word, []).append(value)
    anchors = (*ANCHORS, *([("due", "Due")] if found.asked.view.definition.promises else []))
    return html.Div(
        [
            html.Fieldset(
                [
                    html.Legend("Time range (UTC)"),
                    dmc.SegmentedControl(
                        id={"filter": "anchor"},
                        data=[{"value": value, "label": label} for value, label in anchors],
                        value=held.get("anchor", ["started"])[0],
                        size="xs",
                        fullWidth=True,
                        attributes={"root": {"aria-label": "Which time of a case counts"}},
                    ),
                    html.Div(
                        [_date("since", "From", held), _date("until", "Before", held)],
                        className="pair",
                    ),
                ]
            ),
            html.Fieldset(
                [
                    html.Legend("Duration of a case"),
                    html.Div(
                        [_text("min_duration", "At least", held), _text("max_duration", "At most", held)],
                        className="pair",
                    ),
                    html.P("Such as 90m, 4h, 2d or 1w.", className="hint"),
                ]
            ),
            dmc.MultiSelect(
                id={"filter": "state"},
                label="State",
                data=[{"value": value, "label": label} for value, label in STATES],
                value=held.get("state", []),
                placeholder=_any(held.get("state")),
                clearable=True,
            ),
            dmc.MultiSelect(
                id={"filter": "activity"},
                label="With all of these activities",
                data=_activities(asked, held.get("activity", [])),
                value=held.get("activity", []),
                placeholder=_any(held.get("activity")),
                searchable=True,
                clearable=True,
                limit=100,
            ),
            *_attributes(asked, held.get("case_attr", [])),
            html.Div(id="filter-problem"),
            html.Div(dmc.Button("Apply", id="filters-apply", fullWidth=True), className="form-end"),
        ],
        className="filter-form",
    )


def _any(chosen: list[str] | None) -> str:
    """What a choice says while nothing is chosen."""
    return "" if chosen else "Any"


def _date(word: str, label: str, held: dict[str, list[str]]) -> Component:
    value = held.get(word, [""])[0]
    plain = value == "" or re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)
    return dmc.TextInput(
        id={"filter": word}, label=label, value=value, inputProps={"type": "date" if plain else "text"}
    )


def _text(word: str, label: str, held: dict[str, list[str]]) -> Component:
    return dmc.TextInput(id={"filter": word}, label=label, value=held.get(word, [""])[0])


def _activities(asked: Asked, held: list[str]) -> list[dict[str, str]]:
    rows = asked.everything.map().activities.to_dicts()
    offered = {
        str(row["activity"]): f"{words(row['activity'], 50)} ({count(row['cases'])})" for row in rows if row["activity"]
    }
    return [
        {"value": value, "label": label} for value, label in ({value: words(value) for value in held} | offered).items()
    ]


def _attributes(asked: Asked, held: list[str]) -> list[Component]:
    """One choice per case attribute. A choice's value is the whole NAME=VALUE, as in the address."""
    chosen: dict[str, list[str]] = {}
    for pair in held:
        chosen.setdefault(pair.partition("=")[0], []).append(pair)
    offered: dict[str, dict[str, str]] = {}
    left_out: dict[str, int] = {}
    for row in asked.attribute_values().to_dicts():
        attribute, value = str(row["attribute"]), str(row["value"])
        choices = offered.setdefault(attribute, {})
        choices[f"{attribute}={value}"] = f"{words(value, 50)} ({count(row['cases'])})"
        left_out[attribute] = row["distinct_values"] - len(choices)
    for attribute in chosen:
        offered.setdefault(attribute, {})
        left_out.setdefault(attribute, 0)
    fields = []
    for place, (attribute, choices) in enumerate(offered.items()):
        for pair in chosen.get(attribute, []):
            choices.setdefault(pair, words(pair.partition("=")[2], 50))
        more = left_out[attribute]
        fields.append(
            dmc.MultiSelect(
                id={"attribute": place},
                label=words(attribute, 40),
                description=f"The commonest values; {count(more)} more are not listed." if more else None,
                data=[{"value": value, "label": label} for value, label in choices.items()],
                value=chosen.get(attribute, []),
                placeholder=_any(chosen.get(attribute)),
                searchable=True,
                clearable=True,
                limit=100,
            )
        )
    return fields
