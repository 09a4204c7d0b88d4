"""From an address to a selection of cases, and from a failure to a sentence: the way every callback takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dash import html

from dashboards.cache import Asked, Reader
from dashboards.layout import Children, problem
from dashboards.url_state import PageState, link, parse
from kernel.errors import DefinitionError, GembascopeError, InputError


@dataclass(frozen=True, slots=True)
class Read:
    """What an address asks for, with its process found and its filter checked."""

    state: PageState
    asked: Asked


def read(reader: Reader, search: str | None) -> Read:
    """The state and the selection of an address; the state names its process.

    Raises
    ------
    InputError
        The address is wrong: it holds an unknown word, a value of another form, or a name that the process lacks.
    """
    state = parse(search)
    asked = reader.ask(state.process, state.chosen)
    return Read(replace(state, process=asked.view.definition.id), asked)


def part(make: Callable[[], Children]) -> Children:
    """One place of a page. A wrong address and a wrong definition are told once, by the head of the page, and leave the
    other places empty; a failure of the warehouse is told where it happened."""
    try:
        return make()
    except (InputError, DefinitionError):
        return []
    except GembascopeError as error:
        return problem(error)


def way_out(reader: Reader, path: str, search: str | None) -> Children:
    """A link from a wrong address to the nearest right one: without filters, of a process that is there, or plain."""
    try:
        state = parse(search).without_filters()
        gone = state.process and state.process not in {definition.id for definition in reader.views.all()}
    except (InputError, DefinitionError):
        state, gone = PageState(), False
    if gone:
        first = link(path, replace(state, process=""))
        return html.P(html.A("Show a process that is there", href=first, className="go"))
    return html.P(html.A("Show this page without filters", href=link(path, state), className="go"))
