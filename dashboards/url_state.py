"""The state of a page, as its address tells it: the process, the filters, and how to look at them.

The query string is the only place where this state lives. So the back button, a reload and a link sent to a
colleague show the same, and nothing is hidden in a session. Filters are spelled as everywhere (mining.filters);
the words of the pages themselves are `process`, `view`, `detail`, `order`, `top`, `case`, `page`, `promise`,
`standing`, `incident` and `run`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote, urlencode

from kernel.definitions import suggestion
from kernel.errors import InputError
from mining.cases import ORDERS
from mining.filters import FILTER_WORDS, CaseFilter, read_filter

VIEWS = ("time", "frequency")
DETAILS = range(1, 6)
TOP_VARIANTS = range(1, 1001)
PAGES = range(1, 1_000_001)
PAGE_WORDS = (
    *("process", "view", "detail", "order", "top", "case", "page"),
    *("promise", "standing", "incident", "run"),
)
STANDINGS = ("late", "at_risk", "paused", "open", "kept_late", "met")
"""How a promise stands to the cases of a list; `late`: past due and not kept."""
MOST_WORDS = 400
REPEATED = ("case_attr", "activity", "variant", "state")
"""Filters that may be given more than once."""


@dataclass(frozen=True, slots=True)
class PageState:
    """What an address asks for. `filters` are (word, value) pairs in the order of the address.

    `process` "" means the first one there is; `detail` None means the step at which a map opens; `page` is one of the
    timeline of `case`; `promise` "" means the first one of the process; `incident` and `run` are ids.
    """

    process: str = ""
    view: str = "time"
    detail: int | None = None
    order: str = "longest"
    top: int = 20
    case: str = ""
    page: int = 1
    promise: str = ""
    standing: str = "late"
    incident: str = ""
    run: str = ""
    filters: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        _one_of("view", self.view, VIEWS)
        _one_of("order", self.order, ORDERS)
        _one_of("standing", self.standing, STANDINGS)

    @property
    def chosen(self) -> CaseFilter:
        """The case filter; `InputError` tells what is wrong with a value."""
        words: dict[str, list[str]] = {}
        for word, value in self.filters:
            words.setdefault(word, []).append(value)
        return canonical(read_filter(words))

    def with_filters(self, *added: tuple[str, str]) -> PageState:
        """This state with more filters; a word that stands only once replaces its value."""
        single = {word for word, _ in added if word not in REPEATED}
        kept = tuple(pair for pair in self.filters if pair[0] not in single and pair not in added)
        return replace(self, filters=kept + added)

    def without_filters(self, *removed: str) -> PageState:
        """This state without the filters of these words; without all of them when none is named."""
        kept = tuple(pair for pair in self.filters if removed and pair[0] not in removed)
        return replace(self, filters=kept)

    def without_filter(self, pair: tuple[str, str]) -> PageState:
        return replace(self, filters=tuple(other for other in self.filters if other != pair))

    def with_edge(self, source: str, target: str) -> PageState:
        return self.with_filters(("edge_source", source), ("edge_target", target))


def parse(search: str | None) -> PageState:
    """The state that a query string spells, with or without its question mark.

    Raises
    ------
    InputError
        A word that no page has, a value that is not of its form, or more than 400 words.
    """
    try:
        pairs = parse_qsl((search or "").removeprefix("?"), keep_blank_values=True, max_num_fields=MOST_WORDS)
    except ValueError:
        raise InputError(f"the address holds more than {MOST_WORDS} words") from None
    own: dict[str, str] = {}
    filters: list[tuple[str, str]] = []
    for word, value in pairs:
        if word in FILTER_WORDS:
            if value != "" and (word, value) not in filters:
                filters.append((word, value))
        elif word not in PAGE_WORDS:
            known = [*PAGE_WORDS, *FILTER_WORDS]
            raise InputError(f"the address says {word[:40]!r}, which means nothing here{suggestion(word, known)}")
        elif word in own:
            raise InputError(f"{word}: given twice")
        else:
            own[word] = value
    return PageState(
        process=own.get("process", ""),
        view=own.get("view") or "time",
        detail=_number("detail", own["detail"], DETAILS) if own.get("detail") else None,
        order=own.get("order") or "longest",
        top=_number("top", own["top"], TOP_VARIANTS) if own.get("top") else 20,
        case=own.get("case", ""),
        page=_number("page", own["page"], PAGES) if own.get("page") else 1,
        promise=own.get("promise", ""),
        standing=own.get("standing") or "late",
        incident=own.get("incident", ""),
        run=own.get("run", ""),
        filters=tuple(filters),
    )


def search_of(state: PageState) -> str:
    """The query string of a state, with its question mark; "" for the plain one. `parse` gives the state back."""
    usual = PageState()
    pairs = [(word, getattr(state, word)) for word in PAGE_WORDS if getattr(state, word) != getattr(usual, word)]
    pairs += state.filters
    return "?" + urlencode(pairs, quote_via=quote) if pairs else ""


def link(path: str, state: PageState) -> str:
    """The address of a page in a state."""
    return path + search_of(state)


def canonical(chosen: CaseFilter) -> CaseFilter:
    """The one form of all filters that mean the same: order and repetition inside a filter say nothing."""
    return replace(
        chosen,
        attributes=tuple(sorted(set(chosen.attributes))),
        activities=tuple(sorted(set(chosen.activities))),
        variants=tuple(sorted(set(chosen.variants))),
        states=tuple(sorted(set(chosen.states))),
    )


def _one_of(word: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        hint = suggestion(value, list(allowed))
        raise InputError(f"{word}: {value[:40]!r} is not one of {', '.join(allowed)}{hint}")


def _number(word: str, text: str, allowed: range) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) in allowed):
        raise InputError(f"{word}: {text[:40]!r} is not a whole number from {allowed.start} to {allowed.stop - 1}")
    return int(text[:9])
