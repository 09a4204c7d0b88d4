"""Counting equal rows: what else a step holds must not change what a row counts as."""

from __future__ import annotations

from logs import CASE_TYPE, frame, happened

from ingest.occurrences import TIE, Occurrences

ALONE = happened("A", "0m", "1")
TWO = happened("B", "0m", objects=((CASE_TYPE, "1", ""), (CASE_TYPE, "2", "")))
THREE = TWO.but(objects=((CASE_TYPE, "1", ""), (CASE_TYPE, "2", ""), (CASE_TYPE, "3", "")))


def test_a_row_is_found_again_in_a_step_with_other_numbers_of_objects() -> None:
    seen = Occurrences()
    assert seen.of(frame([ALONE])).to_list() == [0]
    assert seen.of(frame([TWO, ALONE])).to_list() == [0, 1]
    assert seen.of(frame([ALONE, ALONE])).to_list() == [2, 3]
    assert seen.of(frame([ALONE, TWO])).to_list() == [4, 1]


def test_rows_differ_where_only_their_further_objects_do() -> None:
    assert Occurrences().of(frame([TWO, THREE, TWO])).to_list() == [0, 0, 1]
    assert Occurrences(TIE).of(frame([TWO, THREE, ALONE])).to_list() == [0, 0, 0]


def test_the_qualifier_of_the_only_object_counts() -> None:
    owner = ALONE.but(objects=((CASE_TYPE, "1", "owner"),))
    assert Occurrences().of(frame([ALONE, owner, ALONE])).to_list() == [0, 0, 1]
