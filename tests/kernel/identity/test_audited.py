"""Who changed what about people and keys is in the audit: references, in the same transaction, and never a secret."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from kernel.access import Grant, Role
from kernel.audit.records import StoredAudit
from kernel.audit.verify import verify
from kernel.clock import FixedClock
from kernel.errors import InputError, SignInRefused, StateConflict
from kernel.identity.keys import ApiKeys
from kernel.identity.sessions import Sessions
from kernel.identity.tokens import digest
from kernel.identity.users import FREE_FAILURES, Users
from kernel.state.database import State
from kernel.state.tables import AUDIT_ENTRIES

VIEWER, ADMIN = Grant(Role.VIEWER), Grant(Role.ADMIN)
ANA, BO = "ana@shop.example", "bo@shop.example"
GOOD, OTHER, WRONG = "plum-violin harbour 7", "otter kettle marble 12", "copper lantern ridge 5"


def recorded(state: State, tenant: str, chain: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Kind, actor and body of each entry."""
    of = AUDIT_ENTRIES.c
    with state.reading() as connection:
        asked = select(of.content).where(of.tenant == tenant, of.chain == chain).order_by(of.number)
        said = [msgspec.json.decode(content) for content in connection.execute(asked).scalars()]
    return [(entry["kind"], entry["actor"], entry["body"]) for entry in said]


def wrong(users: Users, name: str = ANA) -> None:
    with pytest.raises(SignInRefused):
        users.sign_in(name, WRONG)


def test_each_change_of_people_is_recorded_with_who_made_it(users: Users, state: State, tenant: str) -> None:
    first = users.redeem(str(users.first_admin_token()), GOOD, name="root@shop.example").user_id
    ana, token = users.add(ANA, [VIEWER], by=first)
    users.redeem(token, GOOD)
    users.set_grants(ANA, [Grant(Role.APPROVER, "returns", "Köln"), VIEWER], by=first)
    users.forget_password(ANA, by=first)
    users.set_disabled(ANA, True, by=first)
    users.set_disabled(ANA, False, by="local")
    her, viewer = {"user_id": ana.user_id}, {"role": "viewer", "process": "", "store": ""}
    everything = [{"role": role, "process": "", "store": ""} for role in ("admin", "operator")]
    approver = {"role": "approver", "process": "returns", "store": "Köln"}
    assert recorded(state, tenant, "users") == [
        ("first_administrator_link_issued", "gembascope", {}),
        ("first_administrator_made", first, {"user_id": first, "grants": everything}),
        ("user_added", first, her | {"grants": [viewer]}),
        ("password_set", ana.user_id, her),
        ("grants_changed", first, her | {"grants": [approver, viewer]}),
        ("password_link_issued", first, her),
        ("user_disabled", first, her),
        ("user_enabled", "local", her),
    ]


def test_each_wait_is_recorded_and_what_is_tried_meanwhile_is_not(
    users: Users, state: State, clock: FixedClock, tenant: str
) -> None:
    ana, token = users.add(ANA, [VIEWER], by="test")
    users.redeem(token, GOOD)
    for _ in range(FREE_FAILURES + 20):
        wrong(users)
    wrong(users, BO)
    first = clock.now() + timedelta(minutes=1)
    clock.at = first
    wrong(users)
    second = clock.now() + timedelta(minutes=2)
    clock.at = second
    users.sign_in(ANA, GOOD)
    users.sign_in(ANA, GOOD)
    her = {"user_id": ana.user_id}
    assert recorded(state, tenant, "users")[2:] == [
        ("user_locked_out", "gembascope", her | {"failures": 5, "until": first.isoformat()}),
        ("user_locked_out", "gembascope", her | {"failures": 6, "until": second.isoformat()}),
        ("user_locked_out", "gembascope", her | {"failures": 7, "until": (second + timedelta(minutes=4)).isoformat()}),
        ("user_let_in_again", ana.user_id, her),
    ]


