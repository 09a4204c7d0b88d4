"""The keys of erasure digests: of a tenant one that follows from the pseudonym key where there is one, and a random one
that is kept in the state database, apart from the digests."""

from __future__ import annotations

import hmac
import secrets
import threading

from sqlalchemy import select

from ingest.erasing.subject import Digests
from ingest.spool import FILE
from ingest.spool_beside import insert_into
from ingest.spool_tables import ERASURE_SECRETS, make_tables
from kernel.clock import Clock
from kernel.errors import SettingsError
from kernel.settings import Settings
from kernel.state.database import State


class ErasureKeys:
    """The keys of one installation. Nothing is opened before one is asked for. Safe to call from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._kept: dict[str, Digests] = {}

    def known(self, tenant: str, fingerprints: set[bytes]) -> dict[bytes, Digests]:
        """Those that have these fingerprints.

        Raises
        ------
        SettingsError
            One is not there: the pseudonym key was changed or taken away since something was erased.
        """
        found = {one.fingerprint: one for one in self._of_settings(tenant)}
        if not fingerprints <= set(found):
            found |= {one.fingerprint: one for one in self._of_state(tenant, None)}
        if not fingerprints <= set(found):
            raise SettingsError(
                "what was erased is told by a pseudonym key that is not set any more, and nothing can be loaded "
                "without it: set GEMBASCOPE_PSEUDONYM_KEY to what it was"
            )
        return {fingerprint: found[fingerprint] for fingerprint in fingerprints}

    def newest(self, tenant: str, clock: Clock) -> Digests:
        """That which digests are made with now; a random one is made and kept where there is none."""
        return (self._of_settings(tenant) or self._of_state(tenant, clock))[0]

    def _of_settings(self, tenant: str) -> list[Digests]:
        key = self._settings.pseudonym_key
        if key is None:
            return []
        return [Digests(hmac.digest(key.get_secret_value().encode(), b"erasure:" + tenant.encode(), "sha256"))]

    def _of_state(self, tenant: str, clock: Clock | None) -> list[Digests]:
        """The kept one; with a clock it is made where it is not there."""
        with self._lock:
            if tenant not in self._kept:
                with State(self._settings, file=FILE, prepare=make_tables) as state, state.writing() as connection:
                    if clock is not None:
                        row = {"tenant": tenant, "secret": secrets.token_hex(32), "made_at": clock.now()}
                        connection.execute(
                            insert_into(connection, ERASURE_SECRETS).values(**row).on_conflict_do_nothing()
                        )
                    asked = select(ERASURE_SECRETS.c.secret).where(ERASURE_SECRETS.c.tenant == tenant)
                    found = connection.execute(asked).scalar()
                if found is None:
                    return []
                self._kept[tenant] = Digests(bytes.fromhex(found))
            return [self._kept[tenant]]
