"""The command line as a person meets it: help, documents, errors, and a load that is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from commands_here import Home, lent
from examples import stride
from troubled_home import define
from typer.testing import CliRunner

from gembascope.cli import COMMANDS, app
from kernel.warehouse import Warehouse

ROOT = Path(__file__).resolve().parent.parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GEMBASCOPE_")}
    return kept | {"GEMBASCOPE_HOME": str(home), "COLUMNS": "200", "NO_COLOR": "1"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def command(*words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-m", "gembascope.cli", *words]
        env = environment(home or tmp_path / "home")
        return subprocess.run(arguments, capture_output=True, text=True, env=env, timeout=120, check=False)

    return command


@pytest.fixture
def home(warehouse: Warehouse, tenant: str, tmp_path: Path) -> Iterator[Home]:
    """A new home, whose commands run in this process."""
    with lent(warehouse):
        yield Home(tmp_path / "home", tenant)


def small_log(path: Path, rows: int = 40) -> Path:
    steps = ["Placed", "Paid", "Shipped", "Delivered"]
    frame = pl.DataFrame(
        {
            "case_id": [f"SO-{row // 4:06}" for row in range(rows)],
            "activity": [steps[row % 4] for row in range(rows)],
            "timestamp": [f"2026-01-{1 + row % 28:02}T{row % 24:02}:00:00Z" for row in range(rows)],
            "resource": [f"clerk-{row % 7}" for row in range(rows)],
        }
    )
    frame.write_csv(path)
    return path


def test_a_load_tells_which_definitions_were_too_wrong_to_be_brought_up_to_date(home: Home, tmp_path: Path) -> None:
    log = small_log(tmp_path / "orders.csv")
    processes = home.definitions / "processes"
    processes.mkdir(parents=True)
    (processes / "returns.yaml").write_text("id: returns\nobject_type: return\nowners: nobody\n")
    ended = home.run("ingest", str(log), "--process", "orders", "--guess")
    assert ended.returncode == 0, ended.stderr
    assert "40 stored" in ended.stdout
    told = [line for line in ended.stdout.splitlines() if line.startswith("not brought up to date: ")]
    assert len(told) == 1
    assert "returns.yaml:3: " in told[0]
    document = home.asked("ingest", str(log), "--process", "orders", "--guess")
    assert [told[0].partition(": ")[2]] == document["files"][0]["definition_problems"]


def test_help_lists_every_command_in_a_blink(run: Run) -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for name, (_, summary) in COMMANDS.items():
        assert name in shown.stdout
        assert summary.split()[0] in shown.stdout


def test_an_error_is_what_the_process_ends_with(run: Run) -> None:
    ended = run("log", "orders")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr == "gembascope: no process 'orders'; none is loaded yet\n"


def test_each_command_says_what_the_table_says() -> None:
    """In this process: as one of its own each would load the same libraries again."""
    width = {"COLUMNS": "200", "TERMINAL_WIDTH": "200", "NO_COLOR": "1"}
    for name, (_, summary) in COMMANDS.items():
        shown = CliRunner().invoke(app, [name, "--help"], env=width)
        assert shown.exit_code == 0, shown.output
        assert summary in re.sub(r"[\s│]+", " ", shown.output), name


def test_a_load_is_told_and_answers_follow(home: Home, tmp_path: Path) -> None:
    log = small_log(tmp_path / "orders.csv")
    refused = home.run("ingest", str(log), "--process", "orders")
    assert refused.returncode == 3
    assert "--case case_id --activity activity --time timestamp" in refused.stderr
    loaded = home.run("ingest", str(log), "--process", "orders", "--guess", "--json")
    assert loaded.returncode == 0, loaded.stderr
    report = json.loads(loaded.stdout)
    assert {name: report[name] for name in ("received", "stored", "duplicate", "quarantined", "refused")} == {
        "received": 40,
        "stored": 40,
        "duplicate": 0,
        "quarantined": 0,
        "refused": 0,
    }
    again = home.asked("ingest", str(log), "--process", "orders", "--guess")
    assert (again["stored"], again["duplicate"]) == (0, 40)
    summary = home.asked("log", "orders")
    assert (summary["cases"], summary["events"], summary["activities"]) == (10, 40, 4)
    shown = home.run("variants", "orders")
    assert "variants" in shown.stdout
    assert "Placed" in shown.stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("nonsense",), 2, "No such command"),
        (("log",), 2, "Missing argument"),
        (("log", "orders"), 3, "no process 'orders'; none is loaded yet"),
        (("ingest", "nowhere.csv", "--process", "orders"), 3, "nowhere.csv: there is no such file"),
        (("ingest", "x.csv", "--process", "Not An Id"), 3, "cannot be an id"),
        (("ingest", "x.csv", "--process", "p", "--max-bad", "many"), 3, "max-bad: 'many' is not a share"),
        (("ingest", "x.csv", "--process", "p", "--timezone", "Mars/Base"), 3, "no time zone is called 'Mars/Base'"),
        (("users", "add", "a b", "--role", "viewer"), 3, "a name to sign in with"),
        (("users", "add", "ana", "--role", "king"), 3, "'king' is no role; there are viewer, analyst"),
        (("users", "add", "ana", "--role", "viewer:"), 3, "name the process after the colon"),
        (("runs", "show", "none"), 3, "there is no run 'none'"),
        (("users", "disable", "nobody"), 3, "nobody signs in as 'nobody' here"),
        (("keys", "revoke", "none"), 3, "there is no key 'none'"),
        (("log", "orders", "--tenant", "../x"), 6, "GEMBASCOPE_TENANT"),
    ],
)
def test_errors_go_to_stderr_with_their_exit_code(home: Home, words: tuple[str, ...], code: int, message: str) -> None:
    ended = home.run(*words)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert message in re.sub(r"[\s│]+", " ", ended.stderr)
    assert "Traceback" not in ended.stderr


def test_a_filter_with_a_typo_is_not_an_empty_answer(home: Home, tmp_path: Path) -> None:
    home.run("ingest", str(small_log(tmp_path / "o.csv")), "--process", "orders", "--guess")
    typo = home.run("log", "orders", "--activity", "Payd")
    assert typo.returncode == 3
    assert "orders has no activity 'Payd' (did you mean Paid?)" in typo.stderr


def test_check_lists_the_problems_of_all_files(home: Home, tmp_path: Path) -> None:
    define(home.definitions)
    right = home.run("check")
    assert right.returncode == 0, right.stderr
    assert "processes 1, packs 0, calendars 0, owners 2, rules 2, playbooks 1, connections 0, alerts 0" in right.stdout
    for name, text in WRONG.items():
        path = home.definitions / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    ended = home.run("check")
    assert (ended.returncode, ended.stdout) == (5, "")
    said = ended.stderr.replace(str(home.definitions), "").splitlines()
    assert len(said) == len(WRONG)
    for name, message in TOLD.items():
        assert any(re.search(f"/{name}:\\d+: {re.escape(message)}", line) for line in said), (name, said)


WRONG = {
    "processes/orders.yaml": "id: orders\nobjct_type: order\nobject_type: order\n",
    "calendars/dc.yaml": "id: dc\ntimezone: Mars/Base\nhours: {mon: [08:00-18:00]}\n",
    "owners/dc-team.yaml": "id: dc\n",
    "rules/lost.yaml": "id: lost\nkind: slaa\nprocess: returns\n",
    "playbooks/go.yaml": "id: go\nname: Go\nauthor: w\ntrigger: {match: {process: returns}}\nsteps: []\n",
    "connections/erp.yaml": "id: erp\nkind: webhook\nurl: ftp://x\nsecret: env:S\n",
    "alerts/all.yaml": "id: all\nchannels: [erp]\ngroup_wait: soon\n",
}
TOLD = {
    "processes/orders.yaml": "objct_type: not a known field (did you mean object_type?)",
    "calendars/dc.yaml": "timezone: ",
    "owners/dc-team.yaml": "id: 'dc' is not the file's name",
    "rules/lost.yaml": "kind: 'slaa' is not a kind of rule (did you mean sla?)",
    "playbooks/go.yaml": "steps: ",
    "connections/erp.yaml": "url: expected an address",
    "alerts/all.yaml": "group_wait: ",
}
PROMISING = """
calendar: dc_leipzig
end: [Refunded]
promises:
  - name: refund in two working days
    from: Returned
    to: Refunded
    within: 2 working days
  - name: answer in 30 working hours
    within: 30 working hours
