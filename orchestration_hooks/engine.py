"""The engine: everything that opens, moves, decides and shows the runs of one tenant, over one open state database."""

from __future__ import annotations

from orchestration_hooks.approvals import Approvals
from orchestration_hooks.book import Book
from orchestration_hooks.controls import Controls
from orchestration_hooks.driving import Driver
from orchestration_hooks.history import History
from orchestration_hooks.library import Library
from orchestration_hooks.messages import Messages
from orchestration_hooks.mutes import Mutes
from orchestration_hooks.opening import Opening
from orchestration_hooks.runs import Runs
from orchestration_hooks.tools import Tools


class Engine:
    """`opening` opens runs, `driver` moves those that a worker claimed, `controls` and `approvals` take what people and
    engines say, `runs` and `history` show them. `mutes` keeps runs from being opened; `messages` shows alerts that did
    not arrive."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.library = Library(tools.state, tools.tenant)
        self.book = Book(tools)
        self.opening = Opening(tools, self.book, self.library)
        self.driver = Driver(tools, self.book, self.library)
        self.controls = Controls(tools, self.book)
        self.approvals = Approvals(tools, self.book, self.library)
        self.history = History(tools.state, tools.tenant)
        self.mutes = Mutes(tools)
        self.messages = Messages(tools)
        self.runs = Runs(tools.state, tools.tenant, self.library, self.history)
