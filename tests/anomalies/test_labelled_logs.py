"""Scorers on logs in which somebody made cases strange and labelled them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from labelled_cases import roc_auc
from logs import Happened, case_ref, frame, stored

from anomalies.case_features import case_features, figures
from anomalies.isolation_forest import IsolationForest
from anomalies.robust_z import RobustZ
from anomalies.usual_paths import learn_usual_paths
from benchmarks.labelled_logs import ATTRIBUTE, FAR, NORMAL, read_log
from kernel.clock import Clock
from kernel.warehouse import Warehouse
from mining.filters import EVERYTHING

CASES = 500


def test_scorers_tell_strange_paths(data_dir: Path, warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    path = data_dir / "labelled" / "small-0.10-1.json.gz"
    if not path.is_file():
        pytest.skip(f"no labelled log at {path}")
    log, labels = read_log(path)
    events = [
        Happened(activity, at, (case_ref(case),), actor=actor)
        for case, activity, at, actor in log.filter(pl.col("case") < f"{CASES:05}").iter_rows()
    ]
    view = stored(warehouse, clock, tenant, frame(events))
    rows = case_features(view, learn_usual_paths(view, FAR, EVERYTHING), FAR)
    assert rows.height == CASES
    told = np.array([labels[case] for case in rows["case_id"]])
    known = figures(rows)
    rest = told != ATTRIBUTE  # a changed attribute changes no path
    for scorer in (IsolationForest(trees=60), RobustZ()):
        scores = scorer.fit(known).score(known)
        assert roc_auc(scores[rest], told[rest] != NORMAL) > 0.95
        assert roc_auc(scores, told != NORMAL) > 0.8
    assert roc_auc(np.random.default_rng(1).random(CASES), told != NORMAL) == pytest.approx(0.5, abs=0.1)
