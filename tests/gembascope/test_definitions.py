"""`check`: what the definitions of a tenant name in each other, and roles as commands spell them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from troubled_home import DEFINITIONS, define

from gembascope.commands.identity import read_grants
from gembascope.definitions import KINDS, check
from kernel.access import Grant, Role
from kernel.errors import InputError

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
CROSSED = {
    "owners/other-team.yaml": ("id: other-team\nchannel: chat\n", ["channel: no connection 'chat'"]),
    "owners/returns-team.yaml": ("id: returns-team\nowns: [{process: return}]\n", ["no process 'return'"]),
    "rules/late.yaml": (DEFINITIONS["rules/late.yaml"].replace("refund", "refnd"), ["has no promise 'refnd'"]),
    "playbooks/pay.yaml": (
        DEFINITIONS["playbooks/pay.yaml"]
        .replace("process: returns", "process: return")
        .replace("- {id: yes,", "- {id: tell, notify: {channel: chat, title: Paid, text: Paid}}\n  - {id: yes,"),
        [
            "trigger.match.process: no process 'return' (did you mean returns?)",
            "steps.2: no connection 'chat'",
        ],
    ),
    "sources/shop.yaml": (
        "id: shop\npack: shopp\ncollect: {kind: otlp}\n",
        ["pack: no mapping pack 'shopp'"],
    ),
    "alerts/all.yaml": ("id: all\nchannels: [chat]\n", ["no connection 'chat'"]),
}


def test_what_one_kind_names_in_another(tmp_path: Path) -> None:
    folder = tmp_path / "tenants" / "local"
    define(folder)
    right = check(tmp_path, "local", NOW)
    assert right.problems == []
    assert [len(right.ids[kind]) for kind in KINDS] == [1, 0, 0, 2, 2, 1, 0, 0, 0, 0]
    for name, (text, messages) in CROSSED.items():
        path = folder / name
        before = path.read_text() if path.exists() else None
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        found = check(tmp_path, "local", NOW).problems
        assert len(found) == len(messages), (name, found)
        for problem, message in zip(found, messages, strict=True):
            assert problem.path == str(path)
            assert message in problem.message
        path.unlink()
        if before is not None:
            path.write_text(before)


def test_one_mistake_is_told_once(tmp_path: Path) -> None:
    folder = tmp_path / "tenants" / "local"
    define(folder)
    (folder / "processes" / "returns.yaml").write_text("id: returns\n")
    (folder / "connections").mkdir()
    (folder / "connections" / "chat.yaml").write_text("id: chat\n")
    (folder / "owners" / "other-team.yaml").write_text("id: other-team\nchannel: chat\n")
    found = check(tmp_path, "local", NOW).problems
    assert [problem.message for problem in found] == ["kind: is needed", "object_type: is needed"]


def test_secrets_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "tenants" / "local" / "connections"
    folder.mkdir(parents=True)
    (folder / "erp.yaml").write_text("id: erp\nkind: webhook\nurl: https://x.example/a\nsecret: file:not-there\n")
    assert check(tmp_path, "local", NOW).problems == []


def test_roles_as_commands_spell_them() -> None:
    words = ["admin", "viewer:returns", "operator:returns:Bonn", "approver::Koeln: Mitte"]
    assert read_grants(words) == [
        Grant(Role.ADMIN),
        Grant(Role.VIEWER, "returns"),
        Grant(Role.OPERATOR, "returns", "Bonn"),
        Grant(Role.APPROVER, "", "Koeln: Mitte"),
    ]
    for word, message in (
        ("viewer:", "name the process after the colon"),
        ("viewer:returns:", "name the store after the second colon"),
        ("viewer::", "name the store"),
        ("king:returns", "'king' is no role"),
    ):
        with pytest.raises(InputError, match=message):
            read_grants([word])