"""
CALENDAR = """id: dc_leipzig
timezone: Europe/Berlin
hours: {mon: [08:00-18:00], tue: [08:00-18:00], wed: [08:00-18:00], fri: [08:00-18:00]}
holidays: {2026-03-30: inventory}
"""


def test_promises_from_their_definition_to_the_due_cases(home: Home, tmp_path: Path) -> None:
    # Friday 27 March; on Sunday the clock changes, on Monday nobody works: the second working day is Wednesday.
    rows = [
        *("case_id,activity,timestamp", "1,Returned,2026-03-27T10:00:00Z", "1,Refunded,2026-04-01T16:30:00Z"),
        *("2,Returned,2026-03-27T11:00:00Z", "2,Refunded,2026-04-01T16:00:00Z", "3,Returned,2026-03-30T10:00:00Z"),
    ]
    (tmp_path / "returns.csv").write_text("\n".join(rows) + "\n")
    loaded = home.run("ingest", str(tmp_path / "returns.csv"), "--process", "returns", "--guess")
    assert loaded.returncode == 0, loaded.stderr
    refused = home.run("cases", "returns", "--anchor", "due", "--since", "2026-04-01")
    assert refused.returncode == 3
    assert "returns has no promise, so no case is due; add promises to its definition" in refused.stderr
    folder = home.definitions
    with (folder / "processes" / "returns.yaml").open("a") as definition:
        definition.write(PROMISING)
    missing = home.run("check")
    assert missing.returncode == 5
    assert re.search(r"returns.yaml:\d+: calendar: no calendar 'dc_leipzig' in the folder calendars", missing.stderr)
    (folder / "calendars").mkdir()
    (folder / "calendars" / "dc_leipzig.yaml").write_text(CALENDAR)
    checked = home.asked("check")
    assert (checked["problems"], checked["processes"], checked["calendars"]) == ([], ["returns"], ["dc_leipzig"])

    listed = home.asked("cases", "returns", "--order", "due")["cases"]
    assert [(row["case"], row["due"]) for row in listed] == [
        ("3", "2026-04-01T16:00:00Z"),
        ("1", "2026-04-03T09:00:00Z"),  # kept both: of 30 hours, 7 on Friday, 20 to Wednesday, 3 on the next Friday
        ("2", "2026-04-03T10:00:00Z"),
    ]
    due = home.run("cases", "returns", "--anchor", "due", "--until", "2026-04-02", "--json")
    assert [row["case"] for row in json.loads(due.stdout)["cases"]] == ["3"]
    promises = home.asked("case", "returns", "1")["promises"]
    assert promises == [
        {
            "name": "refund in two working days",
            "due": "2026-04-01T16:00:00Z",
            "kept": "2026-04-01T16:30:00Z",
            "late_s": 1800.0,
            "paused_since": None,
        },
        {
            "name": "answer in 30 working hours",
            "due": "2026-04-03T09:00:00Z",
            "kept": "2026-04-01T16:30:00Z",
            "late_s": 0.0,
            "paused_since": None,
        },
    ]
    assert home.asked("case", "returns", "2")["promises"][0]["late_s"] == 0
    unkept = home.asked("case", "returns", "3")["promises"][0]
    assert (unkept["due"], unkept["kept"], unkept["late_s"]) == ("2026-04-01T16:00:00Z", None, None)
    shown = re.sub(r" +", " ", home.run("case", "returns", "1").stdout)
    assert "refund in two working days 2026-04-01 16:00:00 2026-04-01 16:30:00 30m" in shown
    assert "in time" in shown
    (folder / "calendars" / "dc_leipzig.yaml").write_text(CALENDAR.replace("wed: [08:00-18:00]", "wed: [08:00-20:00]"))
    moved = home.asked("case", "returns", "1")["promises"][0]
    assert (moved["due"], moved["late_s"]) == ("2026-04-01T18:00:00Z", 0)


def test_doctor_shows_settings_and_no_secret(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env = environment(tmp_path / "home") | {"GEMBASCOPE_API_KEY": "open sesame"}
    words = [sys.executable, "-m", "gembascope.cli", "doctor"]
    shown = subprocess.run(words, capture_output=True, text=True, env=env, timeout=60, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "GEMBASCOPE_API_KEY" in shown.stdout
    assert "open sesame" not in shown.stdout + shown.stderr


CONTENT = """
import sys
from pathlib import Path
from kernel.clock import SystemClock
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse
tables = {
    "events": "* EXCEPT (ingested_at, seen_at, batch)",
    "event_objects": "* EXCEPT (batch)",
    "names": "*",
    "case_paths": "* EXCEPT (version)",
    "day_figures": "* EXCEPT (version)",
}
with Warehouse(load_settings(home=Path(sys.argv[1]))) as warehouse:
    for table, columns in tables.items():
        final = "" if table in ("events", "event_objects") else "FINAL"
        text = f"SELECT count() AS n, groupBitXor(sipHash64(toString(tuple({columns})))) AS h FROM {table} {final}"
        print(table, *warehouse.query(Query(table, text)).row(0))
    sums = "SELECT toString(state), received, stored, duplicate, quarantined FROM loads FINAL"
    print(*warehouse.query(Query("loads", sums)).rows())
