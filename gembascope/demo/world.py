"""The world around the demo: a shop that goes on, an engine that takes triggers, and two people who work with it.

What happens after the end of the loaded logs comes live, on the demo's clock. The engine is the receiver of the
examples, in this process: it verifies what is signed and pays what it is told to.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec

from gembascope.demo.coming import Coming
from gembascope.demo.history import END
from gembascope.demo.keeping import replace_text
from gembascope.operations import Operations
from ingest.live import LiveIngest
from kernel.access import Grant, Role
from kernel.clock import Clock, SystemClock
from kernel.errors import GembascopeError, SettingsError
from kernel.identity.users import Users
from kernel.settings import Settings
from kernel.signatures import signing_key
from orchestration_hooks.examples.receiver import Engine, Receiver, post
from orchestration_hooks.library import SHIPPED
from orchestration_hooks.trigger import Trigger
from simulator.returns_numbers import ReturnsPlan
from simulator.returns_shop import ReturnsShop

log = logging.getLogger("gembascope.demo")
TURN_S = 1.0
FIRST, TOLD = timedelta(hours=2), timedelta(minutes=5)
"""So long after `END` nothing may have been told yet; later, all but the last minutes was."""
DELAY_S = 2.0
"""How long the engine takes until it begins."""
PEOPLE: Mapping[str, tuple[Role, str]] = {
    "olivia": (Role.OPERATOR, "proposes"),
    "petra": (Role.APPROVER, "approves"),
}
SECRET = "demo-engine.secret"
TAKEN = "demo-engine.sqlite"
PEOPLE_FILE = "demo-people.json"
MARK = "# Of the demo: written anew"
IN_THE_DEMO = (
    ("mode: automatic", "mode: manual  # in the demo a person proposes it"),
    ("USD: 25000}}", "USD: 25000}, unpriced: true}  # some of its returns have no price"),
)
"""What the demo changes in the playbook that is shipped."""
_CONNECTION = """# Of the demo: written anew each time that it is served, as its engine listens at another
# port then. To keep a connection of your own, take this comment away.
id: {name}
description: {what}
kind: webhook
url: http://127.0.0.1:{port}/{path}
secret: file:{secret}
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in to the demo."""

    name: str
    password: str
    does: str


class DemoEngine(Engine):
    """The receiver of the examples, whose deed is that the shop's payment provider pays."""

    def __init__(self, key: bytes, clock: Clock, shop: ReturnsShop, ids: str) -> None:
        super().__init__(key, SystemClock(), post, None, ids=ids, deeds_clock=clock)
        self._shop, self._now_clock = shop, clock

    def do(self, trigger: Trigger) -> bool:
        try:
            self._shop.pay([case.case_id for case in trigger.cases], self._now_clock.now())
        except GembascopeError as error:
            log.warning("the demo's engine cannot pay: %s", error)
            return False
        return True


class DemoWorld:
    """Everything around the demo of one home, on its clock."""

    def __init__(self, settings: Settings, clock: Clock, plan: ReturnsPlan) -> None:
        self._folder = settings.home.expanduser() / "tenants" / settings.tenant
        self._clock = clock
        now = clock.now()
        self.shop = ReturnsShop(plan, since=max(END, now - timedelta(hours=1)))
        # What was due is in the spool within seconds: of what was told before, little is told again.
        self._coming = Coming(self._folder, since=END if now - END < FIRST else now - TOLD)
        self._secret = _kept(self._folder / SECRET, lambda: b64encode(secrets.token_bytes(32)).decode())
        engine = DemoEngine(signing_key(self._secret, SECRET), clock, self.shop, str(self._folder / TAKEN))
        self._receiver = Receiver(engine, port=0, delay_s=DELAY_S)
        self._home = settings.home.expanduser()

    @property
    def host(self) -> str:
        """Where the engine listens: it must be among the hosts that may be reached."""
        return f"127.0.0.1:{self._receiver.port}"

    def define(self) -> None:
        """Write the connections to the engine as it listens now, but none that somebody made their own; and the
        playbook unless it is there."""
        secret = (self._folder / SECRET).relative_to(self._home)
        connections = self._folder / "connections"
        connections.mkdir(parents=True, exist_ok=True)
        for name, what, path in (
            ("payments_engine", "Sends refunds to payments.", "triggers"),
            ("returns", "The returns team.", "alerts"),
        ):
            text = _CONNECTION.format(name=name, what=what, port=self._receiver.port, path=path, secret=secret)
            file = connections / f"{name}.yaml"
            if not file.exists() or file.read_text(encoding="utf-8").startswith(MARK):
                replace_text(file, text)
        playbook = self._folder / "playbooks" / "refund_stuck.yaml"
        if not playbook.exists():
            playbook.parent.mkdir(parents=True, exist_ok=True)
            shipped = (SHIPPED / "refund_stuck.yaml").read_text(encoding="utf-8")
            for usual, here in IN_THE_DEMO:
                shipped = shipped.replace(usual, here)
            replace_text(playbook, shipped)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """The engine takes triggers for as long as the block runs, and ends with it."""
        with self._receiver:
            yield

    @contextmanager
    def running(self, live: LiveIngest, operations: Operations) -> Iterator[None]:
        """Let it go on for as long as the block runs."""
        over = threading.Event()

        def feed() -> None:
            while not over.is_set():
                try:
                    self.tell(live)
                except GembascopeError as error:
                    log.warning("the demo's shop could not tell its events: %s", error)
                over.wait(TURN_S)

        self._tell_returns(live)
        live.drain()  # so that they are live already when trouble is first looked for; the rest follows
        thread = threading.Thread(target=feed, name="demo-shop", daemon=True)
        with self.listening():
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join()

    def tell(self, live: LiveIngest) -> None:
        """Tell what happened since the last time."""
        self._tell_returns(live)
        now = self._clock.now()
        while due := self._coming.until(now):
            live.accept(b"[" + b",".join(due) + b"]")

    def _tell_returns(self, live: LiveIngest) -> None:
        if events := self.shop.step(self._clock.now()):
            live.accept(msgspec.json.encode(events))


def people_of_the_demo(settings: Settings, users: Users) -> list[Person]:
    """The people of the demo, made on first use; who was changed or is gone since stays so.

    Their passwords are kept beside the home's definitions, readable by its owner only: it is a demo.
    """
    folder = settings.home.expanduser() / "tenants" / settings.tenant
    kept = _kept(folder / PEOPLE_FILE, lambda: json.dumps({name: _passphrase() for name in PEOPLE}))
    try:
        passwords = json.loads(kept)
        found = [Person(name, str(passwords[name]), does) for name, (_, does) in PEOPLE.items()]
    except (ValueError, KeyError, TypeError):
        raise SettingsError(f"{folder / PEOPLE_FILE} is damaged: remove it, and the people in it by hand") from None
    there = {user.name for user in users.all()}
    for person in found:
        if person.name not in there:
            _, token = users.add(person.name, [Grant(PEOPLE[person.name][0])], by="demo")
            users.redeem(token, person.password)
    return found


def _passphrase() -> str:
    return "-".join(secrets.token_hex(3) for _ in range(3))


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The text of a file that only its owner reads, made on first use."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        text = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as sink:
            sink.write(text)
        return text
