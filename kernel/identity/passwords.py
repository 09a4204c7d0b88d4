"""Passwords: which are good enough, and how they are kept (Argon2id, RFC 9106)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kernel.errors import InputError

SHORTEST = 12
LONGEST = 256
"""Characters; hashing a longer one would only cost."""
JUDGED = 72
"""Characters that are looked at: judging takes longer than the length, and these are enough to tell."""
STRONG = 3
"""Of zxcvbn's scores 0 to 4: at least 10^8 guesses by who knows its lists of passwords that leaked."""


class Passwords:
    """Makes and checks hashes. Each takes 64 MiB and some time: who lets strangers ask lets few ask at once.

    `seldom`: none may ever be checked, as by most commands, so that the first check prepares what it needs. Who lets
    strangers ask prepares it before: else the first wrong name would take longer than a right one.
    """

    def __init__(self, hasher: PasswordHasher | None = None, *, seldom: bool = False) -> None:
        self._hasher = hasher or PasswordHasher()
        self._kept_of_nobody = None if seldom else self._of_nobody()

    def _of_nobody(self) -> str:
        return self._hasher.hash("the password of nobody")

    def hash(self, password: str, *, name: str = "") -> str:
        """The hash of a new password of `name`.

        Raises
        ------
        InputError
            It is too short, too long or too easy to guess.
        """
        _check(password, name)
        return self._hasher.hash(password)

    def right(self, password: str, kept: str | None) -> bool:
        """Whether it is the password of which `kept` is the hash. Of nobody (None) it is wrong, after the same time."""
        if len(password) > LONGEST:
            return False
        self._kept_of_nobody = self._kept_of_nobody or self._of_nobody()
        try:
            return self._hasher.verify(kept or self._kept_of_nobody, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with less effort than new ones are."""
        return self._hasher.check_needs_rehash(kept)

    def again(self, password: str) -> str:
        """A new hash of a password that was right, whatever one would say of it today."""
        return self._hasher.hash(password)


def _check(password: str, name: str) -> None:
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"a password has {SHORTEST} to {LONGEST} characters")
    from zxcvbn import zxcvbn  # its lists take a while to load, and passwords are seldom set

    known_of_them = [part for part in (name, name.partition("@")[0], "gembascope") if part]
    found = zxcvbn(password[:JUDGED], user_inputs=known_of_them)
    if found["score"] < STRONG:
        said = found["feedback"]["warning"] or "it is too easy to guess"
        raise InputError(f"that password will not do: {said.rstrip('.').lower()}. A few unusual words make a good one")
