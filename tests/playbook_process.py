"""A worker as a process of its own, that stops for good at a named point: `python playbook_process.py HOME URL TENANT
DEEDS POINT NUMBER`. It says `there` when it is there, and waits to be killed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from playbook_world import DONE, FakeEffects, World
from pydantic import SecretStr

from kernel.settings import load_settings
from kernel.state.database import State
from orchestration_hooks.effects import Outcome


class Noted(FakeEffects):
    """Deeds are lines of a file, written at once: they outlive the process."""

    file: Path

    def _do(self, kind: str, over: str, key: str, body: Any) -> Outcome:
        with self.file.open("a") as lines:
            lines.write(f"{over} {key}\n")
        return DONE


def main() -> None:
    home, url, tenant, deeds, point, number = sys.argv[1:]
    settings = load_settings(home=Path(home), state_url=SecretStr(url) if url else None)
    effects = Noted()
    effects.file = Path(deeds)
    with State(settings) as state:
        world = World(state, tenant, effects)
        left = [int(number)]

        def at(reached: str) -> None:
            left[0] -= reached == point
            if left[0] == 0:
                print("there", flush=True)
                sys.stdin.read()

        object.__setattr__(world.engine.tools, "at", at)
        world.work()
    print("never", flush=True)


if __name__ == "__main__":
    main()
