"""The figures of `make faults` as Markdown, and their place in benchmarks/README.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"


def render(found: dict[str, Any]) -> str:
    parts = []
    runs = found.get("campaigns", {})
    if runs:
        parts += [_campaigns(runs), _by_fault(runs.values())]
    if "power" in found:
        power = found["power"]
        parts.append(
            f"Power cuts of the spool: {power['cuts']:,}, at acknowledgements and between, in "
            f"{power['recorded_calls']:,} recorded writes and syncs; {len(power['lost'])} of them lost what was "
            "acknowledged.\n"
        )
    if "sabotages" in found:
        parts.append(_sabotages(found["sabotages"]))
    if "machine" in found:
        parts.append("Machine: " + ", ".join(f"{name} {value}" for name, value in found["machine"].items()) + ".\n")
    return "\n".join(parts)


def put_into(readme: Path, found: dict[str, Any]) -> None:
    """Replace what stands between the two marks of the file; ValueError where they are not there."""
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{readme.name}: expected the marks {BEGIN} and {END}, once each")
    before, rest = text.split(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n{render(found)}{END}{rest.split(END)[1]}", encoding="utf-8")


def _campaigns(runs: dict[str, dict[str, Any]]) -> str:
    names = ("events_acknowledged", "faults", "requests", "requests_of_unknown_outcome", "in_quarantine", "starts")
    rows = []
    for seed, run in runs.items():
        low, high = run["load_average"]
        ready = f"{run['ready_s_median']} / {run['ready_s_longest']}"
        counts = [f"{run[name]:,}" for name in names]
        rows.append([seed, run["measured_at"][:16], *counts, ready, f"{low} to {high}", str(len(run["violations"]))])
    heads = ("seed", "measured", "events acknowledged", "faults", "requests", "of unknown outcome", "in quarantine")
    return _table((*heads, "starts", "ready s, median / longest", "load average", "violations"), rows)


def _by_fault(runs: Iterable[dict[str, Any]]) -> str:
    total: Counter[str] = Counter()
    for run in runs:
        total.update(run["by_fault"])
    return _table(("fault", "times"), [[name, f"{times:,}"] for name, times in sorted(total.items())])


def _sabotages(found: dict[str, dict[str, Any]]) -> str:
    rows = [
        [name, one["scene"], "yes" if one["caught"] else "**no**", ", ".join(one["by"])] for name, one in found.items()
    ]
    return _table(("planted defect", "scene", "caught", "laws violated"), rows)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(heads)
    lines = [names, ["---"] * len(names), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
