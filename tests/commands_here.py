"""Commands within this process, as the command line runs them: as a process of its own each would load the same
libraries again. What only a process shows, such as signals, is for `running_service`."""

from __future__ import annotations

import gc
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from running_service import environment

from gembascope import cli, workspace
from gembascope.commands import options
from gembascope.service import find_service
from gembascope.workspace import LocalWorkspace, Workspace
from kernel.clock import SystemClock
from kernel.settings import Settings
from kernel.warehouse import Warehouse


@dataclass(frozen=True)
class Ended:
    """A command that ended, with the names that a process's end has."""

    returncode: int
    stdout: str
    stderr: str


def run_here(home: Path, *words: str, **more: str) -> Ended:
    """One command on the home, `more` in its environment. A home that no service holds is opened in this process,
    which may hold one warehouse only: see `lent`."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    kept, code = gc.get_threshold(), 0
    env = environment(GEMBASCOPE_HOME=str(home), COLUMNS="240", NO_COLOR="1", **more)
    try:
        with (
            patch.dict("os.environ", env, clear=True),
            patch.object(sys, "argv", ["gembascope", *words]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            cli.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        gc.set_threshold(*kept)
    said, told = (each.buffer.getvalue().decode() for each in (out, err))  # type: ignore[attr-defined]
    return Ended(code, said, told)


def asked_here(home: Path, *words: str, **more: str) -> Any:
    """The document that a command prints."""
    done = run_here(home, *words, "--json", **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run_together(home: Path, *commands: Sequence[str]) -> list[Ended]:
    """Commands on a home that no service holds, one after the other in one process that is not this one; none of them
    is interrupted by the failure of another."""
    words = [sys.executable, __file__, str(home), json.dumps(commands)]
    path = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    env = environment(PYTHONPATH=":".join(path))
    done = subprocess.run(words, capture_output=True, text=True, env=env, timeout=120, check=True)
    return [Ended(**one) for one in json.loads(done.stdout)]


@contextmanager
def lent(warehouse: Warehouse) -> Iterator[None]:
    """While the block runs, commands open every home over this warehouse; homes keep apart by their tenants."""

    def opened(settings: Settings) -> Workspace:
        assert find_service(settings.home) is None
        return LocalWorkspace(settings, SystemClock(), warehouse)

    with patch.object(options, "open_workspace", opened), patch.object(workspace, "open_workspace", opened):
        yield


@dataclass(frozen=True)
class Home:
    """A home of one tenant that no service holds, over a warehouse that is lent to its commands."""

    folder: Path
    tenant: str

    @property
    def definitions(self) -> Path:
        return self.folder / "tenants" / self.tenant

    def run(self, *words: str) -> Ended:
        return run_here(self.folder, *words, GEMBASCOPE_TENANT=self.tenant)

    def asked(self, *words: str) -> Any:
        return asked_here(self.folder, *words, GEMBASCOPE_TENANT=self.tenant)


if __name__ == "__main__":
    print(json.dumps([asdict(run_here(Path(sys.argv[1]), *words)) for words in json.loads(sys.argv[2])]))
