"""Sessions of people and keys of programs: good for a time, and gone at once when they end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from kernel.access import Grant, Role
from kernel.clock import FixedClock
from kernel.errors import InputError, NotFound
from kernel.identity.keys import KEY, ApiKeys
from kernel.identity.sessions import IDLE, LONGEST, Sessions
from kernel.identity.tokens import pepper
from kernel.identity.users import Users
from kernel.settings import load_settings
from kernel.state.database import State
from kernel.state.tables import METADATA

VIEWER = Grant(Role.VIEWER)
GOOD = "plum-violin harbour 7"
DAY = timedelta(days=1)


@pytest.fixture
def ana(users: Users) -> str:
    """The id of a person who may sign in."""
    user, token = users.add("ana@shop.example", [VIEWER], by="test")
    users.redeem(token, GOOD)
    return user.user_id


def everything_kept(state: State) -> str:
    """All rows of all tables, as one text."""
    with state.reading() as connection:
        return "\n".join(str(row) for table in METADATA.sorted_tables for row in connection.execute(select(table)))


def test_a_session_is_whose_it_is_until_it_is_closed(sessions: Sessions, ana: str) -> None:
    secret, other = sessions.open(ana), sessions.open(ana)
    found = sessions.principal(secret)
    assert found is not None
    assert (found.kind, found.id, found.name, found.grants) == ("user", ana, "ana@shop.example", {VIEWER})
    sessions.close(secret)
    sessions.close("unknown")
    assert sessions.principal(secret) is None
    assert sessions.principal(other) is not None
    assert sessions.principal("") is None


def test_a_session_ends_when_it_is_idle_and_after_half_a_day(sessions: Sessions, clock: FixedClock, ana: str) -> None:
    idle, used = sessions.open(ana), sessions.open(ana)
    began = clock.now()
    while clock.now() < began + LONGEST:
        assert sessions.principal(used) is not None
        clock.at += IDLE
    assert sessions.principal(idle) is None
    assert sessions.principal(used) is not None
    clock.at += timedelta(microseconds=1)
    assert sessions.principal(used) is None


def test_what_a_session_may_do_is_what_its_person_may_do_now(sessions: Sessions, users: Users, ana: str) -> None:
    secret = sessions.open(ana)
    users.set_grants("ana@shop.example", [Grant(Role.OPERATOR, process="returns")], by="test")
    found = sessions.principal(secret)
    assert found is not None
    assert found.grants == {Grant(Role.OPERATOR, process="returns")}
    users.set_disabled("ana@shop.example", True, by="test")
    users.set_disabled("ana@shop.example", False, by="test")
    assert sessions.principal(secret) is None


def test_a_new_password_ends_all_sessions(sessions: Sessions, users: Users, ana: str) -> None:
    secret = sessions.open(ana)
    users.redeem(users.forget_password("ana@shop.example", by="test"), "otter kettle marble 12")
    assert sessions.principal(secret) is None


def test_a_key_is_good_until_it_ends(keys: ApiKeys, clock: FixedClock) -> None:
    key, shown = keys.create("n8n", [VIEWER], life=30 * DAY, by="test")
    found = keys.principal(shown)
    assert found is not None
    assert (found.kind, found.id, found.name, found.grants) == ("key", key.key_id, "n8n", {VIEWER})
    assert keys.get(key.key_id).used_at == clock.now()
    clock.at += 30 * DAY - timedelta(microseconds=1)
    assert keys.principal(shown) is not None
    clock.at += timedelta(microseconds=1)
    assert keys.principal(shown) is None


def test_a_revoked_key_is_refused_at_once(keys: ApiKeys) -> None:
    key, shown = keys.create("n8n", [VIEWER], life=DAY, by="test")
    assert keys.revoke(key.key_id, by="test").revoked_at is not None
    assert keys.revoke(key.key_id, by="test").revoked_at == keys.get(key.key_id).revoked_at
    assert keys.principal(shown) is None
    with pytest.raises(NotFound):
        keys.revoke("0" * 32, by="test")


def test_a_key_of_another_tenant_or_pepper_or_with_one_letter_changed_is_none(
    keys: ApiKeys, state: State, clock: FixedClock, tenant: str
) -> None:
    _, shown = keys.create("n8n", [VIEWER], life=DAY, by="test")
    assert KEY.fullmatch(shown)
    assert ApiKeys(state, clock, f"{tenant}x", b"pepper").principal(shown) is None
    assert ApiKeys(state, clock, tenant, b"another").principal(shown) is None
    for place in range(len(shown)):
        letter = "0" if shown[place] != "0" else "1"
        assert keys.principal(shown[:place] + letter + shown[place + 1 :]) is None
    for wrong in ("", shown[:-1], shown + "0", shown.upper(), f" {shown}", "gbs_" + "0" * 32 + "_" + "0" * 43):
        assert keys.principal(wrong) is None


@pytest.mark.parametrize(
    ("name", "grants", "life", "reason"),
    [
        ("", [VIEWER], DAY, "a key has a name"),
        ("n8n", [], DAY, "at least one role"),
        ("n8n", [VIEWER], timedelta(days=367), "at most 366 days"),
        ("n8n", [VIEWER], timedelta(0), "at most 366 days"),
    ],
)
def test_a_key_without_a_name_a_grant_or_an_end_is_refused(
    keys: ApiKeys, name: str, grants: list[Grant], life: timedelta, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        keys.create(name, grants, life=life, by="test")
    assert keys.all() == []


def test_nothing_that_is_kept_lets_anybody_in(
    state: State, users: Users, sessions: Sessions, keys: ApiKeys, ana: str
) -> None:
    _, shown = keys.create("n8n", [VIEWER], life=DAY, by="test")
    secrets = [
        sessions.open(ana),
        users.forget_password("ana@shop.example", by="test"),
        shown,
        shown.split("_", 2)[2],
        GOOD,
    ]
    kept = everything_kept(state)
    assert ana in kept
    assert not [secret for secret in secrets if secret in kept]


def test_the_pepper_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home")
    made = pepper(settings)
    assert len(made) == 43
    assert pepper(settings) == made
    assert (tmp_path / "home" / "secret").stat().st_mode & 0o777 == 0o600
    assert pepper(load_settings(home=tmp_path / "home", secret_key="of the cluster" * 3)) == b"of the cluster" * 3