"""


def content(home: Path) -> str:
    """Everything the warehouse holds, as counts and order-free hashes."""
    words = [sys.executable, "-c", CONTENT, str(home)]
    shown = subprocess.run(
        words, capture_output=True, text=True, env=environment(home), cwd=ROOT, timeout=60, check=True
    )
    return shown.stdout


def test_a_load_killed_at_any_moment_ends_like_an_undisturbed_one(run: Run, tmp_path: Path) -> None:
    log = small_log(tmp_path / "orders.csv", rows=300_000)
    words = ("ingest", str(log), "--process", "orders", "--guess", "--json")
    begun = time.monotonic()
    undisturbed: dict[str, Any] = json.loads(run(*words, home=tmp_path / "whole").stdout)
    took = time.monotonic() - begun
    killed = tmp_path / "killed"
    kills = 0
    for share in (0.35, 0.5, 0.65, 0.8)[:: min(2, stride(1))]:
        process = subprocess.Popen(
            [sys.executable, "-m", "gembascope.cli", *words],
            env=environment(killed),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(took * share)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    assert kills, "every run ended before it could be killed"
    ended = run(*words, home=killed)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["received"] == undisturbed["received"] == 300_000
    if not report["files"][0]["already_loaded_at"]:
        assert report["stored"] == 300_000
    assert content(killed) == content(tmp_path / "whole")
