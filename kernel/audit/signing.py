"""Signed heads of the audit: the newest anchor, signed with a key of this installation, to be kept elsewhere.

The key (Ed25519) is made in the home when it is first needed, or is a file that the settings name. The public keys of
all that ever signed here stay in the home, so that heads of an older key can be verified.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kernel.audit.anchors import Anchor
from kernel.errors import InputError, NotFound, SettingsError
from kernel.once import write_once
from kernel.settings import Settings

KEY_FILE = "audit.key"
PUBLIC_KEYS = "audit-keys"
"""Folder of the home: KEY_ID.pem each."""
PURPOSE = b"gembascope audit head 1\n"
"""Signed before the head itself, so that no signature over something else is one of a head."""


class SignedHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the audit of a tenant ended with when this was signed. `at`: when. `signature`: Ed25519, base64."""

    tenant: str
    anchor: int
    hash: str
    chains: int
    entries: int
    at: datetime
    key_id: str
    signature: str = ""

    def signed_bytes(self) -> bytes:
        fields = msgspec.structs.asdict(self)
        del fields["signature"]
        return PURPOSE + msgspec.json.encode(fields, order="sorted")


PublicKeys = Mapping[str, Ed25519PublicKey]
"""By their id, the SHA-256 of the key."""


def sign_head(settings: Settings, tenant: str, anchor: Anchor, at: datetime) -> SignedHead:
    """The head, signed with the key of now.

    Raises
    ------
    SettingsError
        The key that the settings name cannot be read, or is no Ed25519 key.
    """
    key = _private_key(settings)
    unsigned = SignedHead(
        tenant, anchor.number, anchor.hash, anchor.chains, anchor.entries, at, _keep_public(settings, key.public_key())
    )
    signature = base64.b64encode(key.sign(unsigned.signed_bytes())).decode()
    return msgspec.structs.replace(unsigned, signature=signature)


def signature_right(head: SignedHead, keys: PublicKeys) -> bool:
    """Whether one of the keys signed it; False also when it is of a key that is not among them."""
    key = keys.get(head.key_id)
    if key is None:
        return False
    try:
        key.verify(base64.b64decode(head.signature, validate=True), head.signed_bytes())
    except (InvalidSignature, ValueError):
        return False
    return True


def rotate_key(settings: Settings) -> tuple[str, str]:
    """Make a new key in place of the one in the home; ids of the old one and the new one. Heads that the old one
    signed stay verifiable.

    Raises
    ------
    SettingsError
        The settings name a key: whoever made it replaces it.
    """
    if settings.audit_key is not None:
        raise SettingsError("GEMBASCOPE_AUDIT_KEY names the key: put a new one into that file to change it")
    old = _keep_public(settings, _private_key(settings).public_key())
    new = Ed25519PrivateKey.generate()
    path = _home(settings) / KEY_FILE
    fresh = path.with_name(f"{KEY_FILE}.{key_id(new.public_key())[:16]}")
    write_once(fresh, _private_pem(new))
    os.replace(fresh, path)
    return old, key_id(new.public_key())


def public_keys(settings: Settings) -> PublicKeys:
    """All keys that ever signed in this home, the one of now included."""
    _keep_public(settings, _private_key(settings).public_key())
    return read_keys(sorted((_home(settings) / PUBLIC_KEYS).glob("*.pem")))


def read_keys(paths: Iterable[Path]) -> PublicKeys:
    """Public keys from PEM files of one or more each.

    Raises
    ------
    InputError
        A file holds no Ed25519 key.
    NotFound
        There is no such file.
    """
    found = {}
    for path in paths:
        blocks = [block for block in _read(path).decode("ascii", "replace").split("-----END PUBLIC KEY-----")[:-1]]
        try:
            keys = [serialization.load_pem_public_key(f"{b}-----END PUBLIC KEY-----\n".encode()) for b in blocks]
        except (ValueError, UnsupportedAlgorithm):
            raise InputError(f"{path}: expected public keys as PEM, as `gembascope audit keys` writes them") from None
        for key in keys:
            if isinstance(key, Ed25519PublicKey):
                found[key_id(key)] = key
        if not keys or not all(isinstance(key, Ed25519PublicKey) for key in keys):
            raise InputError(f"{path}: expected Ed25519 public keys, as `gembascope audit keys` writes them")
    return found


def keys_text(keys: PublicKeys) -> str:
    """Public keys as PEM, one after the other, by id."""
    return "".join(_public_pem(keys[name]) for name in sorted(keys))


def read_head(path: Path) -> SignedHead:
    """A head from a file, its signature not verified yet; `InputError` when it is none."""
    try:
        return msgspec.json.decode(_read(path), type=SignedHead)
    except msgspec.MsgspecError as error:
        raise InputError(f"{path}: expected a head as `gembascope audit head` writes it: {error}") from None


def head_text(head: SignedHead) -> bytes:
    return msgspec.json.format(msgspec.json.encode(head), indent=2) + b"\n"


def key_id(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()


def _private_key(settings: Settings) -> Ed25519PrivateKey:
    if settings.audit_key is None:
        path = _home(settings) / KEY_FILE
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_once(path, _private_pem(Ed25519PrivateKey.generate()))
    else:
        path = settings.audit_key.expanduser()
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise SettingsError(f"the key of the audit cannot be read: {path}: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SettingsError(f"{path}: expected an Ed25519 private key as PEM without a password") from None
    if not isinstance(found, Ed25519PrivateKey):
        raise SettingsError(f"{path}: expected an Ed25519 key; `openssl genpkey -algorithm ed25519` makes one")
    return found


def _keep_public(settings: Settings, key: Ed25519PublicKey) -> str:
    """Keep a public key for good; its id."""
    folder, name = _home(settings) / PUBLIC_KEYS, key_id(key)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_once(folder / f"{name}.pem", _public_pem(key))
    return name


def _home(settings: Settings) -> Path:
    return settings.home.expanduser().resolve()


def _private_pem(key: Ed25519PrivateKey) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def _public_pem(key: Ed25519PublicKey) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}") from None
