"""A workspace: one home, asked directly or through the service that holds it. Callers need not know which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import msgspec
import polars as pl

from api.loading import IngestOptions, load_file
from gembascope.asking import Asker, Params, Send, error_of, named, segment, signed_in
from gembascope.download import exported, receive
from gembascope.sending import packed
from gembascope.service import find_service
from ingest.spool import STEP_EVENTS
from kernel import errors
from kernel.clock import Clock, SystemClock
from kernel.errors import SettingsError, WarehouseUnavailable
from kernel.process import Processes
from kernel.schema import migrate
from kernel.settings import Settings
from kernel.warehouse import Warehouse
from kpis import answers as kpi_answers
from mining.answers import ANSWERS, Document, case, describe, readiness
from mining.filters import CaseFilter, read_filter
from mining.selected_events import case_attributes, selected_events
from mining.view import ProcessView, Views

if TYPE_CHECKING:
    from gembascope.home_api import HomeApi

Progress = Callable[[str, int, int], None]
Words = Mapping[str, Sequence[str]]
TIMEOUT_S = 120.0


class Workspace(Protocol):
    """What the command line and the SDK ask of a home. Documents are those of `mining.answers` and `kpis.answers`,
    frames those of `mining.selected_events`.

    `get`, `post`, `put` and `delete` ask the API at an address such as `/api/v1/incidents`, and raise what it answers
    with; `signed_in` asks it as a person, for what only people may do.
    """

    def processes(self) -> Document: ...

    def get(self, path: str, params: Params = ()) -> Document: ...

    def post(self, path: str, body: Document | None = None, *, moves: bool = True) -> Document: ...

    def put(self, path: str, body: Document) -> Document: ...

    def delete(self, path: str) -> Document: ...

    def signed_in(self, name: str, password: str) -> AbstractContextManager[Asker]: ...

    def answer(self, name: str, process: str, words: Words, options: Mapping[str, str]) -> Document: ...

    def case(self, process: str, case_id: str) -> Document: ...

    def readiness(self, process: str) -> Document: ...

    def ingest(self, path: Path, options: IngestOptions, progress: Progress | None = None) -> Document: ...

    def send(self, bodies: Iterable[bytes], source: str) -> list[Document]: ...

    def quarantine(self, source: str | None, limit: int) -> Document: ...

    def events(self, process: str, words: Words) -> pl.DataFrame: ...

    def case_attributes(self, process: str, words: Words) -> pl.DataFrame: ...

    def export(
        self, process: str, kind: str, out: Path, words: Words, progress: Progress | None = None
    ) -> Document: ...

    def close(self) -> None: ...


def open_workspace(settings: Settings, clock: Clock | None = None) -> Workspace:
    """The workspace of a home: through its service when one runs, else opened here.

    Raises
    ------
    HomeInUse
        Another process holds the home and serves nothing.
    SettingsError
        The home's service acts for another tenant.
    """
    service = find_service(settings.home.expanduser()) if settings.warehouse_url is None else None
    if service is not None:
        if service.tenant != settings.tenant:
            raise SettingsError(
                f"the service at {service.url} holds this home and acts for the tenant {service.tenant!r}, not for "
                f"{settings.tenant!r}; stop it first, or choose its tenant"
            )
        return RemoteWorkspace(service.url, service.token)
    return LocalWorkspace(settings, clock or SystemClock())


class LocalWorkspace:
    """A home opened by this process. `warehouse`: one that is open already, and stays so when the workspace closes."""

    def __init__(self, settings: Settings, clock: Clock, warehouse: Warehouse | None = None) -> None:
        self.settings, self.clock, self._lent = settings, clock, warehouse is not None
        self.warehouse = warehouse or Warehouse(settings)
        try:
            migrate(self.warehouse, clock)
        except BaseException:
            self.warehouse.close()
            raise
        folder = Processes(settings.home.expanduser(), settings.tenant, clock)
        self.views = Views(self.warehouse, settings.tenant, folder, clock)
        self._api: HomeApi | None = None

    def processes(self) -> Document:
        return {"processes": [describe(definition) for definition in self.views.all()]}

    @property
    def api(self) -> HomeApi:
        """The API of this home, opened with its state database when it is first asked."""
        from gembascope.home_api import HomeApi  # which is wired over this workspace

        if self._api is None:
            self._api = HomeApi(self)
        return self._api

    def get(self, path: str, params: Params = ()) -> Document:
        return self.api.local.get(path, params)

    def post(self, path: str, body: Document | None = None, *, moves: bool = True) -> Document:
        """As a command on this machine. After what moved something, what is due is done once (`HomeApi.work`)."""
        return self.api.local.post(path, body, moves=moves)

    def put(self, path: str, body: Document) -> Document:
        return self.api.local.put(path, body)

    def delete(self, path: str) -> Document:
        return self.api.local.delete(path)

    def signed_in(self, name: str, password: str) -> AbstractContextManager[Asker]:
        return signed_in(self.api.send, name, password, self.api.work)

    def answer(self, name: str, process: str, words: Words, options: Mapping[str, str]) -> Document:
        view, chosen = self._selection(process, words)
        if name in kpi_answers.ANSWERS:
            return kpi_answers.ANSWERS[name](view, chosen, options, self.clock)
        return ANSWERS[name](view, chosen, options)

    def events(self, process: str, words: Words) -> pl.DataFrame:
        return selected_events(*self._selection(process, words))

    def case_attributes(self, process: str, words: Words) -> pl.DataFrame:
        return case_attributes(*self._selection(process, words))

    def export(self, process: str, kind: str, out: Path, words: Words, progress: Progress | None = None) -> Document:
        from api.routes.export import export_file  # which loads the writers of all formats

        view, chosen = self._selection(process, words)
        report = None if progress is None else lambda done, total: progress("exporting", done, total)
        wrote = export_file(view, chosen, kind, out, report)
        return exported(process, kind, out, wrote.cases, wrote.events)

    def _selection(self, process: str, words: Words) -> tuple[ProcessView, CaseFilter]:
        chosen, view = read_filter(words), self.views.view(process)
        view.check(chosen)
        return view, chosen

    def case(self, process: str, case_id: str) -> Document:
        return case(self.views.view(process), case_id)

    def readiness(self, process: str) -> Document:
        return readiness(self.views.view(process))

    def ingest(self, path: Path, options: IngestOptions, progress: Progress | None = None) -> Document:
        secret = self.settings.pseudonym_key
        request = options.request(path, self.settings.tenant, secret.get_secret_value() if secret else None)
        return load_file(self.warehouse, self.clock, self.views.processes, request, progress)

    def send(self, bodies: Iterable[bytes], source: str) -> list[Document]:
        from api.routes.live import receipt_document
        from gembascope.taking_events import taking_events

        answers, waiting = [], 0
        with taking_events(self, background=False) as live:
            for body in bodies:
                answers.append(receipt_document(live.accept(body, source)))
                waiting += answers[-1]["accepted"]
                if waiting >= STEP_EVENTS:
                    live.drain()
                    waiting = 0
            live.drain()
        return answers

    def quarantine(self, source: str | None, limit: int) -> Document:
        return self.get("/api/v1/quarantine", _quarantine_of(source, limit))

    def close(self) -> None:
        if self._api is not None:
            self._api.close()
            self._api = None
        if not self._lent:
            self.warehouse.close()


class RemoteWorkspace:
    """A home behind a service."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False)

    def processes(self) -> Document:
        return self.get("/api/v1/processes")

    def get(self, path: str, params: Params = ()) -> Document:
        document: Document = msgspec.json.decode(self._content(path, params))
        return document

    def post(self, path: str, body: Document | None = None, *, moves: bool = True) -> Document:
        """What follows from it the service does by itself."""
        return Asker(self._sender(self._client), {}).post(path, body, moves=moves)

    def put(self, path: str, body: Document) -> Document:
        return Asker(self._sender(self._client), {}).put(path, body)

    def delete(self, path: str) -> Document:
        return Asker(self._sender(self._client), {}).delete(path)

    @contextmanager
    def signed_in(self, name: str, password: str) -> Iterator[Asker]:
        with (
            httpx.Client(base_url=self._client.base_url, timeout=TIMEOUT_S, trust_env=False) as client,
            signed_in(self._sender(client), name, password) as person,
        ):
            yield person

    def _sender(self, client: httpx.Client) -> Send:
        def send(
            method: str, path: str, *, params: Params = (), content: bytes = b"", headers: Mapping[str, str]
        ) -> httpx.Response:
            with self._answering():
                return client.request(method, path, params=tuple(params), content=content, headers=headers)

        return send

    def answer(self, name: str, process: str, words: Words, options: Mapping[str, str]) -> Document:
        return self.get(f"/api/v1/processes/{segment(process)}/{name}", [*_params(words), *options.items()])

    def case(self, process: str, case_id: str) -> Document:
        return self.get(f"/api/v1/processes/{segment(process)}/cases/{segment(case_id)}")

    def readiness(self, process: str) -> Document:
        return self.get(f"/api/v1/processes/{segment(process)}/readiness")

    def events(self, process: str, words: Words) -> pl.DataFrame:
        return self._get_frame(f"/api/v1/processes/{segment(process)}/events", _params(words))

    def case_attributes(self, process: str, words: Words) -> pl.DataFrame:
        return self._get_frame(f"/api/v1/processes/{segment(process)}/case-attributes", _params(words))

    def ingest(self, path: Path, options: IngestOptions, progress: Progress | None = None) -> Document:
        if not path.is_file():
            raise errors.UnreadableFile(f"{path}: there is no such file")
        if options.file_name == "upload":
            options = options.model_copy(update={"file_name": path.name})
        params = {"options": options.model_dump_json()}
        with self._answering(), path.open("rb") as stream:
            total = path.stat().st_size
            body = _reported(stream, total, progress)
            with self._client.stream("POST", "/api/v1/ingest", params=params, content=body, timeout=None) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise error_of(answer)
                result: Document | None = None
                for line in answer.iter_lines():
                    message = msgspec.json.decode(line)
                    if "result" in message:
                        result = message["result"]
                    elif "error" in message:
                        raise named(message["error"], message["detail"])
                    elif progress is not None:
                        progress(message["phase"], message["done"], message["total"])
        if result is not None:
            return result
        raise WarehouseUnavailable("the service ended before the load did; run the same command again to continue")

    def send(self, bodies: Iterable[bytes], source: str) -> list[Document]:
        answers, params = [], {"source": source} if source else {}
        for body in bodies:
            with self._answering():
                answer = self._client.post(
                    "/api/v1/events", params=params, content=packed(body), headers={"Content-Encoding": "gzip"}
                )
            if answer.status_code != 202:
                raise error_of(answer)
            answers.append(msgspec.json.decode(answer.content))
        return answers

    def quarantine(self, source: str | None, limit: int) -> Document:
        return self.get("/api/v1/quarantine", _quarantine_of(source, limit))

    def export(self, process: str, kind: str, out: Path, words: Words, progress: Progress | None = None) -> Document:
        address = f"/api/v1/processes/{segment(process)}/export"
        params = [*_params(words), ("kind", kind), ("with_mapping", "true")]
        with (
            self._answering(),
            self._client.stream("GET", address, params=tuple(params), timeout=None) as answer,
        ):
            if answer.status_code != 200:
                answer.read()
                raise error_of(answer)
            receive(answer, out, kind, progress)
            cases, events = (int(answer.headers[f"Gembascope-{name}"]) for name in ("Cases", "Events"))
        return exported(process, kind, out, cases, events)

    def close(self) -> None:
        self._client.close()

    def _get_frame(self, path: str, params: Sequence[tuple[str, str]]) -> pl.DataFrame:
        return pl.read_ipc_stream(self._content(path, params))

    def _content(self, path: str, params: Sequence[tuple[str, str]]) -> bytes:
        with self._answering():
            answer = self._client.get(path, params=tuple(params))
        if answer.status_code != 200:
            raise error_of(answer)
        return answer.content

    def _answering(self) -> Any:
        return _Answering(str(self._client.base_url))


class _Answering:
    """Turns a dead connection into an error for the person."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, httpx.HTTPError):
            raise WarehouseUnavailable(
                f"the service at {self._url} does not answer ({type(error).__name__})"
            ) from error


def _params(words: Words) -> list[tuple[str, str]]:
    return [(name, value) for name, values in words.items() for value in values]


def _reported(stream: Any, total: int, progress: Progress | None) -> Iterator[bytes]:
    sent = 0
    while piece := stream.read(1 << 20):
        yield piece
        sent += len(piece)
        if progress is not None:
            progress("sending", sent, total)


def _quarantine_of(source: str | None, limit: int) -> Params:
    return [("limit", str(limit)), *([("source", source)] if source else [])]
