"""People: how they are added, sign in and are kept out."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from kernel.access import Grant, Role
from kernel.clock import FixedClock
from kernel.errors import InputError, NotFound, SignInRefused, StateConflict
from kernel.identity.passwords import Passwords
from kernel.identity.users import FREE_FAILURES, LONGEST_WAIT, TOKEN_LIFE, Users
from kernel.state.database import State

VIEWER, ADMIN = Grant(Role.VIEWER), Grant(Role.ADMIN)
GOOD, OTHER = "plum-violin harbour 7", "otter kettle marble 12"


def signing_in(users: Users, name: str = "ana@shop.example", *, grants: tuple[Grant, ...] = (VIEWER,)) -> str:
    """A person with the password GOOD; their name."""
    _, token = users.add(name, grants, by="test")
    users.redeem(token, GOOD)
    return name


def test_who_was_added_sets_a_password_and_signs_in(users: Users) -> None:
    added, token = users.add(" Ana@Shop.example ", [VIEWER, Grant(Role.APPROVER, store="Köln")], by="test")
    assert (added.name, added.invited) == ("ana@shop.example", True)
    with pytest.raises(SignInRefused):
        users.sign_in("ana@shop.example", GOOD)
    assert users.redeem(token, GOOD).invited is False
    found = users.sign_in("ANA@shop.example", GOOD)
    assert found.grants == {VIEWER, Grant(Role.APPROVER, store="Köln")}
    assert found == users.get("ana@shop.example")
    assert [user.name for user in users.all()] == ["ana@shop.example"]


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ana@shop.example", OTHER),
        ("ana@shop.example", "x" * 1_000_000),
        ("ana@shop.example", "\x00"),
        ("bo@shop.example", GOOD),
        ("", ""),
        ("ana\x00", GOOD),
        ("x" * 10_000, GOOD),
    ],
    ids=range(7),
)
def test_what_was_wrong_is_not_told(users: Users, name: str, password: str) -> None:
    signing_in(users)
    with pytest.raises(SignInRefused, match="that name and password are not right"):
        users.sign_in(name, password)


def test_two_of_one_name_are_refused_and_tenants_do_not_see_each_other(
    users: Users, state: State, clock: FixedClock, tenant: str
) -> None:
    signing_in(users)
    with pytest.raises(StateConflict):
        users.add("ANA@shop.example", [VIEWER], by="test")
    others = Users(state, clock, f"{tenant}x", Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)))
    assert others.all() == []
    with pytest.raises(SignInRefused):
        others.sign_in("ana@shop.example", GOOD)
    with pytest.raises(NotFound):
        others.get("ana@shop.example")


@pytest.mark.parametrize("name", ["", "  ", "a b", "a\x00b", "x" * 255])
def test_a_name_that_is_none_is_refused(users: Users, name: str) -> None:
    with pytest.raises(InputError, match="a name to sign in with"):
        users.add(name, [VIEWER], by="test")


def test_nobody_is_added_without_a_role(users: Users) -> None:
    with pytest.raises(InputError, match="at least one role"):
        users.add("ana@shop.example", [], by="test")
    assert users.all() == []


# Tries ------------------------------------------------------------------------------------------------------


def wrong(users: Users, name: str = "ana@shop.example") -> None:
    with pytest.raises(SignInRefused):
        users.sign_in(name, OTHER)


def test_after_five_wrong_passwords_the_right_one_waits_too(users: Users, clock: FixedClock) -> None:
    name = signing_in(users)
    for _ in range(FREE_FAILURES):
        wrong(users)
    with pytest.raises(SignInRefused):
        users.sign_in(name, GOOD)
    clock.at += timedelta(minutes=1)
    assert users.sign_in(name, GOOD).locked_until is None
    for _ in range(FREE_FAILURES - 1):
        wrong(users)
    assert users.sign_in(name, GOOD).name == name


def test_waits_double_up_to_a_quarter_of_an_hour(users: Users, clock: FixedClock) -> None:
    name = signing_in(users)
    waits = []
    for _ in range(FREE_FAILURES + 6):
        wrong(users)
        locked = users.get(name).locked_until
        if locked is not None:
            waits.append(locked - clock.now())
            clock.at = locked
    assert waits == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15, 15, 15)]
    assert max(waits) == LONGEST_WAIT


def test_many_tries_at_once_are_no_more_tries(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    name = signing_in(users)
    judged = []
    real = Passwords.right

    def right(self: Passwords, password: str, kept: str | None) -> bool:
        if kept is not None:
            judged.append(password)
            time.sleep(0.05)
        return real(self, password, kept)

    monkeypatch.setattr(Passwords, "right", right)
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(wrong, users, name) for _ in range(24)]:
            done.result()
    assert len(judged) == FREE_FAILURES


def test_an_older_hash_is_made_anew(users: Users, state: State, clock: FixedClock, tenant: str) -> None:
    name = signing_in(users)
    dearer = Passwords(PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    again = Users(state, clock, tenant, dearer)
    again.sign_in(name, GOOD)
    with state.reading() as connection:
        kept = again._named(connection, name).password_hash
    assert not dearer.outdated(kept)
    assert again.sign_in(name, GOOD).name == name


# Who is kept out ------------------------------------------------------------------------------------------------


def test_who_is_disabled_does_not_come_in(users: Users) -> None:
    name = signing_in(users)
    assert users.set_disabled(name, True, by="test").disabled_at is not None
    with pytest.raises(SignInRefused):
        users.sign_in(name, GOOD)
    users.set_disabled(name, False, by="test")
    assert users.sign_in(name, GOOD).name == name


def test_the_last_administrator_stays(users: Users) -> None:
    signing_in(users, "root@shop.example", grants=(ADMIN,))
    signing_in(users, "store@shop.example", grants=(Grant(Role.ADMIN, store="Köln"),))
    for change in (
        lambda: users.set_disabled("root@shop.example", True, by="test"),
        lambda: users.set_grants("root@shop.example", [VIEWER], by="test"),
    ):
        with pytest.raises(InputError, match="nobody would administer"):
            change()
    assert users.get("root@shop.example").grants == {ADMIN}
    signing_in(users, "second@shop.example", grants=(ADMIN,))
    assert users.set_disabled("root@shop.example", True, by="test").disabled_at is not None


def test_two_who_disable_each_other_at_once_leave_one(users: Users) -> None:
    for _ in range(10):
        names = ["one@shop.example", "two@shop.example"]
        for name in names:
            if name not in {user.name for user in users.all()}:
                signing_in(users, name, grants=(ADMIN,))
            users.set_disabled(name, False, by="test")

        def disable(name: str) -> bool:
            try:
                users.set_disabled(name, True, by="test")
            except InputError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(disable, names)) == [False, True]


# Tokens -----------------------------------------------------------------------------------------------------


def test_the_first_administrator_comes_by_a_token_that_works_once(users: Users) -> None:
    older, token = users.first_admin_token(), users.first_admin_token()
    assert older is not None
    assert token is not None
    for wrong_token in (older, "guessed", ""):
        with pytest.raises(SignInRefused):
            users.redeem(wrong_token, GOOD, name="root@shop.example")
    with pytest.raises(InputError, match="a password has"):
        users.redeem(token, "short", name="root@shop.example")
    with pytest.raises(InputError, match="a name to sign in with"):
        users.redeem(token, GOOD)
    root = users.redeem(token, GOOD, name="root@shop.example")
    assert Grant(Role.ADMIN) in root.grants
    assert users.sign_in("root@shop.example", GOOD) == root
    with pytest.raises(SignInRefused):
        users.redeem(token, GOOD, name="second@shop.example")
    assert users.first_admin_token() is None
    assert [user.name for user in users.all()] == ["root@shop.example"]


def test_a_token_used_by_many_at_once_makes_one_administrator(users: Users) -> None:
    token = users.first_admin_token()
    assert token is not None

    def use(number: int) -> bool:
        try:
            users.redeem(token, GOOD, name=f"root{number}@shop.example")
        except SignInRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(16))) == 1
    assert len(users.all()) == 1


def test_a_token_grows_old(users: Users, clock: FixedClock) -> None:
    _, token = users.add("ana@shop.example", [VIEWER], by="test")
    clock.at += TOKEN_LIFE
    with pytest.raises(SignInRefused, match="used or is too old"):
        users.redeem(token, GOOD)


def test_a_forgotten_password_works_until_the_new_one_is_set(users: Users) -> None:
    name = signing_in(users)
    token = users.forget_password(name, by="test")
    assert users.sign_in(name, GOOD).name == name
    users.redeem(token, OTHER)
    assert users.sign_in(name, OTHER).name == name
    with pytest.raises(SignInRefused):
        users.sign_in(name, GOOD)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("eleven chars"[:11], "12 to 256 characters"),
        ("x" * 257, "12 to 256 characters"),
        ("passwordpassword", "that password will not do"),
        ("qwertyuiop123", "that password will not do"),
        ("ana@shop.example", "that password will not do"),
    ],
)
def test_a_password_that_others_would_guess_is_refused(users: Users, password: str, reason: str) -> None:
    _, token = users.add("ana@shop.example", [VIEWER], by="test")
    with pytest.raises(InputError, match=reason) as caught:
        users.redeem(token, password)
    assert password not in str(caught.value)
