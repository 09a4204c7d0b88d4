"""A frame of cases of which it is known which are strange, and how well scores tell them from the others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl


def labelled(seed: int, cases: int = 600, strange: int = 30) -> tuple[pl.DataFrame, npt.NDArray[np.bool_]]:
    """Cases with skewed waits, counts and a column of text; the strange ones waited long or went through much again."""
    random = np.random.default_rng(seed)
    labels = np.zeros(cases, dtype=np.bool_)
    labels[random.choice(cases, strange, replace=False)] = True
    waits = random.lognormal(9, 0.6, cases)
    steps = random.poisson(7, cases).astype(np.float64)
    rework = random.binomial(3, 0.1, cases).astype(np.float64)
    kinds = random.integers(0, 3, cases)
    waits[labels & (kinds != 1)] *= 30
    rework[labels & (kinds != 0)] += 6
    steps[labels & (kinds != 0)] += 6
    frame = pl.DataFrame(
        {
            "case_id": [f"c{number}" for number in range(cases)],
            "wait_s": waits,
            "events": steps,
            "rework": rework.astype(np.int64),
            "handovers": random.poisson(3, cases),
            "amount": random.lognormal(4, 1, cases),
        }
    )
    return frame, labels


def roc_auc(scores: npt.NDArray[np.float64], labels: npt.NDArray[np.bool_]) -> float:
    """The chance that a strange case scores higher than another, equal scores counting half."""
    order = pl.Series(scores).rank("average").to_numpy()
    strange, others = int(labels.sum()), int((~labels).sum())
    return float((order[labels].sum() - strange * (strange + 1) / 2) / (strange * others))
