"""Files that another system puts into a folder, each read once it does not change any more.

A record's id (`unique_id`) follows from all that its file holds up to its end. So the same content under another name,
or a file that is written again with the same beginning, has the same ids and is counted once (within the inlet's seven
days), and one line that stands twice in a file is two. Up to where a file was read is kept with its last id: when
the process is killed, or the file has changed, it is read again from its beginning; where that id comes at its place,
what follows is new, and where another one does, the file is another one and all of it is handed over.
"""

from __future__ import annotations

import fnmatch
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import Event

from ingest.collectors.folder_records import Record, records
from ingest.collectors.notes import Notes
from ingest.collectors.polled_settings import FolderSettings
from ingest.formats.base import Limits
from ingest.formats.compression import BoundedStream
from ingest.sources.delivery import CollectorError, Delivery, Inlet
from kernel.errors import UnreadableFile

DONE = "done"
_TEMPORARY = (".*", "*~", "*.tmp", "*.temp", "*.part", "*.partial", "*.filepart", "*.crdownload", "*.swp", "#*#")


@dataclass(frozen=True)
class _Identity:
    """What tells a file from the one that had its name before."""

    inode: int
    size: int
    mtime_ns: int


@dataclass
class _Progress:
    """Up to where a file was handed over: so many records, the last of which has this id, up to this byte (of what is
    in the file, decompressed). `whole`: to its end."""

    inode: int
    size: int
    mtime_ns: int
    records: int = 0
    chain: str = ""
    offset: int = 0
    whole: bool = False


class _Unopened(UnreadableFile):
    """It cannot be opened now. That ends (a permission, too many files open) without the file being changed."""


