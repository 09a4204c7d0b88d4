"""A CSV file is not read further ahead than a few blocks, however slowly its rows are taken."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.formats import tables
from ingest.formats.base import Limits
from ingest.formats.compression import open_bounded
from ingest.formats.paced import BLOCKS_AHEAD, Paced
from ingest.formats.tables import CsvReader

BLOCK = 1 << 20


def test_only_a_few_blocks_are_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CSV_BLOCK_BYTES", BLOCK)
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + f"1,{'2' * 1000}\n" * 30_000)
    rows = 0
    for number, piece in enumerate(CsvReader(path).pieces(), start=1):
        rows += piece.frame.height
        assert piece.bytes_read <= (number + BLOCKS_AHEAD + 1) * BLOCK, number
    assert rows == 30_000


@pytest.mark.parametrize("filler", ["\n", "1,2,3\n"], ids=["blank lines", "broken rows"])
def test_blocks_without_rows_do_not_stop_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filler: str
) -> None:
    monkeypatch.setattr(tables, "CSV_BLOCK_BYTES", 1000)
    path = tmp_path / "gap.csv"
    path.write_text("a,b\n1,2\n" + filler * (20_000 // len(filler)) + "3,4\n")
    pieces = list(CsvReader(path).pieces())
    assert [row for piece in pieces for row in piece.frame.rows()] == [("1", "2"), ("3", "4")]


def test_a_program_may_end_in_the_middle_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + f"1,{'2' * 1000}\n" * 9_000)
    program = (
        "import sys; from pathlib import Path; from ingest.formats import tables; tables.CSV_BLOCK_BYTES = 1 << 20; "
        "pieces = tables.CsvReader(Path(sys.argv[1])).pieces(); print(next(pieces).frame.height > 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_the_end_waits_until_the_parser_gave_back_what_it_read_last(tmp_path: Path) -> None:
    """Its thread asks Python for its turn to do so, which ends the program where Python is ending."""
    path = tmp_path / "short.csv"
    path.write_text("a,b\n")
    with open_bounded(path, Limits()) as stream:
        paced, held, given_back = Paced(stream, b""), threading.Event(), threading.Event()

        def parse() -> None:
            while block := paced.read(1000):
                pass
            held.set()
            time.sleep(0.3)
            given_back.set()
            del block

        with ThreadPoolExecutor(1) as pool:
            parsing = pool.submit(parse)
            assert held.wait(10)
            paced.end()
            assert given_back.is_set()
            parsing.result()
