"""What expressions of mapping packs can ask for, and how they refuse what cannot be told."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.event_form import Unfit
from ingest.mappings.expressions import check, compiled

SCOPE = {
    "code": "ORDER_PLACED",
    "n": 12,
    "none": None,
    "empty": "",
    "a": {"b-c": {"d": [1, 2]}},
    "related": {"order": ["O-1", "O-2"], "customer": "C-1"},
    "list": "order:O-1 line:O-1:1",
    "info": "store=amber till=t-1",
    "json": '{"x": [1, "y"]}',
}
TABLES = {"codes": {"ORDER_PLACED": "Order placed", "12": "Twelve"}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("lower(code)", "order_placed"),
        ("upper(none)", None),
        ("trim(empty)", None),
        ("split(code, '_')", ["ORDER", "PLACED"]),
        ("split(none, '_')", []),
        ("replace(code, '_', ' ')", "ORDER PLACED"),
        ("without_prefix(code, 'ORDER_')", "PLACED"),
        ("sentence(code)", "Order placed"),
        ("sentence('goods-receipt_posted')", "Goods receipt posted"),
        ("lookup('codes', code)", "Order placed"),
        ("lookup('codes', n)", "Twelve"),
        ("lookup('codes', 'x')", None),
        ("lookup('codes', 'x', sentence('NOT_KNOWN'))", "Not known"),
        ('a."b-c".d[0]', 1),
        ('a."b-c"', {"d": [1, 2]}),
        ("n.x.y", None),
        ("refs(related)[].id", ["O-1", "O-2", "C-1"]),
        ("refs(related)[2]", {"type": "customer", "id": "C-1"}),
        ("listed(list)", [{"type": "order", "id": "O-1"}, {"type": "line", "id": "O-1:1"}]),
        ("pairs(info, '=', ' ')", {"store": "amber", "till": "t-1"}),
        ("from_json(json)", {"x": [1, "y"]}),
        ("entries(related)[0].name", "order"),
        ("from_entries([{k: 'a', v: `1`}], 'k', 'v')", {"a": 1}),
        ("without(related, ['order'])", {"customer": "C-1"}),
        ("only(related, ['customer', 'nobody'])", {"customer": "C-1"}),
        ("minor(`1205`, `2`)", "12.05"),
        ("minor(`-5`, `2`)", "-0.05"),
        ("whole('12')", 12),
        ("local('2026-03-02T10:16:00.5', 'Europe/Berlin')", "2026-03-02T10:16:00.500+01:00"),
        ("local('2026-07-02 10:16', 'Europe/Berlin')", "2026-07-02T10:16+02:00"),
        ("local('2026-10-25 02:30:00', 'Europe/Berlin', 'first')", "2026-10-25T02:30:00+02:00"),
        ("local('2026-10-25 02:30:00', 'Europe/Berlin', 'last')", "2026-10-25T02:30:00+01:00"),
        ("moment('20260302101600', '%Y%m%d%H%M%S', 'UTC')", "2026-03-02T10:16:00+00:00"),
        ("moment('02.03.26 10:16 +0100', '%d.%m.%y %H:%M %z')", "2026-03-02T10:16+01:00"),
        ("epoch(`1772000000`, 's')", "2026-02-25T06:13:20+00:00"),
        ("epoch(`1772000000.25`, 's')", "2026-02-25T06:13:20.250+00:00"),
        ("epoch('1772000000250', 'ms')", "2026-02-25T06:13:20.250+00:00"),
        ("epoch('1772000000250000123', 'ns')", "2026-02-25T06:13:20.250000+00:00"),
        ("epoch('1772000000250999123', 'ns', 'ms')", "2026-02-25T06:13:20.250+00:00"),
        ("epoch('1772000000999', 'ms', 's')", "2026-02-25T06:13:20+00:00"),
        ("epoch(none, 'ns', 'ms')", None),
    ],
)  # fmt: skip
def test_what_functions_give(expression: str, value: Any) -> None:
    assert compiled(expression, TABLES)(SCOPE) == value


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("lower(n)", "In function lower()"),
        ("lookup('nothing', code)", "the pack has no table 'nothing'"),
        ("listed('order')", "'order' is no type and id with ':' between them"),
        ("from_json('{')", "is not JSON"),
        ("from_json('[NaN]')", "NaN is no number"),
        ("whole('1.5')", "'1.5' is no whole number"),
        ("minor('x', `2`)", "'x' is no number"),
        ("local('2026-03-29 02:30:00', 'Europe/Berlin')", "the clocks of Europe/Berlin never showed"),
        ("local('2026-10-25 02:30:00', 'Europe/Berlin')", "showed '2026-10-25 02:30:00' twice"),
        ("local('2026-10-25 02:30:00+01:00', 'Europe/Berlin')", "has an offset; it needs no zone"),
        ("local('tomorrow', 'Europe/Berlin')", "'tomorrow' is no time"),
        ("local('2026-10-25 05:30', 'Europe/Atlantis')", "there is no time zone 'Europe/Atlantis'"),
        ("moment('x', '%Y')", "'x' is no time of the form %Y"),
        ("moment('2026', '%Y')", "has no offset, and the pack names no zone"),
        ("epoch(`-1`, 's')", "is no time of our days"),
        ("epoch(`1`, 'weeks')", "'weeks' is not s, ms, us or ns"),
        ("epoch(`1`, 's', 'days')", "'s' and 'days' is not s, ms, us or ns"),
    ],
)
def test_what_functions_refuse(expression: str, reason: str) -> None:
    with pytest.raises(Unfit, match=re.escape(reason)):
        compiled(expression, TABLES)(SCOPE)


@pytest.mark.parametrize("text", ["a.", "a[", "'open", "(" * 2_500, "x" * 2_001])
def test_what_is_no_expression_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expression"):
        check(text)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.integers(31_536_000, 7_226_582_400).map(
        lambda second: datetime.fromtimestamp(second, timezone.utc).replace(tzinfo=None)
    ),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
)
def test_a_local_time_is_the_instant_that_these_clocks_showed(at: datetime, zone: str) -> None:
    """Or it is refused: because they never showed it, or twice."""
    known, moment = ZoneInfo(zone), at.replace(tzinfo=None)
    placed = {moment.replace(tzinfo=known, fold=fold).astimezone(timezone.utc) for fold in (0, 1)}
    instants = {one for one in placed if one.astimezone(known).replace(tzinfo=None) == moment}
    evaluate = compiled(f"local(t, '{zone}')", {})
    if len(instants) == 1:
        assert datetime.fromisoformat(evaluate({"t": moment.isoformat()})) in instants
    else:
        with pytest.raises(Unfit, match="twice" if instants else "never"):
            evaluate({"t": moment.isoformat()})
