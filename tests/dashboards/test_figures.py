"""Small drawings and names: bars, chevrons, waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from page_parts import leaves

from dashboards.figures import Wait, chevrons, stretches, time_strip, waits_of
from dashboards.layout import words


def test_a_path_takes_repetitions_together_and_folds_what_is_long() -> None:
    assert [(part.activity, part.times) for part in stretches(["A", "B", "B", "A"])] == [("A", 1), ("B", 2), ("A", 1)]
    drawn = chevrons([f"step {number}" for number in range(30)] + ["step 29"], frozenset({"step 0"}))
    said = "".join(map(str, leaves(drawn)))
    assert "6 more steps" in said
    assert "step 29×2" in said


@given(st.lists(st.sampled_from("ABC"), max_size=12))
def test_stretches_keep_every_event(path: list[str]) -> None:
    assert [part.activity for part in stretches(path) for _ in range(part.times)] == path


def test_a_wait_is_late_beyond_the_usual_and_never_when_unknown() -> None:
    waits = waits_of(["A", "B", "B"], [None, 10.0, None], {("A", "B"): 9.0, ("B", "B"): 1.0})
    assert [wait.late for wait in waits] == [False, True, False]
    assert not Wait(10.0, 10.0).late
    assert time_strip([], []) is None


@given(st.text(max_size=400))
def test_words_are_one_short_line(value: str) -> None:
    shown = words(value, 40)
    assert 0 < len(shown) <= 40
    assert not set(shown) & set("\n\r\t\x00\u202e\u2066")
