"""Requests made from the API's own description of the addresses that events are sent to: answered as it says, never
by an error of ours. GEMBASCOPE_TEST_EXAMPLES asks for more of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from doors import LOCAL, bearer, directory, rules
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from running_api import running
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from signed_webhooks import SECRETS, signed
from source_doors import Door

from api.app import create_app
from ingest.live import LiveIngest
from ingest.spool import Spool
from ingest.webhooks.settings import WebhookSettings
from kernel.clock import FixedClock
from kernel.process import Processes
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from mining.view import Views

PATHS = (
    "/api/v1/events",
    "/api/v1/hooks/{source}",
    "/api/v1/sources/{source}/cloudevents",
    "/otlp/{source}/v1/traces",
    "/otlp/{source}/v1/logs",
)
SOURCES = {"/api/v1/hooks/{source}": "shop", "/api/v1/sources/{source}/cloudevents": "pipe"}
EXAMPLES = int(os.environ.get("GEMBASCOPE_TEST_EXAMPLES", "12"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def app(warehouse: Warehouse, clock: FixedClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    home = tmp_path_factory.mktemp("home")
    shop = WebhookSettings.model_validate({"kind": "webhook", "style": "standard", "secrets": ["env:SHOP"]})
    known: dict[tuple[str, str], object] = {("shop", "webhook"): shop, ("pipe", "cloudevents"): 1, ("apps", "otlp"): 1}
    door = Door(home, known, {"SHOP": SECRETS["standard"]})
    views = Views(warehouse, "described", Processes(home, "described"))
    with (
        directory(home / "people", clock) as people,
        Spool(load_settings(home=home), clock) as spool,
    ):
        yield create_app(
            views,
            clock,
            rules(people, open_house=False),
            upload_folder=home / "uploads",
            live_ingest=LiveIngest(warehouse, clock, spool, "described", alone=True),
            sources=door,
            machine_clock=clock,
        )


@pytest.fixture(scope="module")
def url(app: FastAPI) -> Iterator[str]:
    with running(app) as address:
        yield address


@schemathesis.serializer("application/x-protobuf")
def as_bytes(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def signature(case: Any, url: str, clock: FixedClock, number: int) -> dict[str, str]:
    """Headers of the shop, for the body as it will be sent."""
    sent: Any = requests.Request(**case.as_transport_kwargs(base_url=url)).prepare().body or b""
    body = sent.encode() if isinstance(sent, str) else sent
    return dict(signed("standard", SECRETS["standard"], body, clock.now(), f"msg_{number}"))


@pytest.mark.parametrize("path", PATHS)
def test_answers_are_those_that_are_described(app: FastAPI, url: str, clock: FixedClock, path: str) -> None:
    """Of webhooks every third is not signed."""
    described = schemathesis.openapi.from_dict(app.openapi())
    operation = described[path]["POST"]
    answered: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(
        st.one_of(
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
        )
    )
    def asked(case: Any) -> None:
        if "{source}" in path:
            case.path_parameters = {"source": SOURCES.get(path, "apps")}
        headers = bearer(LOCAL)
        if "hooks" in path and len(answered) % 3:
            headers |= signature(case, url, clock, len(answered))
        answer = case.call(base_url=url, headers=headers)
        answered.append(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    asked()
    assert set(answered) <= {int(status) for status in app.openapi()["paths"][path]["post"]["responses"]}
    assert set(answered) & {200, 202}
    if "hooks" in path:
        assert answered == [202 if number % 3 else 401 for number in range(len(answered))]
