"""README tells the truth: its commands and folders exist. What it shows of the demo: browser/test_served_demo.py."""

from __future__ import annotations

import re
from pathlib import Path

from gembascope.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks() -> list[str]:
    return re.findall(r"```\n(.*?)```", README, flags=re.DOTALL)


def test_every_command_that_is_named_exists() -> None:
    named = set(re.findall(r"gembascope ([a-z]+)", "".join(blocks()) + README))
    assert named
    assert named <= set(COMMANDS) | {"serve"}


def test_the_folders_of_the_map_exist() -> None:
    folders = re.findall(r"^\| `([a-z]+)/` \|", README, flags=re.MULTILINE)
    assert len(folders) >= 7
    for folder in folders:
        assert (ROOT / folder).is_dir(), folder


def test_it_fits_on_a_screen() -> None:
    assert len(README.splitlines()) <= 60


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z]+)", blocks()[0], flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
