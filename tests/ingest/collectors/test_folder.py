"""A watched folder: each record once, whatever becomes of the files and of the process."""

from __future__ import annotations

import gzip
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from collecting import collect_in_process, text_of
from inlets import MemoryInlet, kept

from ingest.collectors.folder import FolderCollector
from ingest.collectors.polled_settings import FolderSettings
from ingest.sources.delivery import CollectorError
from kernel.errors import SpoolFull


def settings(folder: Path, **changes: Any) -> FolderSettings:
    plain = {"kind": "folder", "path": folder, "stable_s": 2, "poll_s": 0.01, "batch": 4}
    return FolderSettings.model_validate(plain | changes)


def look(
    collector: FolderCollector, inlet: MemoryInlet, times: int = 4, between: Callable[[int], None] = lambda _: None
) -> None:
    """Look so many times, a second of the collector's clock apart for each file; `between` is called after each."""

    class Looks(Event):
        count = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.count += 1
            between(self.count)
            if self.count == times:
                self.set()
            return self.is_set()

    collector.run(inlet, Looks())


def made(folder: Path, **changes: Any) -> FolderCollector:
    ticks = itertools.count()
    return FolderCollector(settings(folder, **changes), monotonic=lambda: float(next(ticks)))


def test_lines_come_in_batches_with_their_place_and_the_file_is_moved(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"".join(b"line %d\r\n" % n for n in range(10)) + b"\nlast")
    inlet = MemoryInlet()
    look(made(tmp_path), inlet)
    assert inlet.bodies == [*(f"line {n}" for n in range(10)), "last"]
    assert [len(batch) for batch in inlet.batches] == [4, 4, 3]
    assert [one.key for one in inlet.taken][-2:] == ["a.log:10", "a.log:12"]
    assert len({one.unique_id for one in inlet.taken}) == 11
    assert not (tmp_path / "a.log").exists()
    assert (tmp_path / "done" / "a.log").exists()


def test_a_file_that_is_still_written_is_left_alone(tmp_path: Path) -> None:
    path, inlet = tmp_path / "a.log", MemoryInlet()
    path.write_bytes(b"half a li")

    def between(looks: int) -> None:
        if looks < 4:
            with path.open("ab") as file:
                file.write(b"n")
        elif looks == 4:
            with path.open("ab") as file:
                file.write(b"e\n")

    look(made(tmp_path, stable_s=1.5), inlet, 8, between)
    assert inlet.bodies == ["half a linnne"]


def test_rows_come_as_json_and_what_is_no_row_as_it_stands(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbfid;name\r\n1;"two\nlines; ""quoted"""\r\n2\r\n3;\xff\r\n4;"open" x\r\n5;last'
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text))
    inlet = MemoryInlet()
    look(made(tmp_path, per="row", delimiter=";"), inlet)
    found = [(one.key, one.body, one.headers.get("malformed", "")) for one in inlet.taken]
    assert [json.loads(found[n][1]) for n in (0, 4)] == [
        {"id": "1", "name": 'two\nlines; "quoted"'},
        {"id": "5", "name": "last"},
    ]
    assert found[1][1:] == (b"2\r\n", "1 fields where the header has 2")
    assert found[2][1:] == (b"3;\xff\r\n", "it is no utf-8")
    assert found[3][1] == b'4;"open" x\r\n'
    assert [key for key, *_ in found] == [f"a.csv.gz:{line}" for line in (2, 4, 5, 6, 7)]


@pytest.mark.parametrize(("encoding", "per"), [("utf-16", "row"), ("windows-1252", "row"), ("utf-8", "file")])
def test_other_encodings_and_whole_files(tmp_path: Path, encoding: str, per: str) -> None:
    (tmp_path / "a").write_text("id,name\n1,Müller\n", encoding=encoding)
    inlet = MemoryInlet()
    look(made(tmp_path, per=per, encoding=encoding), inlet)
    assert inlet.bodies == ['{"id": "1", "name": "Müller"}' if per == "row" else "id,name\n1,Müller\n"]


def test_the_same_content_has_the_same_ids_and_what_is_appended_comes_alone(tmp_path: Path) -> None:
    inlet, collector = MemoryInlet(), made(tmp_path, after="leave")
    (tmp_path / "a.log").write_bytes(b"1\n2\n2\n")
    look(collector, inlet)
    (tmp_path / "b.log").write_bytes(b"1\n2\n2\n")
    look(collector, inlet)
    ids = [one.unique_id for one in inlet.taken]
    assert ids[:3] == ids[3:]
    assert len(set(ids)) == 3
    with (tmp_path / "a.log").open("ab") as file:
        file.write(b"3\n")
    (tmp_path / "b.log").write_bytes(b"1\nX\n2\n")  # written anew
    look(made(tmp_path, after="leave"), inlet, 5)  # another process: what it knows is the place
    assert inlet.bodies[6:] == ["3", "1", "X", "2"]
    assert inlet.taken[7].unique_id == ids[0]
    assert not {one.unique_id for one in inlet.taken[8:]} & set(ids)
    look(made(tmp_path, after="leave"), inlet, 5)
    assert len(inlet.taken) == 10