class FolderCollector:
    """Collects from one folder. One process at a time: see `alone`."""

    alone = True

    def __init__(self, settings: FolderSettings, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.settings, self.notes = settings, Notes()
        self._monotonic = monotonic
        self._since: dict[str, tuple[_Identity, float]] = {}
        self._refused: dict[str, _Identity] = {}
        """Files that cannot be read, as they are now."""

    def run(self, inlet: Inlet, stopping: Event) -> None:
        """Look at the folder until `stopping` is set; see `Collector.run`."""
        self.notes.source = inlet.source
        progress = _loaded(inlet.place())
        while not stopping.is_set():
            with self._folder() as folder:
                files = self._files(folder)
                for name in set(progress) - set(files):
                    del progress[name]
                for name, identity in files.items():
                    if stopping.is_set():
                        return
                    if self._is_stable(name, identity) and self._refused.get(name) != identity:
                        self._collect(folder, name, identity, progress, inlet, stopping)
            stopping.wait(self.settings.poll_s)

    @contextmanager
    def _folder(self) -> Iterator[int]:
        """The folder, open: names are looked up in it, whatever becomes of its path."""
        path = self.settings.path
        try:
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise CollectorError(f"the folder {path} cannot be read: {error.strerror}") from None
        try:
            yield folder
        except OSError as error:
            raise CollectorError(f"the folder {path} cannot be worked in: {error.strerror}") from None
        finally:
            os.close(folder)

    def _files(self, folder: int) -> dict[str, _Identity]:
        """What is in the folder to be read, the oldest first."""
        found: list[tuple[int, str, _Identity]] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                wanted = fnmatch.fnmatchcase(entry.name, self.settings.pattern)
                if not wanted or any(fnmatch.fnmatchcase(entry.name, one) for one in _TEMPORARY):
                    continue
                try:
                    details = entry.stat(follow_symlinks=False)
                    entry.name.encode()
                except FileNotFoundError:  # it went between the two looks
                    continue
                except UnicodeEncodeError:
                    self.notes.set("name", "a file whose name is no text is not read")
                    continue
                if stat.S_ISREG(details.st_mode):
                    identity = _Identity(details.st_ino, details.st_size, details.st_mtime_ns)
                    found.append((details.st_mtime_ns, entry.name, identity))
                elif not stat.S_ISDIR(details.st_mode):
                    self.notes.set(entry.name, f"{entry.name!r} is a link or no file, and is not read")
        if len(found) > self.settings.most_files:
            self.notes.set("files", f"there are {len(found):,} files; the oldest {self.settings.most_files:,} are read")
        self._since = {name: self._since[name] for _, name, _ in found if name in self._since}
        return {name: identity for _, name, identity in sorted(found)[: self.settings.most_files]}

    def _is_stable(self, name: str, identity: _Identity) -> bool:
        now = self._monotonic()
        known, since = self._since.get(name, (None, now))
        if known != identity:
            since = now
            self._since[name] = identity, now
        return now - since >= self.settings.stable_s

    def _collect(
        self,
        folder: int,
        name: str,
        identity: _Identity,
        all_progress: dict[str, _Progress],
        inlet: Inlet,
        stopping: Event,
    ) -> None:
        """Hand over what is new in a file, then move it or leave it. One that cannot be read stops no other."""
        known = all_progress.get(name)
        if known is None or not known.whole or _Identity(known.inode, known.size, known.mtime_ns) != identity:
            try:
                if not self._read(folder, name, identity, all_progress, inlet, stopping):
                    return
            except _Unopened as error:
                self.notes.set(name, f"{name!r} is not read before it can be opened: {error}")
                return
            except UnreadableFile as error:
                self._refused[name] = identity
                self.notes.set(name, f"{name!r} is not read any further before it changes: {error}")
                return
        self.notes.drop(name)
        if self.settings.after == "move":
            self._move(folder, name, identity)
            all_progress.pop(name, None)

    def _read(
        self,
        folder: int,
        name: str,
        identity: _Identity,
        all_progress: dict[str, _Progress],
        inlet: Inlet,
        stopping: Event,
    ) -> bool:
        """Whether the file was handed over to its end, and is still what it was."""
        known = all_progress.get(name)
        if known is not None and known.records and not self._continues(folder, name, identity, known, stopping):
            known = None
        skip = known.records if known is not None else 0
        progress = _Progress(identity.inode, identity.size, identity.mtime_ns, skip, known.chain if known else "")
        batch: list[Delivery] = []
        size = 0
        with self._opened(folder, name, identity) as (stream, number):
            try:
                for n, record in enumerate(records(stream, self.settings, name), 1):
                    if stopping.is_set():
                        return False
                    if n <= skip:
                        continue
                    full = len(batch) >= self.settings.batch or size + len(record.body) > self.settings.batch_bytes
                    if batch and full:
                        self._take(inlet, batch, name, progress, all_progress)
                        batch, size = [], 0
                    batch.append(_delivery(name, record))
                    size += len(record.body)
                    progress.records, progress.chain, progress.offset = n, record.chain, stream.produced
            except UnreadableFile:
                self._take(inlet, batch, name, progress, all_progress)  # what stands before the damage is good
                raise
            now = os.fstat(number)
        if _Identity(now.st_ino, now.st_size, now.st_mtime_ns) != identity:
            self._take(inlet, batch, name, progress, all_progress)
            return False
        progress.whole = True
        self._take(inlet, batch, name, progress, all_progress)
        return True

    def _continues(self, folder: int, name: str, identity: _Identity, known: _Progress, stopping: Event) -> bool:
        """Whether the file begins with what was handed over of it."""
        with self._opened(folder, name, identity) as (stream, _):
            for n, record in enumerate(records(stream, self.settings, name), 1):
                if n == known.records:
                    return record.chain == known.chain
                if stopping.is_set():
                    return True
        return False

    def _take(
        self, inlet: Inlet, batch: list[Delivery], name: str, progress: _Progress, all_progress: dict[str, _Progress]
    ) -> None:
        following = all_progress | {name: progress}
        inlet.take(batch, json.dumps({one: asdict(found) for one, found in following.items()}, separators=(",", ":")))
        all_progress[name] = _Progress(**asdict(progress))

    @contextmanager
    def _opened(self, folder: int, name: str, identity: _Identity) -> Iterator[tuple[BoundedStream, int]]:
        try:
            # Never through a link, and never waiting for the other end of a pipe.
            number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            raise _Unopened(error.strerror or type(error).__name__) from None
        with os.fdopen(number, "rb", buffering=0) as file:
            found = os.fstat(number)
            if not stat.S_ISREG(found.st_mode) or found.st_ino != identity.inode:
                raise UnreadableFile("another file took its place")
            limits = Limits(max_bytes=self.settings.most_file_bytes)
            with BoundedStream(file, self.settings.path / name, limits) as stream:
                yield stream, number

    def _move(self, folder: int, name: str, identity: _Identity) -> None:
        """Into done/, under a name that is free there."""
        try:
            os.mkdir(DONE, 0o700, dir_fd=folder)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(DONE, dir_fd=folder, follow_symlinks=False).st_mode):
                raise CollectorError(f"{self.settings.path / DONE} is a link or no folder") from None
        target, count = name, 0
        while _is_there(f"{DONE}/{target}", folder):
            count += 1
            target = f"{name}.{count}"
        os.rename(name, f"{DONE}/{target}", src_dir_fd=folder, dst_dir_fd=folder)
        moved = os.stat(f"{DONE}/{target}", dir_fd=folder, follow_symlinks=False)
        if _Identity(moved.st_ino, moved.st_size, moved.st_mtime_ns) != identity:
            # Somebody wrote another one at this very moment: it goes back to be read.
            if _is_there(name, folder):
                raise CollectorError(
                    f"{self.settings.path / DONE / target} was not read: put it back under another name"
                )
            os.rename(f"{DONE}/{target}", name, src_dir_fd=folder, dst_dir_fd=folder)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _delivery(name: str, record: Record) -> Delivery:
    headers = {"file": name, "line": str(record.line)}
    if record.malformed:
        headers["malformed"] = record.malformed
    return Delivery(record.body, f"{name}:{record.line}", headers, record.chain)


def _loaded(place: str) -> dict[str, _Progress]:
    if not place:
        return {}
    try:
        return {str(name): _Progress(**found) for name, found in json.loads(place).items()}
    except (ValueError, TypeError, AttributeError):
        raise CollectorError("the place that is kept of this source is no place in a folder") from None
