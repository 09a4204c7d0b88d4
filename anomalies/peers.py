"""Why a case is unusual: the figure by which it is farthest from its peers, beside what half and 99% of them have.

Peers are cases of the same process that are over, and where a segment is chosen of the same segment, as far as there
are enough of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from anomalies.base import Reason
from anomalies.case_features import ARROW, FEATURES, WAIT, figures
from anomalies.scaling import LogScale
from anomalies.usual_paths import AT_LEAST, UsualPaths
from kernel.timeparse import format_duration

_COUNTED = {
    "events": "has {:g} steps",
    "rework": "repeats steps {:g} times",
    "handovers": "changes hands {:g} times",
    "human_touches": "was touched by people {:g} times",
    "retries": "was tried again {:g} times",
}


class Peers:
    """The explainer of `case_features`: one line by the most distant figure, of equally distant ones the first of
    FEATURES.

    Bad when the figure that tells the trouble is not among the features, and when a case is strange by many small
    things: then it says that no figure stands out.
    """

    def __init__(self, usual: UsualPaths, reference: pl.DataFrame) -> None:
        """`reference`: features of the peers."""
        self._usual = usual
        self._scale = LogScale.of(figures(reference))
        self._order = sorted(range(len(self._scale.columns)), key=lambda place: _rank(self._scale.columns[place]))
        # Of each figure what half and 99% of the peers have, per segment.
        names = self._scale.columns
        asked = [pl.col(name).quantile(q, "linear").alias(f"{q}{name}") for name in names for q in (0.5, 0.99)]
        groups = reference.group_by("segment").agg(pl.len().alias("peers"), *asked)
        self._segments: dict[str, dict[str, Any]] = {
            row["segment"]: row for row in groups.filter(pl.col("peers") >= AT_LEAST).iter_rows(named=True)
        }
        self._whole: dict[str, Any] = reference.select(asked).row(0, named=True)

    def explain(self, frame: pl.DataFrame) -> list[Reason]:
        """One reason per row of `case_features`."""
        distances = self._scale.distances(frame)
        reasons = []
        for row, away in zip(frame.iter_rows(named=True), distances, strict=True):
            strangest = max(self._order, key=lambda place: away[place], default=None)  # of equals the first
            if strangest is None or away[strangest] <= 0:
                reasons.append(Reason("no single figure stands out, their combination does", ""))
            else:
                reasons.append(self._reason(row, self._scale.columns[strangest]))
        return reasons

    def _reason(self, row: dict[str, Any], feature: str) -> Reason:
        if feature == "slowest_excess":
            return self._waited(feature, row, row["slowest_from"], row["slowest_to"], row["slowest_wait_s"])
        # What took long is told by where it took long, when that is most of it.
        if feature == "longest_wait_s" or (feature == "duration_s" and _mostly_waited(row)):
            feature = "longest_wait_s"
            return self._waited(feature, row, row["longest_from"], row["longest_to"], row["longest_wait_s"])
        if feature.startswith(WAIT):
            source, _, target = feature.removeprefix(WAIT).partition(ARROW)
            return self._waited(feature, row, source, target, row[feature])
        half, most = self._peers_have(row, feature)
        plain = {feature: f"{row[feature]:g}", f"peers_p50_{feature}": f"{half:g}", f"peers_p99_{feature}": f"{most:g}"}
        if feature == "duration_s":
            text = (
                f"{'is open for' if row['state'] == 'open' else 'took'} {format_duration(row[feature])}; half of its "
                f"peers take {format_duration(half)}, 99% less than {format_duration(most)}"
            )
            return Reason(text, feature, figures=plain)
        if feature == "missing_steps":
            return self._lacks(row, plain)
        if feature in _COUNTED:
            text = _COUNTED[feature].format(row[feature])
            return Reason(f"{text}; half of its peers {half:g}, 99% at most {most:g}", feature, figures=plain)
        return self._rare(row, feature, plain)

    def _waited(self, feature: str, row: dict[str, Any], source: str, target: str, wait_s: float) -> Reason:
        spent = format_duration(wait_s)
        text = f"waited {spent} between {source} and {target}" if target else f"has waited {spent} since {source}"
        known: Mapping[str, Any] | None
        if target:
            known = self._usual.step(source, target, row["segment"])
            half, most = (known["p50_s"], known["p99_s"]) if known else (None, None)
        else:
            known = self._usual.activity(source)
            half, most = (known["next_p50_s"], known["next_p99_s"]) if known else (None, None)
        found = {"wait_s": f"{wait_s:.6g}"}
        if half is None or most is None:
            half, most = self._peers_have(row, "longest_wait_s")
            text += f"; the longest wait of half of its peers is {format_duration(half)}, of 99% less than "
            text += format_duration(most)
        else:
            goes = "half of its peers wait" if target else "half of its peers go on within"
            rest = "99% less than" if target else "99% within"
            text += f"; {goes} {format_duration(half)}, {rest} {format_duration(most)}"
        return Reason(
            text, feature, source, target, found | {"peers_p50_s": f"{half:.6g}", "peers_p99_s": f"{most:.6g}"}
        )

    def _lacks(self, row: dict[str, Any], plain: dict[str, str]) -> Reason:
        name, more = row["missing_step"], int(row["missing_steps"]) - 1
        known = self._usual.activity(name)
        share = known["share"] if known else 1.0
        others = f" and {more} more of the usual steps" if more else ""
        text = f"went without {name}{others}, which {_percent(share)} of its peers have"
        return Reason(text, "missing_steps", name, figures=plain | {"peers_share": f"{share:.6g}"})

    def _rare(self, row: dict[str, Any], feature: str, plain: dict[str, str]) -> Reason:
        share = 2.0 ** -row[feature]
        plain = plain | {"peers_share": f"{share:.6g}"}
        if feature == "variant_bits":
            return Reason(
                f"took its steps in an order that {_percent(share)} of its peers have", feature, figures=plain
            )
        if feature == "mean_bits":
            half, _ = self._peers_have(row, feature)
            text = (
                f"took rare turns: on average {_percent(share)} of its peers go on so, where usual paths have "
                f"{_percent(2.0**-half)}"
            )
            return Reason(text, feature, figures=plain)
        source, target = row["rarest_from"], row["rarest_to"]
        if not source:
            text = f"began with {target}, as {_percent(share)} of its peers do"
        elif not target:
            text = f"ended with {source}, as {_percent(share)} of those that come to it do"
        else:
            text = f"went from {source} to {target}, as {_percent(share)} of its peers do after {source}"
        return Reason(text, feature, source, target, plain)

    def _peers_have(self, row: dict[str, Any], feature: str) -> tuple[float, float]:
        """What half and 99% of the peers have at most."""
        group = self._segments.get(row["segment"], self._whole)
        half, most = group[f"0.5{feature}"], group[f"0.99{feature}"]
        if half is None or most is None:
            half, most = self._whole[f"0.5{feature}"], self._whole[f"0.99{feature}"]
        return float(half), float(most)


def _mostly_waited(row: Mapping[str, Any]) -> bool:
    """Whether one wait makes up more than half of the case."""
    return bool(row["longest_wait_s"] is not None and row["longest_wait_s"] > row["duration_s"] / 2)


def _rank(column: str) -> tuple[int, str]:
    return (FEATURES.index(column) if column in FEATURES else 0, column)


def _percent(share: float) -> str:
    if share >= 0.0995:
        return f"{100 * share:.0f}%"
    return f"{100 * share:.1f}%" if share >= 0.0005 else "hardly any"
