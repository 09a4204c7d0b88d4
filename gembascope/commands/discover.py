"""`gembascope discover`: a model of the process, as a file for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gembascope.commands.options import console, reading
from kernel.errors import InputError
from mining.answers import Document

app = typer.Typer()
KINDS = ("bpmn", "pnml", "svg")


def _options(out: Path | None, noise: float) -> dict[str, str]:
    if out is not None and out.suffix.lstrip(".") not in KINDS:
        raise InputError(f"out: {out.name!r} must end in .bpmn, .pnml or .svg")
    return {"noise": str(noise)}


@reading(app, "discover", _options)
def discover_(
    found: Document,
    process: str,
    out: Annotated[Path | None, typer.Option("--out", help="File to write: .bpmn, .pnml or .svg.")] = None,
    noise: Annotated[float, typer.Option(help="Share of rare behaviour left out, 0 to 1.", min=0, max=1)] = 0.0,
) -> None:
    """Discover a model: BPMN, PNML or SVG."""
    if out is None:
        console().print(found["process_tree"])
        return
    out.write_text(found[out.suffix.lstrip(".")], encoding="utf-8")
    console().print(f"wrote {out}")
