"""`make faults`: the long run, its figures to a file. Code 1 when anything was lost or a defect not caught."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from faults.campaign import Campaign, Tally, commit_of, power_cuts, sabotages
from faults.pipeline import ROOT
from faults.report import put_into

from benchmarks.measuring import machine

OUT = ROOT / "benchmarks" / "faults.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="events to be acknowledged, at least")
    parser.add_argument("--faults", type=int, default=220)
    parser.add_argument("--cuts", type=int, default=2_000, help="power cuts of the spool")
    parser.add_argument("--seed", type=int, default=1, help="of the campaign; campaigns of other seeds are kept")
    parser.add_argument("--only", choices=["campaign", "power", "sabotages"], action="append")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    only = options.only or ["campaign", "power", "sabotages"]
    found: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    at = {"measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds"), "commit": commit_of(ROOT)}
    found |= {"machine": machine()}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gembascope-faults-") as name:
        folder = Path(name)
        if "power" in only:
            found["power"] = at | power_cuts(folder / "power", options.cuts, options.seed)
            say(f"power: {found['power']['cuts']} cuts, {len(found['power']['lost'])} lost something")
        if "sabotages" in only:
            found["sabotages"] = sabotages(folder, say)
        if "campaign" in only:

            def keep(tally: Tally) -> None:
                seconds = {"seconds": round(time.monotonic() - begun)}
                found.setdefault("campaigns", {})[str(options.seed)] = at | tally.document() | seconds
                write(options.out, found)

            asked = {"events": options.events, "faults": options.faults, "seed": options.seed}
            keep(Campaign(folder, **asked, say=say, keep=keep).run())
    write(options.out, found)
    if options.out == OUT:
        put_into(OUT.with_name("README.md"), found)
    lost = [one for run in found.get("campaigns", {}).values() for one in run["violations"]]
    lost += found.get("power", {}).get("lost", [])
    missed = [name for name, one in found.get("sabotages", {}).items() if not one["caught"]]
    return 1 if lost or missed else 0


def write(path: Path, found: dict[str, Any]) -> None:
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
