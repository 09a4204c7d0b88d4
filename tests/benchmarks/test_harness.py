"""The benchmark harness: engines agree on a small log, and a run fails when they do not. No times are asserted."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import polars as pl
import pytest

from benchmarks import synthetic
from benchmarks.__main__ import main
from benchmarks.agreement import Agreement, Disagreement
from benchmarks.answers import edge_facts, handover_facts, variant_facts, wait_facts
from benchmarks.figures import Figure, Results, Section, figures, read, write
from benchmarks.goals import GOALS
from benchmarks.measuring import Row, measured
from benchmarks.plan import Plan, Run, WorkerFailed, run_job
from benchmarks.report import BEGIN, END, put_into, render
from benchmarks.worker import ENGINES, Job

EVENTS = 2_000
HERE = tuple(name for name in ENGINES if name == "gembascope" or importlib.util.find_spec(name) is not None)
"""The engines that are installed: r4pm and duckdb come with `make bench`."""


@pytest.fixture(scope="module")
def measured_sections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Section]:
    plan = Plan(
        events=EVENTS,
        folder=tmp_path_factory.mktemp("bench"),
        rounds=1,
        repetitions=1,
        engines=HERE,
        only=("load", "map", "variants", "durations", "handover", "refresh", "live", "xes"),
        say=lambda line: None,
    )
    return {section.name: section for section in Run(plan).sections()}


def test_engines_agree_and_every_section_has_its_figures(measured_sections: dict[str, Section]) -> None:
    assert list(measured_sections) == ["load", "map", "variants", "durations", "handover", "refresh", "live", "xes"]
    for name in ("map", "variants", "durations", "handover"):
        task = {"map": "map_frequency"}.get(name, name)
        for engine in ("gembascope", "polars", "pm4py"):
            assert measured_sections[name].figure(task, engine) is not None
    for task in ("refresh_recent", "refresh_scattered", "rebuild"):
        assert measured_sections["refresh"].figure(task, "gembascope") is not None
    for task in ("live_queryable", "live_ack_p99", "live_case"):
        assert measured_sections["live"].figure(task, "gembascope") is not None
    assert measured_sections["xes"].figure("xes", "pm4py") is not None


def test_costs_are_measured(measured_sections: dict[str, Section]) -> None:
    rows = [row for section in measured_sections.values() for row in section.rows]
    assert all(row.cpu_s >= 0 and row.wall_s > 0 for row in rows)
    assert all(row.peak_mb > 10 for row in rows if row.peak_mb)


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    job = Job("questions", "polars", ("map_frequency",), log=str(tmp_path / "absent.parquet"))
    with pytest.raises(WorkerFailed, match=r"absent\.parquet"):
        run_job(job)


def test_the_log_is_the_same_each_time_and_grows_within_each_case() -> None:
    log = synthetic.log(EVENTS)
    assert log.equals(synthetic.log(EVENTS))
    assert log["timestamp"].is_sorted()
    gaps = log.with_columns(gap=pl.col("timestamp").diff().over("case_id")).drop_nulls("gap")["gap"]
    assert gaps.min() > pl.Series([0]).cast(pl.Duration("us")).item()
    starts = log.group_by("case_id").agg(pl.col("timestamp").min()).sort("case_id")
    assert starts["timestamp"].is_sorted()


def test_copies_follow_each_other_with_cases_of_their_own() -> None:
    log = synthetic.log(EVENTS)
    assert synthetic.copy_of(log, 0).equals(log)
    copy = synthetic.copy_of(log, 1)
    assert copy["timestamp"].min() > log["timestamp"].max()  # type: ignore[operator]  # polars types a minimum loosely
    assert copy["case_id"].min() > log["case_id"].max()  # type: ignore[operator]  # as above


@pytest.mark.parametrize("scattered", [True, False])
def test_new_events_come_after_all_others_and_touch_so_many_cases(scattered: bool) -> None:
    log = synthetic.log(EVENTS)
    cases = log["case_id"].n_unique()
    new = synthetic.new_events(cases, 20, scattered=scattered, copies=1, seed=0)
    assert new.height == 40
    assert new["case_id"].n_unique() == 20
    assert new["timestamp"].min() > log["timestamp"].max()  # type: ignore[operator]  # polars types a minimum loosely
    assert set(new["case_id"]) <= set(log["case_id"])
    recent = set(log["case_id"].unique().sort().tail(20))
    assert (set(new["case_id"]) == recent) is not scattered


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (edge_facts({("A", "B"): 2, ("B", "C"): 1}), edge_facts({("A", "B"): 1, ("B", "C"): 2})),
        (edge_facts({("A", "B"): 2}), edge_facts({("B", "A"): 2})),
        (variant_facts([("AB", 3)]), variant_facts([("BA", 3)])),
        (wait_facts({("A", "B"): {"p50": 10.0}}), wait_facts({("A", "B"): {"p50": 10.1}})),
        (handover_facts({("a", "b"): 1, ("b", "a"): 3}), handover_facts({("a", "b"): 0.5, ("b", "a"): 0.5})),
    ],
)
def test_a_disagreement_is_found(one: dict[str, object], other: dict[str, object]) -> None:
    agreement = Agreement()
    agreement.take("one", "task", one)
    agreement.take("again", "task", one)
    with pytest.raises(Disagreement, match="other and one disagree"):
        agreement.take("other", "task", other)


def test_agreement_looks_past_rounding_and_missing_facts() -> None:
    agreement = Agreement()
    agreement.take("one", "map_frequency", {"edges": 1, "mean_s": [3.0]})
    agreement.take("two", "map_frequency_paths", {"edges": 1, "mean_s": [3.0 + 1e-9]})
    agreement.take("three", "map_frequency", {"edges": 1})
    with pytest.raises(Disagreement, match="edges"):
        agreement.take("four", "map_frequency_paths", {"edges": 2})


def _section(events: int = 10_000_000, **cpu_s: float) -> Section:
    found = [Figure("map_frequency", engine, 1, cpu, cpu, 100.0) for engine, cpu in cpu_s.items()]
    return Section("map", events, {"events": events}, {"cores": "2"}, "2026-03-01T00:00:00+00:00", (0.1, 0.2), found)


def test_medians_and_the_highest_peak() -> None:
    rows = [Row("task", "one", cpu, 2 * cpu, peak, 1.0) for cpu, peak in ((1.0, 5.0), (9.0, 7.0), (2.0, 6.0))]
    assert figures(rows) == [Figure("task", "one", 3, 2.0, 4.0, 7.0)]


def test_results_survive_their_file_and_a_newer_section_replaces_the_older(tmp_path: Path) -> None:
    results = Results()
    for events, cpu in ((10, 1.0), (20, 2.0), (10, 3.0)):
        results.put(_section(events, gembascope=cpu))
    write(results, tmp_path / "results.json")
    again = read(tmp_path / "results.json")
    assert again == results
    assert [(section.events, section.figures[0].cpu_s) for section in again.sections] == [(20, 2.0), (10, 3.0)]
    assert read(tmp_path / "absent.json") == Results()


def test_goals_are_listed_as_reached_missed_or_not_measured() -> None:
    results = Results()
    results.put(_section(gembascope=1.0, pm4py=200.0, r4pm=10.0))
    verdicts = {goal.what: goal.verdict(results) for goal in GOALS}
    assert verdicts["map_frequency: pm4py takes at least 150 times the CPU"] == (200.0, "reached")
    assert verdicts["map_frequency: r4pm takes at least 20 times the CPU"] == (10.0, "missed")
    assert verdicts["map_frequency: at most 1.5 times the CPU of polars"] == (None, "not measured")
    assert "| map_frequency: r4pm takes at least 20 times the CPU | 10,000,000 | 10 | missed |" in render(results)


def _own(name: str, events: int, **figures: tuple[float, float]) -> Section:
    """A section of tasks of our own: CPU and wall seconds alike, and peak."""
    found = [Figure(task, "gembascope", 1, took, took, peak) for task, (took, peak) in figures.items()]
    return Section(name, events, {"events": events}, {"cores": "2"}, "2026-03-01T00:00:00+00:00", (0.1, 0.2), found)


def test_goals_of_speed_growth_and_memory_are_figures_of_our_own() -> None:
    results = Results()
    results.put(_own("load", 10_000_000, csv_queryable=(50.0, 100.0)))
    results.put(_own("refresh", 10_000_000, refresh_recent=(1.0, 100.0), rebuild=(9.0, 1_537.0)))
    results.put(_own("large", 50_000_000, refresh_recent=(1.2, 100.0)))
    results.put(_own("xes", 1_000_000, xes_opened=(0.1, 300.0), xes_stored=(9.0, 401.0)))
    verdicts = {goal.what: goal.verdict(results) for goal in GOALS}
    assert verdicts["csv_queryable: at least 250,000 events per second"] == (200_000.0, "missed")
    assert verdicts["rebuild: at most 1.5 GiB"] == (1_537.0, "missed")
    assert verdicts["refresh_recent: at most 1.2 times the CPU that it takes at 10,000,000 events"] == (1.2, "reached")
    assert verdicts["xes_stored: at most 100 MB above the opened engine"] == (101.0, "missed")
    assert "| 10,000,000 | 200,000 | missed |" in render(results)


def test_growth_is_of_one_machine() -> None:
    [growth] = [goal for goal in GOALS if goal.section == "large"]
    results = Results()
    small = _own("refresh", 10_000_000, refresh_recent=(1.0, 100.0))
    small.machine["system"] = "another"
    results.put(small)
    results.put(_own("large", 50_000_000, refresh_recent=(1.2, 100.0)))
    assert growth.verdict(results) == (None, "not measured")


def test_the_table_goes_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    results = Results()
    results.put(_section(gembascope=2.0, polars=1.0))
    for _ in range(2):
        put_into(page, results)
        text = page.read_text(encoding="utf-8")
        assert text == f"before\n{BEGIN}\n{render(results)}{END}\nafter\n"
        assert "| map_frequency | polars | 1.000 | 1.000 | 100 | 0.50 | 1 |" in text
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="expected the marks"):
        put_into(page, results)


def test_cpu_counts_work_and_not_waiting() -> None:
    answer, row = measured("task", "one", lambda: sum(range(100_000)))
    assert answer == sum(range(100_000))
    assert (row.task, row.engine) == ("task", "one")
    assert row.cpu_s > 0


def test_words_that_are_none_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--only", "maps", "--out", str(tmp_path / "r.json")]) == 2
    assert "'maps' is not one of" in capsys.readouterr().err
