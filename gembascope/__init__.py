"""Gembascope from Python: `connect()` to a home or a service, choose a process, get its answers as polars frames.

    import gembascope as gs

    ws = gs.connect()
    ws.ingest("orders.csv", process="orders", guess=True)
    ws.process("orders").bottlenecks(since="2026-01-01")

Nothing heavy is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gembascope.process import Process
    from gembascope.sdk import Workspace, connect

__all__ = ["Process", "Workspace", "connect"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gembascope import sdk

    return getattr(sdk, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
