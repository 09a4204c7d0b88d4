"""Whatever is done to an audit is found against a head that was kept elsewhere; an untouched one is never blamed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from audits import ATTACKS, NOON, REPAIRS, TENANT, Rows, an_audit, bound, rebuilt, rehashed, relisted, told
from examples import examples

from kernel.audit.chain import FIRST
from kernel.audit.signing import PublicKeys, SignedHead, public_keys, sign_head
from kernel.audit.verify import Kind, verify
from kernel.settings import Settings, load_settings

SEVERAL = 40
"""Attacks on one audit before another one is made."""


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(home=tmp_path_factory.mktemp("home"), tenant=TENANT)


ENOUGH = max(10_000, examples(10_000))
"""What is promised of the audit: no fewer, however short tests have to be."""


@pytest.fixture(scope="module")
def keys(signer: Settings) -> PublicKeys:
    return public_keys(signer)


def test_ten_thousand_attacks_are_found_and_nothing_is_found_without_one(signer: Settings, keys: PublicKeys) -> None:
    seed, done = random.Random(20260301), Counter[str]()
    while done.total() < ENOUGH:
        rows, anchor = an_audit(seed)
        head = sign_head(signer, TENANT, anchor, NOON)
        untouched = verify(rows, TENANT, [head], keys)
        assert (untouched.breaches, untouched.not_covered, untouched.covered_by) == ([], 0, anchor.number)
        for _ in range(SEVERAL):
            attack, repair, attacked = seed.choice(ATTACKS), seed.choice(REPAIRS), rows.copy()
            attack(attacked, seed)
            repair(attacked)
            if attacked.same(rows):
                continue
            found = verify(attacked, TENANT, [head], keys)
            assert not found.intact, (attack.__name__, repair.__name__, attacked)
            done[attack.__name__] += 1
    assert min(done[attack.__name__] for attack in ATTACKS) > ENOUGH / 12.5


# Each kind, alone: nothing else finds these -----------------------------------------------------------------


def users(signer: Settings) -> tuple[Rows, SignedHead]:
    """Five entries of one chain and three of another, anchored after the second and the fourth of the first, and a
    head of the latter: one entry is not covered."""
    rows, heads = Rows(), []
    for position in range(5):
        if position < 3:
            rows.append("keys", key=position)
        rows.append("users", user=position)
        if position in (1, 3):
            heads.append(sign_head(signer, TENANT, rows.anchor(), NOON))
    return rows, heads[-1]


def content_edited(rows: Rows) -> None:
    at = rows.kept.index(rows.chain("users")[4])
    rows.kept[at] = told(rows.kept[at], actor="bo")


def edited_and_hashed_alone(rows: Rows) -> None:
    at = rows.kept.index(rows.chain("users")[2])  # no anchor lists it
    rows.kept[at] = bound(told(rows.kept[at], actor="bo"), rows.kept[at].previous)


def instant_edited(rows: Rows) -> None:
    at = rows.kept.index(rows.chain("users")[2])
    rows.kept[at] = msgspec.structs.replace(rows.kept[at], at=NOON)


def content_that_is_none(rows: Rows) -> None:
    at = rows.kept.index(rows.chain("users")[4])
    rows.kept[at] = bound(msgspec.structs.replace(rows.kept[at], content="{}"), rows.kept[at].previous)
    relisted(rows)


def last_one_numbered_anew(rows: Rows) -> None:
    at = rows.kept.index(rows.chain("users")[4])
    moved = msgspec.structs.replace(told(rows.kept[at], number=9), number=9)
    rows.kept[at] = bound(moved, moved.previous)
    relisted(rows)


def last_one_twice(rows: Rows) -> None:
    last = rows.chain("users")[4]
    rows.kept.append(bound(last, last.hash))


def edited_and_all_hashed(rows: Rows) -> None:
    at = rows.kept.index(rows.chain("users")[0])
    rows.kept[at] = told(rows.kept[at], actor="bo")
    rehashed(rows)


def end_of_an_anchored_chain_deleted(rows: Rows) -> None:
    for row in rows.chain("users")[3:]:
        rows.kept.remove(row)
    relisted(rows)


def end_that_no_anchor_lists_deleted(rows: Rows) -> None:
    rows.kept.remove(rows.chain("users")[4])


def whole_chain_deleted(rows: Rows) -> None:
    rows.kept = rows.chain("users")
    relisted(rows)


def everything_made_anew(rows: Rows) -> None:
    at = rows.kept.index(rows.chain("users")[0])
    rows.kept[at] = told(rows.kept[at], actor="bo")
    rebuilt(rows)


def anchors_deleted(rows: Rows) -> None:
    rows.anchored.clear()


def miscounting_anchor_added(rows: Rows) -> None:
    rows.anchor()
    last = rows.anchored[-1]
    rows.anchored[-1] = bound(told(last, entries=99), last.previous)


ALONE: list[tuple[Callable[[Rows], None], Kind]] = [
    (content_edited, Kind.CHANGED),
    (edited_and_hashed_alone, Kind.UNBOUND),
    (instant_edited, Kind.MISPLACED),
    (content_that_is_none, Kind.MISPLACED),
    (last_one_numbered_anew, Kind.MISSING),
    (last_one_twice, Kind.ORDER),
    (edited_and_all_hashed, Kind.REPLACED),
    (end_of_an_anchored_chain_deleted, Kind.CUT),
    (end_that_no_anchor_lists_deleted, Kind.CUT),
    (whole_chain_deleted, Kind.GONE),
    (everything_made_anew, Kind.HEAD),
    (anchors_deleted, Kind.HEAD),
    (miscounting_anchor_added, Kind.COUNT),
]


@pytest.mark.parametrize(("attack", "kind"), ALONE, ids=lambda value: getattr(value, "__name__", str(value)))
def test_each_attack_is_found_by_what_is_there_for_it(
    attack: Callable[[Rows], None], kind: Kind, signer: Settings, keys: PublicKeys
) -> None:
    rows, head = users(signer)
    before = verify(rows, TENANT, [head], keys)
    assert (before.intact, before.not_covered) == (True, 1)
    attack(rows)
    found = verify(rows, TENANT, [head], keys)
    assert {breach.kind for breach in found.breaches} == {kind}, found.breaches


# What heads can prove -----------------------------------------------------------------------------------------


def test_what_came_after_the_head_is_told_as_not_covered(signer: Settings, keys: PublicKeys) -> None:
    rows, head = users(signer)
    at = rows.kept.index(rows.chain("users")[4])
    rows.kept[at] = told(rows.kept[at], actor="mallory")
    rehashed(rows)
    rows.append("run:1", forged=True)
    rows.anchor()
    found = verify(rows, TENANT, [head], keys)
    assert (found.intact, found.not_covered, found.covered_by) == (True, 2, 2)


def test_without_a_head_only_what_is_inconsistent_is_found(signer: Settings) -> None:
    rows, _ = users(signer)
    everything_made_anew(rows)
    found = verify(rows, TENANT)
    assert (found.intact, found.covered_by, found.not_covered) == (True, None, 8)
    content_edited(rows)
    assert not verify(rows, TENANT).intact


def test_the_newest_of_several_heads_covers_and_each_must_hold(signer: Settings, keys: PublicKeys) -> None:
    rows, head = users(signer)
    newer = sign_head(signer, TENANT, rows.anchor(), NOON)
    found = verify(rows, TENANT, [newer, head, head], keys)
    assert (found.intact, found.covered_by, found.not_covered) == (True, 3, 0)
    rows.anchored.pop()
    cut = verify(rows, TENANT, [head, newer], keys)
    assert [(breach.kind, breach.number) for breach in cut.breaches] == [(Kind.HEAD, 3)]
    assert cut.covered_by == 2


@pytest.mark.parametrize(
    "change",
    [
        {"anchor": 1},
        {"hash": FIRST},
        {"entries": 8},
        {"tenant": "other"},
        {"key_id": "0" * 64},
        {"signature": ""},
        {"signature": "no base64"},
        {"at": NOON.replace(hour=13)},
    ],
    ids=str,
)
def test_a_head_that_was_changed_covers_nothing(signer: Settings, keys: PublicKeys, change: dict[str, object]) -> None:
    rows, head = users(signer)
    found = verify(rows, TENANT, [msgspec.structs.replace(head, **change)], keys)
    assert [breach.kind for breach in found.breaches] == [Kind.SIGNATURE]
    assert found.covered_by is None


def test_a_head_of_another_tenant_or_of_a_strangers_key_covers_nothing(
    signer: Settings, keys: PublicKeys, tmp_path: Path
) -> None:
    rows, _ = users(signer)
    anchor = rows.anchor()
    stranger = load_settings(home=tmp_path)
    for head in (sign_head(signer, "other", anchor, NOON), sign_head(stranger, TENANT, anchor, NOON)):
        found = verify(rows, TENANT, [head], keys)
        assert [breach.kind for breach in found.breaches] == [Kind.SIGNATURE]


def test_an_entry_of_another_tenant_is_misplaced(signer: Settings) -> None:
    rows, _ = users(signer)
    assert {breach.kind for breach in verify(rows, "other").breaches} == {Kind.MISPLACED}


def test_findings_beyond_a_thousand_are_counted(signer: Settings) -> None:
    rows = Rows()
    for position in range(1100):
        rows.append("users", user=position)
    rows.kept = [told(row, actor="bo") for row in rows.kept]
    found = verify(rows, TENANT)
    assert (found.found, len(found.breaches)) == (1100, 1000)
