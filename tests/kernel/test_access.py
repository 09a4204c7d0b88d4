"""Who may do what: a table of every role and permission, and the law of scopes."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.access import PERMISSIONS, Grant, Permission, Principal, Reach, Role, admits, reach, require
from kernel.errors import NotAllowed

MATRIX = {
    #                  read  export load   act    approve administer
    Role.VIEWER: (True, False, False, False, False, False),
    Role.ANALYST: (True, True, False, False, False, False),
    Role.OPERATOR: (True, True, True, True, False, False),
    Role.APPROVER: (True, True, False, False, True, False),
    Role.ADMIN: (True, True, True, False, False, True),
}
GRANTS = st.builds(
    Grant,
    st.sampled_from(list(Role)),
    st.sampled_from(["", "returns", "orders"]),
    st.sampled_from(["", "Köln", "Bonn"]),
)


def holder(*grants: Grant) -> Principal:
    return Principal("t", "user", "1", "ana", frozenset(grants))


@pytest.mark.parametrize(("role", "permission"), list(product(Role, Permission)))
def test_a_role_may_do_what_the_table_says(role: Role, permission: Permission) -> None:
    allowed = MATRIX[role][list(Permission).index(permission)]
    assert (reach(holder(Grant(role)), permission, "returns") == Reach()) is allowed
    assert (reach(holder(Grant(role)), permission) == Reach()) is allowed


def test_who_has_no_grant_may_do_nothing() -> None:
    assert not [permission for permission in Permission if reach(holder(), permission, "returns")]


def test_a_grant_for_one_process_or_store_reaches_no_further() -> None:
    found = holder(
        Grant(Role.VIEWER, "returns"), Grant(Role.VIEWER, "orders", "Köln"), Grant(Role.VIEWER, "orders", "Bonn")
    )
    assert reach(found, Permission.READ, "returns") == Reach()
    assert reach(found, Permission.READ, "orders") == Reach(frozenset({"Köln", "Bonn"}))
    assert reach(found, Permission.READ, "invoices") is None
    assert reach(found, Permission.READ) is None  # of no process, such as the list of users


def test_a_place_without_a_process_admits_whoever_may_read_anything() -> None:
    of_one_store = holder(Grant(Role.VIEWER, "returns", "Köln"))
    assert admits(of_one_store, Permission.READ)
    assert not admits(of_one_store, Permission.READ, "returns")
    assert not admits(holder(Grant(Role.VIEWER, "p"), Grant(Role.ANALYST, "p", "Köln")), Permission.EXPORT, "p")
    assert admits(holder(Grant(Role.VIEWER, "returns")), Permission.READ, "returns")
    assert not admits(of_one_store, Permission.READ, "orders")
    assert not admits(holder(Grant(Role.OPERATOR, "returns")), Permission.LOAD)
    assert not admits(holder(), Permission.READ)


@given(st.frozensets(GRANTS, max_size=5), st.sampled_from(list(Permission)), st.sampled_from(["", "returns", "orders"]))
def test_what_is_reached_is_the_union_of_what_each_grant_reaches(
    grants: frozenset[Grant], permission: Permission, process: str
) -> None:
    def reaches(store: str) -> bool:
        return any(
            permission in PERMISSIONS[grant.role] and grant.process in ("", process) and grant.store in ("", store)
            for grant in grants
        )

    found = reach(holder(*grants), permission, process)
    for store in ("Köln", "Bonn", "Ulm"):
        expected = reaches(store) if process else reaches("Ulm")
        assert (found is not None and (found.stores is None or store in found.stores)) is expected


def test_a_grant_for_some_stores_admits_to_reading_a_process_that_names_its_store() -> None:
    found = holder(Grant(Role.OPERATOR, "returns", "Köln"), Grant(Role.APPROVER, "returns", "Köln"))
    for permission in Permission:
        limitable = permission in (Permission.READ, Permission.EXPORT)
        assert admits(found, permission, "returns", names_store=True) is limitable
        assert not admits(found, permission, "returns")
        assert not admits(found, permission, "orders", names_store=True)
    assert not admits(found, Permission.EXPORT, names_store=True)  # of no process
    assert not admits(holder(Grant(Role.VIEWER, "returns", "Köln")), Permission.EXPORT, "returns", names_store=True)


@given(
    st.frozensets(GRANTS, max_size=5),
    st.sampled_from(list(Permission)),
    st.sampled_from(["", "returns", "orders"]),
    st.sampled_from(["", "Köln", "Bonn", "Ulm"]),
)
def test_one_thing_may_be_done_to_where_one_grant_says_so(
    grants: frozenset[Grant], permission: Permission, process: str, store: str
) -> None:
    """What belongs to no process, and what belongs to no store, needs a grant for all of them."""
    allowed = any(
        permission in PERMISSIONS[grant.role]
        and (grant.process == "" or grant.process == process != "")
        and (grant.store == "" or (grant.store == store != "" and process != ""))
        for grant in grants
    )
    if allowed:
        require(holder(*grants), permission, process, store)
    else:
        with pytest.raises(NotAllowed, match=f"^ana has no grant to {permission.value} here$"):
            require(holder(*grants), permission, process, store)


def test_nobody_may_nothing() -> None:
    for permission in Permission:
        with pytest.raises(NotAllowed, match="nobody"):
            require(None, permission, "returns", "Köln")


def test_who_administers_neither_acts_nor_approves() -> None:
    for permission in (Permission.ACT, Permission.APPROVE):
        with pytest.raises(NotAllowed):
            require(holder(Grant(Role.ADMIN)), permission, "returns", "Köln")
    require(holder(Grant(Role.APPROVER, "returns", "Köln")), Permission.APPROVE, "returns", "Köln")
    with pytest.raises(NotAllowed):
        require(holder(Grant(Role.OPERATOR, "returns", "Köln")), Permission.APPROVE, "returns", "Köln")
