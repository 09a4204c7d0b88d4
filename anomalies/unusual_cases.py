"""Cases unlike their peers: features, scored, filtered and explained."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import polars as pl

from anomalies.base import Explainer, Filter, Reason, Scorer
from anomalies.case_features import case_features, figures, is_wait
from anomalies.circumstances import Circumstances, versions
from anomalies.filters import QuantileFilter
from anomalies.isolation_forest import IsolationForest
from anomalies.peers import Peers
from anomalies.rule_models import UnusualCaseRule
from anomalies.usual_paths import UsualPaths, learn_usual_paths
from anomalies.usual_wait import NotLearned
from kernel.findings import Evidence, Finding, Kind
from mining.filters import CaseFilter
from mining.view import ProcessView

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class UsualCases:
    """What is usual, as learned at an instant: everything that `unusual_cases` needs."""

    usual: UsualPaths
    scorer: Scorer
    filter: Filter
    explainer: Explainer
    peers: int
    learned_at: datetime


@dataclass(frozen=True, slots=True)
class UnusualCases:
    """What the rule found."""

    findings: tuple[Finding, ...]
    """Open cases first, then by score, the strangest first, then by case id."""
    looked_at: int
    left_out: int
    """Cases that scored as high as findings do and are none, for there would be too many."""
    not_learned: tuple[str, ...] = ()


def learn_usual_cases(
    view: ProcessView, rule: UnusualCaseRule, now: datetime, flagged: Collection[str] = ()
) -> UsualCases | NotLearned:
    """What the cases that began in the `learn_from` before `now`, and are over by then, have in common.

    `flagged`: ids of cases that do not teach, since they are found unusual now. Those that were so once do: without
    them a quantile of the others would flag ever more. It takes seconds and changes slowly: once a day is enough.
    """
    reference = CaseFilter(since=now - rule.learn_from, until=now)
    usual = learn_usual_paths(view, now, reference, rule.segment, flagged)
    peers = case_features(view, usual, now, reference)
    peers = peers.filter((pl.col("state") != "open") & ~pl.col("case_id").is_in(list(flagged)))
    if peers.height < rule.at_least:
        return NotLearned(
            f"{rule.id}: {peers.height} cases of {view.definition.id} that began since "
            f"{now - rule.learn_from:%Y-%m-%d} are over and can teach; {rule.at_least} are needed"
        )
    fitted = IsolationForest(seed=rule.seed).fit(figures(peers))
    decide = QuantileFilter(rule.quantile, most=rule.most_share, at_least=rule.at_least)
    decide.learn(fitted.score(figures(peers)))
    return UsualCases(usual, fitted, decide, Peers(usual, peers), peers.height, now)


def unusual_cases(
    view: ProcessView, rule: UnusualCaseRule, learned: UsualCases | NotLearned, around: Circumstances
) -> UnusualCases:
    """The findings of the rule at `around.now`: of the cases that are open, and of those that ended within `recent`.

    A finding is anchored at the start of its case, so a case is found once by a rule. Cases that are strange by the
    same figure, at the same step, have one cause. An open case is compared with cases that are over: by its age and
    waits so far, not by what it has yet to do.
    """
    if isinstance(learned, NotLearned):
        return UnusualCases((), 0, 0, (learned.reason,))
    rows = _candidates(view, rule, learned.usual, around.now)
    scores = learned.scorer.score(figures(rows))
    above = int(learned.filter.above(scores).sum())
    flagged = rows.with_columns(pl.Series("score", scores)).filter(pl.Series(learned.filter.flag(scores)))
    flagged = flagged.with_columns((pl.col("state") != "open").alias("over"))
    flagged = flagged.sort("over", "score", "case_id", descending=[False, True, False]).head(rule.most_findings)
    reasons = learned.explainer.explain(flagged)
    found = tuple(
        _finding(view, rule, learned, around, row, reason)
        for row, reason in zip(flagged.iter_rows(named=True), reasons, strict=True)
    )
    return UnusualCases(found, rows.height, above - len(found))


def _candidates(view: ProcessView, rule: UnusualCaseRule, usual: UsualPaths, now: datetime) -> pl.DataFrame:
    """Features of the cases that are open at `now` or ended within `recent`, by case id."""
    just_past = now + _INSTANT
    active = case_features(view, usual, now, CaseFilter(since=now, until=just_past, anchor="active"))
    ended = case_features(view, usual, now, CaseFilter(since=now - rule.recent, until=just_past, anchor="ended"))
    rows = pl.concat([active, ended]).unique("case_id", keep="first", maintain_order=True)
    return rows.filter((pl.col("state") == "open") | (pl.col("last_at") >= now - rule.recent)).sort("case_id")


def _finding(
    view: ProcessView,
    rule: UnusualCaseRule,
    learned: UsualCases,
    around: Circumstances,
    row: dict[str, object],
    reason: Reason,
) -> Finding:
    process, case_id = view.definition.id, str(row["case_id"])
    attributes = msgspec.json.decode(str(row["attributes"]), type=dict[str, str])
    step = " → ".join(name for name in (reason.source, reason.target) if name)
    owner, dependency = around.owners(attributes, process, reason.target or reason.source)
    value, currency = around.price(attributes)
    started, last, due = row["started_at"], row["last_at"], row["due_at"]
    score = row["score"]
    if not isinstance(started, datetime) or not isinstance(last, datetime) or not isinstance(score, float):
        raise TypeError("features have a start, a last event and a score")
    waits = is_wait(reason.feature) and not reason.target
    return Finding(
        tenant=view.tenant,
        kind=Kind.UNUSUAL_CASE,
        rule=rule.id,
        process=process,
        case_id=case_id,
        store=around.store(attributes),
        cause=f"{Kind.UNUSUAL_CASE}/{process}/{'wait' if is_wait(reason.feature) else reason.feature}/{step}",
        anchor=started.isoformat(),
        severity=rule.severity,
        title=f"{case_id} {reason.text}",
        suspect=step,
        owner=owner,
        dependency_owner=dependency,
        since=last if waits else started,
        detected_at=around.now,
        deadline=due if isinstance(due, datetime) and due > around.now and row["state"] == "open" else None,
        value=value,
        currency=currency,
        score=score,
        evidence=Evidence(
            query="case_features",
            parameters={
                "cut": around.now.isoformat(),
                "feature": reason.feature,
                "scorer": type(learned.scorer).__name__,
                "peers": str(learned.peers),
                "learned_at": learned.learned_at.isoformat(),
                **reason.figures,
            },
            watermark=last,
            definitions=versions(view.definition, rule.id, rule.version),
        ),
    )
