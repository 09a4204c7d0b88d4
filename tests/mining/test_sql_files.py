"""Every .sql file beside our modules is documented, is asked by one call, and no SQL is put together in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel.warehouse import Query, Warehouse
from mining.filters import CaseFilter

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "gembascope",
    "kernel",
    "ingest",
    "mining",
    "simulator",
    "api",
    "dashboards",
    "kpis",
    "anomalies",
    "orchestration_hooks",
)
ASKING = ("mining", "ingest", "kpis", "anomalies", "orchestration_hooks")
FILES = sorted(path for package in ASKING for path in (ROOT / package / "sql").glob("*.sql"))
PARAMETER = re.compile(r"\{(\w+):([^{}]+)\}")
STATEMENT = re.compile(
    r"^\s*(select\b.+\bfrom\b|insert\s+into\s+\S+\s+(select|values|\()|delete\s+from\b|update\s+\S+\s+set\b|with\s.+\bselect\b"
    r"|(create|drop|alter|truncate|optimize)\s+(table|view|database)\b)",
    re.IGNORECASE | re.DOTALL,
)
ASKED_BY_TWO = {"mining/projection_state": "by the refresh, and by readers who keep answers until it changes"}
"""Files that two modules share, with the reason; every other file has one."""

SQLITE_FILES = ROOT / "ingest" / "formats"
"""Readers and writers of files know no warehouse; tables of OCEL files in SQLite have the names that the file gives
them, and SQLite binds no identifiers."""


def header(text: str) -> str:
    """The comment that a file begins with, as one line."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)


def parameters(text: str) -> dict[str, str]:
    """Name to type of the server-side parameters, comments aside."""
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    found: dict[str, str] = {}
    for name, kind in PARAMETER.findall(code):
        assert found.setdefault(name, kind) == kind, f"{name} has two types"
    rest = re.sub(r"'(?:[^'\\]|\\.)*'", "''", PARAMETER.sub("", code))
    assert "{" not in rest, "a brace that is no parameter"
    return found


def product_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def label(path: Path) -> str:
    return f"{path.parents[1].name}-{path.stem}"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_the_header_says_what_a_row_is_and_names_every_parameter(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    said = header(text)
    assert len(said) > 20, "the file begins with a comment that says what it does"
    named = (
        set(parameters(text)) - {"tenant", "process"}
        if "the filter (mining/filters.py)" in said
        else set(parameters(text))
    )
    if "the filter (mining/filters.py)" in said:
        named -= set(CaseFilter().parameters())
    shape = "the columns of loads" in said
    missing = [] if shape else sorted(name for name in named if not re.search(rf"\b{name}\b", said))
    assert not missing, f"the header does not name {missing}"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_file_holds_one_statement(path: Path) -> None:
    assert ";" not in "\n".join(
        line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("--")
    )


def test_the_types_of_all_parameters_are_types(warehouse: Warehouse) -> None:
    every = {kind for path in FILES for kind in parameters(path.read_text(encoding="utf-8")).values()}
    assert len(every) > 5
    default = Query("default_of_type", "SELECT toTypeName(defaultValueOfTypeName({kind:String})) AS kind")
    for kind in sorted(every - {"Identifier"}):
        assert warehouse.query(default, {"kind": kind}).item() == kind


def asked_files() -> dict[str, list[str]]:
    """Package and file name to the places that load it."""
    found: dict[str, list[str]] = {}
    for path in product_files():
        package = path.relative_to(ROOT).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in ("load_query", "_sql"):
                continue
            for name in _names(node.args[-1], package):
                found.setdefault(name, []).append(f"{path.relative_to(ROOT)}:{node.lineno}")
    return found


def _names(argument: ast.expr, package: str) -> list[str]:
    """The files an argument means: a literal, a choice of two, or a literal beginning."""
    if isinstance(argument, ast.Constant):
        return ["/".join((package, str(argument.value)))]
    if isinstance(argument, ast.IfExp):
        return [*_names(argument.body, package), *_names(argument.orelse, package)]
    if isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
        beginning = str(argument.values[0].value)
        return [f"{package}/{path.stem}" for path in (ROOT / package / "sql").glob(f"{beginning}*.sql")]
    return []


def test_every_file_is_asked_by_one_module_and_every_call_has_its_file() -> None:
    asked = asked_files()
    there = {f"{path.parents[1].name}/{path.stem}" for path in FILES}
    mine = {name: places for name, places in asked.items() if name.split("/")[0] in ASKING}
    assert set(mine) == there
    for name, places in mine.items():
        modules = {place.split(":")[0] for place in places}
        assert len(modules) == 1 or name in ASKED_BY_TWO, f"{name} is asked by {sorted(modules)}"


def composed_texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Texts that are put together at run time, with their variable parts left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values]
            if "?" in parts:
                yield node.lineno, "".join(parts)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            sides = [side for side in (node.left, node.right) if isinstance(side, ast.Constant)]
            yield from ((node.lineno, side.value) for side in sides if isinstance(side.value, str))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("format", "format_map", "join", "replace")
            and isinstance(node.func.value, ast.Constant)
        ):
            yield node.lineno, str(node.func.value.value)


def test_no_sql_is_put_together_in_python() -> None:
    assert not [path for path in SQLITE_FILES.glob("*.py") if "kernel.warehouse" in path.read_text(encoding="utf-8")]
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text[:60]}"
        for path in product_files()
        if SQLITE_FILES not in path.parents
        for line, text in composed_texts(ast.parse(path.read_text(encoding="utf-8")))
        if STATEMENT.search(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        'f"SELECT {column} FROM events"',
        '"SELECT %s FROM events" % column',
        '"DELETE FROM events WHERE id = " + name',
        '"INSERT INTO events SELECT {}".format(values)',
        'f"drop table {name}"',
    ],
)
def test_the_search_for_composed_sql_finds_it(code: str) -> None:
    assert any(STATEMENT.search(text) for _, text in composed_texts(ast.parse(code)))
