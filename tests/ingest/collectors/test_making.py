"""The settings of collectors: what each field is, what is refused, and what is made of them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from collecting import SECRETS
from loopback import certificate
from pydantic import BaseModel, ValidationError

from ingest.collectors import broker_settings, engine_settings, polled_settings
from ingest.collectors.making import COLLECTOR_SETTINGS, make_collector
from ingest.collectors.tls import Tls
from kernel.errors import SettingsError

MODELS = [
    found
    for module in (broker_settings, polled_settings, engine_settings)
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, BaseModel) and found is not BaseModel
]
SQL = {"kind": "sql", "host": "db", "port": 5432, "database": "d", "user": "u", "table": "t", "key": ["id"]}
SQL |= {"watermark": {"column": "at", "type": "timestamp"}}
GOOD: list[dict[str, Any]] = [
    {"kind": "rabbitmq", "host": "mq", "password": "env:GUEST", "queue": "q", "tls": {}},
    {"kind": "kafka", "brokers": ["k:9092"], "topics": ["t"], "group": "g"},
    {"kind": "nats", "host": "nats", "stream": "s", "durable": "d", "token": "file:secrets/token"},
    SQL | {"dialect": "postgresql"},
    SQL | {"dialect": "mysql", "password": "env:GUEST", "tls": {}},
    {"kind": "folder", "path": "in", "pattern": "*.csv", "per": "row"},
    {"kind": "n8n", "url": "https://n8n.example", "api_key": "env:GUEST", "workflow": "w1"},
    {"kind": "camunda", "url": "https://camunda.example:8443/c/1", "user": "u", "password": "env:GUEST"},
    {"kind": "temporal", "url": "http://temporal:7243", "namespace": "shop", "since": "2026-03-01T00:00:00Z"},
]

OAUTH = {"token_url": "https://t.example", "client_id": "c", "client_secret": "env:S"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_says_what_it_is_and_nothing_else_is_taken(model: type[BaseModel]) -> None:
    assert all(field.description for field in model.model_fields.values())
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"


@pytest.mark.parametrize("settings", GOOD, ids=lambda one: one["kind"])
def test_a_collector_is_made_of_its_settings_and_connects_to_nothing(settings: dict[str, Any]) -> None:
    found = COLLECTOR_SETTINGS.validate_python(settings)
    collector = make_collector(found, SECRETS)
    assert COLLECTOR_SETTINGS.validate_json(COLLECTOR_SETTINGS.dump_json(found)) == found
    assert getattr(collector, "alone") == (settings["kind"] not in ("rabbitmq", "kafka", "nats"))  # noqa: B009
    with pytest.raises(ValidationError):
        COLLECTOR_SETTINGS.validate_python(settings | {"password_": "x"})


def test_a_secret_that_is_written_down_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        COLLECTOR_SETTINGS.validate_python(GOOD[0] | {"password": "hunter2"})
    assert "hunter2" not in str(refused.value)
    with pytest.raises(SettingsError, match="env:MISSING"):
        make_collector(COLLECTOR_SETTINGS.validate_python(GOOD[0] | {"password": "env:MISSING"}), SECRETS)._parameters()  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        make_collector(object(), SECRETS)
    with pytest.raises(ValueError, match="known keys"):
        make_collector(COLLECTOR_SETTINGS.validate_python(GOOD[3] | {"deletes": True}), SECRETS)


def test_tls_verifies_always_and_refuses_files_that_are_none(tmp_path: Path) -> None:
    certificate(tmp_path, "mq.example")
    context = Tls(ca_file=tmp_path / "mq.example.pem").context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509"] == 1  # and none of those that this machine trusts
    both = Tls(certificate_file=tmp_path / "mq.example.pem", key_file=tmp_path / "mq.example.pem")
    both.context()
    (tmp_path / "none.pem").write_bytes(b"none")
    for name in ("none.pem", "away.pem"):
        with pytest.raises(SettingsError, match="files of TLS"):
            Tls(ca_file=tmp_path / name).context()
    with pytest.raises(ValidationError, match="go together"):
        Tls(key_file=tmp_path / "mq.example.pem")


@pytest.mark.parametrize(
    ("url", "reaches"),
    [
        ("https://n8n.example", "n8n.example:443"),
        ("http://n8n.example/base/", "n8n.example:80"),
        ("https://[::1]:5678", "[::1]:5678"),
    ],
)
def test_what_an_engine_is_reached_by(url: str, reaches: str) -> None:
    found = COLLECTOR_SETTINGS.validate_python({"kind": "n8n", "url": url, "api_key": "env:K"})
    assert found.reaches == (reaches,)
    assert not found.url.endswith("/")


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "ftp://n8n.example"},
        {"url": "https://user:pw@n8n.example"},
        {"url": "https://n8n.example/?key=1"},
        {"url": "https://n8n.example/#x"},
        {"url": "https://n8n.example:0"},
        {"url": "https:///api/v1"},
        {"url": "https://n8n.example/a b"},
        {"url": "https://n8n.example:99999"},
        {"since": "2026-03-01T00:00:00"},
        {"user": "u"},
        {"user": "u", "password": "env:P", "oauth": {"token_url": "https://t.example", "client_id": "c"}},
        {"oauth": {"token_url": "https://t.example", "client_id": "c", "client_secret": "hunter2"}},
        {"user": "u", "password": "env:P", "oauth": OAUTH},
    ],
)
def test_settings_of_an_engine_that_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        COLLECTOR_SETTINGS.validate_python({"kind": "camunda", "url": "https://c.example", **changes})
    assert "hunter2" not in str(refused.value)
    assert "user:pw" not in str(refused.value)