def test_what_is_no_file_of_the_folder_is_not_read(tmp_path: Path) -> None:
    outside, folder = tmp_path / "secret", tmp_path / "in"
    outside.write_bytes(b"secret\n")
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    os.mkfifo(folder / "pipe")
    (folder / "below").mkdir()
    (folder / "below" / "deep").write_bytes(b"deep\n")
    for name in (".hidden", "a.tmp", "b.part", "c~"):
        (folder / name).write_bytes(b"temporary\n")
    (folder / "good").write_bytes(b"good\n")
    inlet, collector = MemoryInlet(), made(folder)
    look(collector, inlet)
    assert inlet.bodies == ["good"]
    assert len(collector.notes.all()) == 2


def test_a_file_that_cannot_be_read_is_told_and_stops_no_other(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b"%d %s\n" % (n, os.urandom(64).hex().encode()) for n in range(1000)))
    (tmp_path / "a.gz").write_bytes(whole[:-2000])
    (tmp_path / "long").write_bytes(b"x" * 3000 + b"\n")
    (tmp_path / "z").write_bytes(b"good\n")
    inlet, collector = MemoryInlet(), made(tmp_path, most_message_bytes=2000, batch=10_000)
    look(collector, inlet, 8)
    before = len(inlet.taken)
    assert "good" in inlet.bodies
    assert 900 < before < 1000
    assert sorted(note.split("'")[1] for note in collector.notes.all()) == ["a.gz", "long"]
    (tmp_path / "a.gz").write_bytes(whole)
    look(collector, inlet, 5)
    assert len(inlet.taken) == 1001  # the good part came once
    assert [note.split("'")[1] for note in collector.notes.all()] == ["long"]


def test_a_file_that_is_replaced_as_it_is_moved_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, rename, done = tmp_path / "a", os.rename, []
    path.write_bytes(b"first\n")

    def late(*words: Any, **more: Any) -> None:
        if not done:
            done.append(1)
            (tmp_path / "new").write_bytes(b"second\n")
            (tmp_path / "new").replace(path)
        rename(*words, **more)

    monkeypatch.setattr(os, "rename", late)
    inlet = MemoryInlet()
    look(made(tmp_path), inlet, 9)
    assert inlet.bodies == ["first", "second"]


def test_an_inlet_that_fails_gets_it_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"".join(b"%d\n" % n for n in range(12)))

    def fail(take: int) -> None:
        if take == 2:
            raise SpoolFull("full")

    inlet, collector = MemoryInlet(fail), made(tmp_path)
    with pytest.raises(SpoolFull):
        look(collector, inlet, 5)
    assert (tmp_path / "a").exists()
    look(collector, inlet, 5)
    assert inlet.bodies == [str(n) for n in range(12)]


@pytest.mark.parametrize("kill", ["before", "after"])
def test_a_process_that_is_killed_goes_on_where_it_was(tmp_path: Path, kill: str) -> None:
    folder, path = tmp_path / "in", tmp_path / "kept"
    folder.mkdir()
    (folder / "a").write_bytes(b"".join(b"%d\n" % n for n in range(20)))
    words = text_of(settings(folder, stable_s=0.05).model_dump(mode="json"))
    collect_in_process(words, path, 20, kill, at=3)
    collect_in_process(words, path, 20)
    found = [one["body"] for batch in kept(path) for one in batch["deliveries"]]
    assert found == [str(n) for n in range(20)]


def test_a_folder_that_is_away_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CollectorError, match="cannot be read"):
        look(made(tmp_path / "away"), MemoryInlet())
    with pytest.raises(CollectorError, match="no place in a folder"):
        look(made(tmp_path), MemoryInlet(place="[1]"))


def test_a_file_that_cannot_be_opened_is_read_once_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permission that is given does not change the file, so nothing else would tell."""
    (tmp_path / "a.log").write_bytes(b"line")
    collector, inlet, refused = made(tmp_path), MemoryInlet(), [True]
    opened = os.open

    def closed(path: Any, *more: Any, **named: Any) -> int:
        if path == "a.log" and refused[0]:
            raise PermissionError(13, "Permission denied")
        return opened(path, *more, **named)

    def between(looks: int) -> None:
        if looks == 4:
            assert collector.notes.all() == ("'a.log' is not read before it can be opened: Permission denied",)
            refused[0] = False

    monkeypatch.setattr(os, "open", closed)
    look(collector, inlet, 6, between)
    assert inlet.bodies == ["line"]
    assert collector.notes.all() == ()
