"""Files of connections: every mistake with its line, and no secret repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from outside import SECRET, connection

from kernel.errors import DefinitionError, NotFound, SettingsError
from kernel.secrets import Secrets
from orchestration_hooks.connections import Apprise, Connections, Http, Webhook, read_connection

BAD = Path(__file__).resolve().parents[2] / "bad_definitions" / "connections"

MESSAGES = {
    "address_with_a_query.yaml": [
        "address_with_a_query.yaml:3: url: holds a query: it is the address that paths are put behind"
    ],
    "another_name.yaml": ["another_name.yaml:2: id: 'chat' is not the file's name; call the file chat.yaml"],
    "bad_name.yaml": ["bad_name.yaml:2: id: String should match pattern '^[a-z0-9][a-z0-9_-]{0,62}$'"],
    "hosts_without_port.yaml": [
        "hosts_without_port.yaml:4: hosts: expected host:port such as n8n.internal:5678, got 'smtp.example'"
    ],
    "no_address.yaml": [
        "no_address.yaml:3: url: expected an address such as https://n8n.example/webhook/refunds",
        "no_address.yaml:5: schema_version: Input should be 'v1'",
    ],
    "no_hosts.yaml": ["no_hosts.yaml:4: hosts: Tuple should have at least 1 item after validation, not 0"],
    "no_kind.yaml": ["no_kind.yaml:1: kind: is needed"],
    "secret_written_out.yaml": [
        "secret_written_out.yaml:4: secret: expected env:NAME or file:PATH: a secret is named here and never written"
    ],
    "several_mistakes.yaml": [
        "several_mistakes.yaml:3: url: holds a name or password: name a header and where its secret is instead",
        "several_mistakes.yaml:4: authorization.value: is needed",
        "several_mistakes.yaml:5: authorization.header: 'Host' is no header that can be set here",
        "several_mistakes.yaml:6: authorization.valu: not a known field (did you mean value?)",
        "several_mistakes.yaml:7: idempotency_header: 'X Y' is no header that can be set here",
    ],
    "unknown_kind.yaml": ["unknown_kind.yaml:2: kind: Input should be 'webhook', 'http' or 'apprise'"],
}


@pytest.mark.parametrize("name", sorted(path.name for path in BAD.glob("*.yaml")))
def test_every_mistake_is_told_with_its_line(name: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_connection(BAD / name, shown_as=name)
    assert str(caught.value).splitlines() == MESSAGES[name]
    assert "hunter2" not in str(caught.value)


def test_the_table_has_every_file() -> None:
    assert set(MESSAGES) == {path.name for path in BAD.glob("*.yaml")}


def test_connections_are_read_by_kind(tmp_path: Path) -> None:
    connection(tmp_path, "n8n", "kind: webhook\nurl: https://n8n.example/w\nsecret: env:A\nprevious_secret: file:b\n")
    connection(tmp_path, "erp", "kind: http\nurl: https://erp.example/api/\n")
    connection(tmp_path, "chat", "kind: apprise\nurl: env:C\nhosts: ['smtp.example:587']\n")
    found = Connections(tmp_path, "local")
    assert [(name, type(one)) for name, one in found.all().items()] == [
        ("chat", Apprise),
        ("erp", Http),
        ("n8n", Webhook),
    ]
    hook, erp = found.get("n8n"), found.get("erp")
    assert isinstance(hook, Webhook)
    assert hook.secrets == ("env:A", "file:b")
    assert isinstance(erp, Http)
    assert erp.url == "https://erp.example/api"
    with pytest.raises(NotFound, match=r"no connection 'n8' \(did you mean n8n\?\); there are: chat, erp, n8n"):
        found.get("n8")
    assert Connections(tmp_path, "other").all() == {}  # another tenant's
    for name in ("../n8n", "a\0b", ""):
        with pytest.raises(NotFound):
            found.get(name)
    connection(tmp_path, "bad", "kind: webhook\n")
    connection(tmp_path, "worse", "kind: nothing\n")
    with pytest.raises(DefinitionError) as caught:
        found.all()
    assert len(caught.value.problems) == 3  # url and secret are missing, and a kind that is none


def test_a_secret_comes_from_where_it_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "own").write_text(f"{SECRET}\n")
    (tmp_path / "lines").write_text("hunter2\nhunter2")
    (tmp_path / "bytes").write_bytes(b"\xffhunter2")
    secrets = Secrets(tmp_path, {"A": SECRET, "EMPTY": " "})
    assert secrets.get("env:A") == secrets.get("file:own") == secrets.get(f"file:{tmp_path}/own") == SECRET
    for reference, why in (
        ("env:NOTHING", "is not set"),
        ("env:EMPTY", "is not set"),
        ("file:nothing", "cannot be read"),
        ("file:.", "cannot be read"),
        ("file:lines", "is not one line of text"),
        ("file:bytes", "is no text"),
    ):
        with pytest.raises(SettingsError, match=f"the secret {reference} {why}") as caught:
            secrets.get(reference)
        assert "hunter2" not in str(caught.value)
    assert SECRET not in repr(secrets)
