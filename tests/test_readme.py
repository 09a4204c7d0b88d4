"""README tells the truth: its commands exist, and what it shows is what is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from gembascope.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks() -> list[str]:
    return re.findall(r"```\n(.*?)```", README, flags=re.DOTALL)


def test_the_demo_prints_what_is_shown(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GEMBASCOPE_")}
    env = kept | {"COLUMNS": "200"}
    words = [sys.executable, "-m", "gembascope.cli", "demo", "--no-serve", "--home", str(tmp_path / "home")]
    printed = subprocess.run(words, capture_output=True, text=True, env=env, timeout=120, check=True).stdout
    shown = next(block for block in blocks() if block.startswith("Order to cash"))

    def lines(text: str) -> list[str]:
        return [re.sub(r"loaded in [\d.]+ s", "loaded in … s", line) for line in text.splitlines()]

    serving = re.compile(r"Open http|(olivia proposes|petra approves), with the password ")
    assert lines(printed) == [line for line in lines(shown) if not serving.match(line)]


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
