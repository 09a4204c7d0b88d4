"""The tour of a demo shows nobody more than they may read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dashboards.pages.tour import tour_of
from dashboards.scenes import Claim, Scene
from kernel.errors import NotFound


def scene(*processes: str) -> Scene:
    return Scene("Title", Claim.FOUND, "Sentence", "Why", "/map", "See", processes)


def reader(**stores: frozenset[str] | None) -> Any:
    """Whoever asks may read these processes: of all stores (None), or of some."""

    def view(process: str) -> Any:
        if process not in stores:
            raise NotFound("there is none")
        return SimpleNamespace(stores=stores[process])

    return SimpleNamespace(views=SimpleNamespace(view=view))


@pytest.mark.parametrize(
    ("may", "shown"),
    [
        ({"orders": None, "returns": None}, 2),
        ({"orders": None}, 1),
        ({"orders": None, "returns": frozenset({"Bonn"})}, 1),
        ({"orders": frozenset({"Bonn"}), "returns": None}, 0),
        ({}, 0),
    ],
)
def test_a_scene_is_for_who_may_read_all_of_it(may: dict[str, frozenset[str] | None], shown: int) -> None:
    made = str(tour_of(reader(**may), [scene("orders"), scene("orders", "returns")]))
    assert made.count("Sentence") == shown
    assert ("There is nothing to see for you" in made) is (shown == 0)
