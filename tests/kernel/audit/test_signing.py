"""Signed heads: who can sign them, what is kept of the key, and heads of a key that was replaced."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from kernel.audit.anchors import Anchor
from kernel.audit.signing import (
    head_text,
    keys_text,
    public_keys,
    read_head,
    read_keys,
    rotate_key,
    sign_head,
    signature_right,
)
from kernel.errors import InputError, NotFound, SettingsError
from kernel.settings import Settings, load_settings

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
ANCHOR = Anchor(7, "a" * 64, NOON, 3, 40)


def test_a_head_is_read_as_it_was_written_and_its_signature_is_right(settings: Settings, tmp_path: Path) -> None:
    head = sign_head(settings, "local", ANCHOR, NOON)
    (tmp_path / "head.json").write_bytes(head_text(head))
    (tmp_path / "keys.pem").write_text(keys_text(public_keys(settings)))
    again = read_head(tmp_path / "head.json")
    assert again == head
    assert (again.anchor, again.hash, again.chains, again.entries, again.at) == (7, "a" * 64, 3, 40, NOON)
    assert signature_right(again, read_keys([tmp_path / "keys.pem"]))
    assert not signature_right(msgspec.structs.replace(again, anchor=8), public_keys(settings))
    assert not signature_right(again, {})


def test_the_key_is_made_once_for_its_owner_alone(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        heads = list(pool.map(lambda _: sign_head(settings, "local", ANCHOR, NOON), range(8)))
    assert len({head.signature for head in heads}) == 1
    assert (settings.home / "audit.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (settings.home / "audit-keys").iterdir()] == [f"{heads[0].key_id}.pem"]
    private = (settings.home / "audit.key").read_text().split("\n")[1]
    assert private not in head_text(heads[0]).decode() + keys_text(public_keys(settings))


def test_heads_of_a_key_that_was_replaced_stay_verifiable(settings: Settings) -> None:
    older = sign_head(settings, "local", ANCHOR, NOON)
    assert rotate_key(settings)[0] == older.key_id
    newer = sign_head(settings, "local", ANCHOR, NOON)
    assert newer.key_id != older.key_id
    assert set(public_keys(settings)) == {older.key_id, newer.key_id}
    assert signature_right(older, public_keys(settings))
    assert signature_right(newer, public_keys(settings))
    assert sorted(path.name for path in settings.home.iterdir()) == ["audit-keys", "audit.key"]
    assert (settings.home / "audit.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_the_settings_name_signs_and_is_not_copied(tmp_path: Path, settings: Settings) -> None:
    mounted = tmp_path / "mounted.key"
    sign_head(settings, "local", ANCHOR, NOON)
    mounted.write_bytes((settings.home / "audit.key").read_bytes())
    other = load_settings(home=tmp_path / "other", audit_key=mounted)
    assert sign_head(other, "local", ANCHOR, NOON) == sign_head(settings, "local", ANCHOR, NOON)
    assert [path.name for path in other.home.iterdir()] == ["audit-keys"]
    with pytest.raises(SettingsError, match="put a new one into that file"):
        rotate_key(other)


def test_a_key_that_is_none_is_named_without_what_it_holds(tmp_path: Path) -> None:
    curve = generate_private_key(SECP256R1())
    pem = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in (("absent", None), ("noise", b"hunter2"), ("another", pem)):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SettingsError, match=name) as caught:
            sign_head(load_settings(home=tmp_path / "home", audit_key=path), "local", ANCHOR, NOON)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"tenant": 1}',
        b"\xff",
        b"-----BEGIN PUBLIC KEY-----\nnone\n-----END PUBLIC KEY-----\n",
    ],
)
def test_files_that_are_neither_heads_nor_keys_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match="expected a head"):
        read_head(tmp_path / "file")
    with pytest.raises(InputError, match="expected"):
        read_keys([tmp_path / "file"])
    with pytest.raises(NotFound, match="absent"):
        read_head(tmp_path / "absent")
    with pytest.raises(NotFound, match="absent"):
        read_keys([tmp_path / "absent"])


def test_openssl_reads_the_keys(settings: Settings, tmp_path: Path) -> None:
    """Whoever verifies need not trust this program."""
    (tmp_path / "keys.pem").write_text(keys_text(public_keys(settings)))
    words = ["openssl", "pkey", "-pubin", "-in", str(tmp_path / "keys.pem"), "-noout", "-text"]
    assert "ED25519" in subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout.upper()
    assert load_pem_private_key((settings.home / "audit.key").read_bytes(), password=None)
