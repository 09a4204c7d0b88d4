"""`python -m benchmarks.labelled_logs FOLDER`: how well scorers tell the cases that somebody made strange from the
others.

FOLDER holds logs `*.json.gz` with a label per case (normal, or how it was made strange: steps skipped, inserted,
repeated, too early or too late, or another value of an attribute). Every scorer is fitted on all cases of a log, labels
unseen, and scores them all. The figure is ROC-AUC: the chance that a strange case scores higher than a normal one; 0.5
is chance. Logs without times get made-up ones that keep the order, a minute apart, so there waits tell nothing.

Yardsticks: a random score; the number of events by its distance from the median; the rarity of the variant; and what
pm4py's documentation shows: scikit-learn's isolation forest over the features that pm4py extracts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

import gembascope
from anomalies.base import Scores
from anomalies.case_features import case_features, figures
from anomalies.isolation_forest import IsolationForest
from anomalies.robust_z import RobustZ
from anomalies.usual_paths import learn_usual_paths
from kernel.clock import SystemClock
from kernel.process import Processes
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from mining.filters import EVERYTHING
from mining.view import Views

TENANT = "local"
PROCESS = "labelled"
BEGIN = datetime(2024, 1, 1, tzinfo=timezone.utc)
FAR = datetime(2100, 1, 1, tzinfo=timezone.utc)
NORMAL = "normal"
ATTRIBUTE = "Attribute"
"""Another value of an attribute: nothing that features of a path could tell."""

Labels = dict[str, str]


def read_log(path: Path) -> tuple[pl.DataFrame, Labels]:
    """One row per event with case, activity, time and actor ("" where there is none), in order; and a label per
    case."""
    content = json.loads(gzip.decompress(path.read_bytes()))
    rows: list[tuple[str, str, datetime, str]] = []
    labels: Labels = {}
    for number, case in enumerate(content["cases"]):
        name = f"{number:05}"
        label = case["attributes"]["label"]
        labels[name] = label["anomaly"] if isinstance(label, dict) else label
        at = BEGIN + timedelta(minutes=number)
        for event in case["events"]:
            told = event["timestamp"]
            # What was inserted has no time of its own: a microsecond after the event before it.
            at = datetime.fromisoformat(told).astimezone(timezone.utc) if told else at + _apart(case)
            actor = event["attributes"].get("user") or event["attributes"].get("org:resource") or ""
            rows.append((name, event["name"], at, str(actor)))
    frame = pl.DataFrame(rows, schema=["case", "activity", "time", "actor"], orient="row")
    return frame, labels


def _apart(case: dict[str, Any]) -> timedelta:
    timed = any(event["timestamp"] for event in case["events"])
    return timedelta(microseconds=1) if timed else timedelta(minutes=1)


def roc_auc(scores: Scores, strange: npt.NDArray[np.bool_]) -> float:
    """The chance that a strange case scores higher than another, equal scores counting half."""
    ranks = pl.Series(scores).rank("average").to_numpy()
    many, others = int(strange.sum()), int((~strange).sum())
    return float((ranks[strange].sum() - many * (many + 1) / 2) / (many * others))


def features_of(log: pl.DataFrame, home: Path) -> pl.DataFrame:
    """The features of all cases of the log, by case id, by way of a warehouse in `home`."""
    table = home / "log.csv"
    log.with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).write_csv(table)
    with gembascope.connect(home) as workspace:
        columns = {"case": "case", "activity": "activity", "time": "time", "actor": "actor"}
        workspace.ingest(table, process=PROCESS, mapping=columns)
    with Warehouse(load_settings(home=home)) as warehouse:
        view = Views(warehouse, TENANT, Processes(home, TENANT), SystemClock()).view(PROCESS)
        usual = learn_usual_paths(view, FAR, EVERYTHING)
        return case_features(view, usual, FAR)


def yardsticks(log: pl.DataFrame, cases: list[str]) -> dict[str, Scores]:
    """Scores of those that know nothing of ours, in the order of `cases`."""
    paths = dict(log.group_by("case", maintain_order=True).agg(pl.col("activity")).iter_rows())
    known = Counter(tuple(path) for path in paths.values())
    lengths = np.array([len(paths[name]) for name in cases], dtype=np.float64)
    return {
        "random": np.random.default_rng(1).random(len(cases)),
        "length": np.abs(lengths - np.median(lengths)),
        "variant": np.array([-float(known[tuple(paths[name])]) for name in cases]),
        "pm4py": _pm4py(log, cases),
    }


def _pm4py(log: pl.DataFrame, cases: list[str]) -> Scores:
    import pm4py
    from sklearn.ensemble import IsolationForest as Forest

    names = {"case": "case:concept:name", "activity": "concept:name", "time": "time:timestamp", "actor": "org:resource"}
    frame = log.rename(names).to_pandas()
    found = pm4py.extract_features_dataframe(
        frame, str_tr_attr=[], str_ev_attr=["concept:name"], num_tr_attr=[], num_ev_attr=[]
    )
    order = list(dict.fromkeys(log["case"].to_list()))  # its rows are those of the log's cases
    columns = found.select_dtypes("number")
    scored = dict(zip(order, -Forest(random_state=1).fit(columns.values).score_samples(columns.values), strict=True))
    return np.array([scored[name] for name in cases])


def measured(path: Path) -> list[dict[str, Any]]:
    """One row per scorer: `log`, `scorer`, `auc` over all cases and `auc_paths` without changed attributes."""
    log, labels = read_log(path)
    with tempfile.TemporaryDirectory(prefix="gembascope-labelled-") as folder:
        rows = features_of(log, Path(folder))
    cases = rows["case_id"].to_list()
    frame = figures(rows)
    scores: dict[str, Scores] = {
        "IsolationForest": IsolationForest().fit(frame).score(frame),
        "RobustZ": RobustZ().fit(frame).score(frame),
        **yardsticks(log, cases),
    }
    told = np.array([labels[name] for name in cases])
    paths = told != ATTRIBUTE
    return [
        {
            "log": path.name.removesuffix(".json.gz"),
            "scorer": name,
            "auc": roc_auc(found, told != NORMAL),
            "auc_paths": roc_auc(found[paths], told[paths] != NORMAL),
        }
        for name, found in scores.items()
    ]


def main(arguments: list[str] | None = None) -> int:
    """Print a table of all logs of the folder; 0 when all were measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.labelled_logs", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of logs *.json.gz with labels")
    parser.add_argument("--only", default="", help="names of logs, with commas between; all by default")
    options = parser.parse_args(arguments)
    only = [name for name in options.only.split(",") if name]
    logs = [path for path in sorted(options.folder.glob("*.json.gz")) if not only or path.stem[:-5] in only]
    if not logs:
        print(f"no labelled logs in {options.folder}", file=sys.stderr)
        return 2
    rows = pl.DataFrame([row for path in logs for row in measured(path)])
    for value, title in (("auc", "all cases"), ("auc_paths", "without changed attributes")):
        wide = rows.pivot("scorer", index="log", values=value)
        print(f"\nROC-AUC, {title}\n")
        print("| " + " | ".join(wide.columns) + " |")
        print("|" + " --- |" * len(wide.columns))
        for row in wide.iter_rows():
            print(f"| {row[0]} | " + " | ".join(f"{found:.3f}" for found in row[1:]) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
