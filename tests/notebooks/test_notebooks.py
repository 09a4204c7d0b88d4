"""Every notebook runs from its first cell to its last, as a reader would run it, in a folder of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Any:
    return nbformat.read(request.param, as_version=4)


class ThisPython(AsyncKernelManager):
    """The kernel of the environment that runs the tests, whatever kernels the machine knows."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"])


def test_there_are_notebooks() -> None:
    assert "01_load_a_log.ipynb" in [path.name for path in NOTEBOOKS]


def test_it_states_its_question_and_ends_with_its_claim(notebook: Any) -> None:
    assert notebook.cells[0].cell_type == "markdown"
    assert "**Question:**" in notebook.cells[0].source
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert notebook.cells[-1] is code[-1]
    assert sum(line.startswith("assert ") for cell in code for line in cell.source.splitlines()) == 1
    assert code[-1].source.splitlines()[-1].startswith("assert ")


def test_its_outputs_are_stripped(notebook: Any) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_it_runs(notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMBASCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    client = NotebookClient(notebook, timeout=240, kernel_manager_class=ThisPython)
    client.execute(cwd=str(ROOT))
    assert notebook.cells[-1].execution_count == sum(cell.cell_type == "code" for cell in notebook.cells)
