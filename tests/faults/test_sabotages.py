"""The harness itself: it finds defects that are planted, and none where there is none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from faults.sabotages import SABOTAGES
from faults.scenes import SCENES, played

ALL = os.environ.get("GEMBASCOPE_TEST_SABOTAGES") == "all"
FEW = ("skip the sync", "quarantine without the bytes")
"""What is planted each time; everything by `make faults`."""
QUIET = ("power",)
"""Scenes that are also played without a defect each time; what the others are about is in `test_faults`."""


def _can(scene: str) -> None:
    if scene == "power" and shutil.which("strace") is None and not os.environ.get("CI"):
        pytest.skip("strace is not installed")


@pytest.mark.parametrize("name", SABOTAGES if ALL else FEW)
def test_a_planted_defect_is_caught(name: str, tmp_path: Path) -> None:
    _can(SABOTAGES[name].scene)
    verdict = played(name, tmp_path)
    assert verdict.laws & set(SABOTAGES[name].caught_by), verdict.violations


@pytest.mark.parametrize("scene", SCENES if ALL else QUIET)
def test_nothing_is_found_where_no_defect_is_planted(scene: str, tmp_path: Path) -> None:
    _can(scene)
    assert SCENES[scene](tmp_path, "").violations == []
