"""What the systems of a simulation handed out, as a collector would hand it over: one list of deliveries per system."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ingest.sources.delivery import Delivery

PACKS = {
    name: f"sim-{name}"
    for name in (
        "shop", "market-aurora", "market-bazaar", "pos", "erp", "wms", "payments", "crm", "ridge-express",
        "meadow-post", "harbor-parcel", "supplier-network", "bus", "n8n", "temporal", "pricing", "workforce",
    )
}  # fmt: skip
"""The pack of each system; any other one has `sim-plain`."""


def deliveries(folder: Path) -> dict[str, list[Delivery]]:
    """By system, for a folder that the native writer wrote."""
    return {system.name: list(of_system(system)) for system in sorted(folder.iterdir())}


def of_system(folder: Path) -> Iterator[Delivery]:
    make = MAKERS.get(folder.name)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        key = str(path.relative_to(folder))
        if path.suffix != ".jsonl":
            yield Delivery(path.read_bytes(), key)
            continue
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if make is None:
                yield Delivery(line, f"{key}:{number}")
            else:
                yield from make(json.loads(line), f"{key}:{number}")


def _webhook(recorded: dict[str, Any], key: str) -> Iterator[Delivery]:
    headers = {name.lower(): value for name, value in recorded["headers"].items()}
    yield Delivery(_encoded(recorded["body"]), key, headers | {"received-at": recorded["received_at"]})


def _spans(request: dict[str, Any], key: str) -> Iterator[Delivery]:
    """Each span of a request of OTLP alone, with what it is of and with plain attributes."""
    number = 0
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                number += 1
                events = [{**one, "attributes": plain(one["attributes"])} for one in span.get("events", [])]
                told = {
                    "resource": {"attributes": plain(resource["resource"]["attributes"])},
                    "scope": scope["scope"],
                    "span": {**span, "attributes": plain(span["attributes"]), "events": events},
                }
                yield Delivery(_encoded(told), f"{key}:{number}")


def plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes of OTLP by their names."""
    return {one["key"]: _value(one["value"]) for one in attributes}


def _value(value: dict[str, Any]) -> Any:
    ((kind, found),) = value.items()
    if kind == "arrayValue":
        return [_value(one) for one in found["values"]]
    return int(found) if kind == "intValue" else found


def _encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


MAKERS: dict[str, Callable[[dict[str, Any], str], Iterator[Delivery]]] = {"shop": _webhook, "bus": _spans}