def test_each_change_of_keys_is_recorded_once(keys: ApiKeys, state: State, clock: FixedClock, tenant: str) -> None:
    key, _ = keys.create("n8n of Ana", [VIEWER], life=timedelta(days=1), by="someone")
    for _ in range(2):
        keys.revoke(key.key_id, by="another")
    about = {"grants": [{"role": "viewer", "process": "", "store": ""}], "expires_at": key.expires_at.isoformat()}
    assert recorded(state, tenant, "keys") == [
        ("key_created", "someone", {"key_id": key.key_id, **about}),
        ("key_revoked", "another", {"key_id": key.key_id}),
    ]


def test_what_did_not_happen_is_not_recorded(users: Users, keys: ApiKeys, state: State, tenant: str) -> None:
    root = users.redeem(str(users.first_admin_token()), GOOD, name=BO)
    users.add(ANA, [VIEWER], by="test")
    before = recorded(state, tenant, "users")
    with pytest.raises(StateConflict):
        users.add(ANA, [VIEWER], by="test")
    with pytest.raises(InputError):
        users.set_disabled(root.name, True, by="test")
    with pytest.raises(InputError):
        users.set_grants(root.name, [VIEWER], by="test")
    with pytest.raises(InputError):
        keys.create("n8n", [], life=timedelta(days=1), by="test")
    with pytest.raises(SignInRefused):
        users.redeem("no token", OTHER)
    assert users.first_admin_token() is None
    assert (recorded(state, tenant, "users"), recorded(state, tenant, "keys")) == (before, [])


def test_no_secret_and_no_name_is_in_the_audit(
    users: Users, sessions: Sessions, keys: ApiKeys, state: State, clock: FixedClock, tenant: str
) -> None:
    first = str(users.first_admin_token())
    root = users.redeem(first, OTHER, name=BO)
    ana, added = users.add(ANA, [VIEWER], by=root.user_id)
    users.redeem(added, GOOD)
    forgotten = users.forget_password(ANA, by=root.user_id)
    users.set_grants(ANA, [ADMIN], by=root.user_id)
    for _ in range(FREE_FAILURES + 1):
        wrong(users)
    clock.at += timedelta(hours=1)
    session = sessions.open(users.sign_in(ANA, GOOD).user_id)
    assert sessions.principal(session) is not None
    key, shown = keys.create("n8n of Ana", [VIEWER], life=timedelta(days=1), by=ana.user_id)
    assert keys.principal(shown) is not None
    keys.revoke(key.key_id, by=ana.user_id)
    users.set_disabled(ANA, True, by=root.user_id)
    users.set_disabled(ANA, False, by=root.user_id)
    sessions.close(session)
    secrets = [first, added, forgotten, session, shown, shown.split("_", 2)[2]]
    words = [*secrets, *map(digest, secrets), GOOD, OTHER, WRONG, ANA, BO, "shop.example", "n8n", "argon2", "pepper"]
    kept = [repr(entry) for chain in ("users", "keys") for entry in recorded(state, tenant, chain)]
    assert len(kept) == 13
    assert [(word, entry) for word in words for entry in kept if word in entry] == []


def test_changes_at_once_are_all_recorded(users: Users, keys: ApiKeys, state: State, tenant: str) -> None:
    """People locked by a wrong password, changed and added, and keys, by eight at a time: nobody waits for ever."""
    names = [f"clerk-{number}@shop.example" for number in range(8)]

    def work(name: str) -> None:
        _, token = users.add(name, [VIEWER], by="test")
        users.redeem(token, GOOD)
        for _ in range(FREE_FAILURES):
            wrong(users, names[0])
        users.set_grants(name, [Grant(Role.ANALYST)], by="test")
        users.set_disabled(name, True, by="test")
        key, _ = keys.create("n8n", [VIEWER], life=timedelta(days=1), by="test")
        keys.revoke(key.key_id, by="test")

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, name) for name in names]:
            done.result()
    kinds = [kind for kind, _, _ in recorded(state, tenant, "users")]
    for kind in ("user_added", "password_set", "grants_changed", "user_disabled"):
        assert kinds.count(kind) == 8
    assert len(recorded(state, tenant, "keys")) == 16
    found = verify(StoredAudit(state, tenant), tenant)
    assert (found.breaches, found.entries) == ([], len(kinds) + 16)
