"""Groups of incidents in the state database: news comes in, messages go into the outbox, each in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, select
from sqlalchemy.dialects import postgresql, sqlite

from kernel.findings import finding_id
from kernel.state.tables.outbox import ALERT_GROUPS, ALERT_MEMBERS
from orchestration_hooks.alerts.grouping import NOT_TOLD, TELLS, Member, Reason, reason_to_tell
from orchestration_hooks.alerts.news import IncidentNews, NewsState, read, written
from orchestration_hooks.alerts.page import page, worst_first
from orchestration_hooks.alerts.policy import AlertPolicy
from orchestration_hooks.outbox import enqueue, message_body


class Alerter:
    """The alerts of a tenant, by its policies. `public_url`: where people reach this service."""

    def __init__(self, tenant: str, policies: Mapping[str, AlertPolicy], public_url: str | None) -> None:
        self._tenant, self._policies, self._public_url = tenant, policies, public_url

    def take(self, connection: Connection, news: IncidentNews, now: datetime) -> list[str]:
        """Note what became of an incident, within the transaction in which it became so. Answers with the policies that
        will tell of it. News of a backfill adds no incident: nobody is told of the past."""
        return [name for name, policy in sorted(self._policies.items()) if self._noted(connection, policy, news, now)]

    def flush(self, connection: Connection, now: datetime, *, most: int = 100) -> dict[str, Reason]:
        """Decide on the groups that are due, and write what is told of them into the outbox, within one transaction.
        Answers with the decision of each group. Groups that another process decides on at this moment are left out."""
        due = (
            select(ALERT_GROUPS)
            .where(ALERT_GROUPS.c.tenant == self._tenant, ALERT_GROUPS.c.next_flush_at <= now)
            .order_by(ALERT_GROUPS.c.next_flush_at, ALERT_GROUPS.c.group_id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        found = connection.execute(due).mappings().all()
        return {group["group_id"]: self._flushed(connection, group, now) for group in found}

    def _noted(self, connection: Connection, policy: AlertPolicy, news: IncidentNews, now: datetime) -> bool:
        """Whether the policy tells of the incident now."""
        mine = self._member(policy.id, news.incident_id)
        group_id = connection.execute(select(ALERT_MEMBERS.c.group_id).where(mine)).scalar_one_or_none()
        values: dict[str, Any] = {"news": written(news), "firing": news.state is not NewsState.RESOLVED}
        if news.state is NewsState.ACKNOWLEDGED:
            values["acknowledged"] = True
        elif news.state is NewsState.OPENED:
            values["acknowledged"] = False  # of a new or reopened incident
        if group_id is not None:
            self._locked(connection, group_id)
            known = ALERT_MEMBERS.update().where(mine).values(**values).returning(ALERT_MEMBERS.c.group_id)
            if connection.execute(known).one_or_none() is not None:
                return True  # else its end was told while we waited for the group
        begins = news.state in (NewsState.OPENED, NewsState.GREW)
        if not begins or news.backfill or not policy.match.holds(news):
            return False
        values |= {"acknowledged": False, "told_as": NOT_TOLD, "joined_at": now}
        values |= {"tenant": self._tenant, "policy": policy.id, "incident_id": news.incident_id}
        group_id = self._group(connection, policy, news, now)
        connection.execute(ALERT_MEMBERS.insert().values(group_id=group_id, **values))
        return True

    def _group(self, connection: Connection, policy: AlertPolicy, news: IncidentNews, now: datetime) -> str:
        """The group that the incident belongs to, locked and with a time at which it is decided on."""
        labels = msgspec.json.encode(policy.labels(news), order="sorted").decode()
        group_id = finding_id(self._tenant, policy.id, labels)
        first = now + policy.group_wait
        values = {
            "tenant": self._tenant,
            "group_id": group_id,
            "policy": policy.id,
            "labels": labels,
            "next_flush_at": first,
            "told": 0,
        }
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(ALERT_GROUPS).values(**values).on_conflict_do_nothing())
        self._locked(connection, group_id)
        asleep = and_(self._of(group_id), ALERT_GROUPS.c.next_flush_at.is_(None))
        connection.execute(ALERT_GROUPS.update().where(asleep).values(next_flush_at=first))
        return group_id

    def _flushed(self, connection: Connection, group: Mapping[Any, Any], now: datetime) -> Reason:
        policy, group_id = self._policies.get(group["policy"]), group["group_id"]
        of_group = and_(ALERT_MEMBERS.c.tenant == self._tenant, ALERT_MEMBERS.c.group_id == group_id)
        if policy is None:  # its file is gone
            connection.execute(ALERT_MEMBERS.delete().where(of_group))
            connection.execute(ALERT_GROUPS.update().where(self._of(group_id)).values(next_flush_at=None))
            return Reason.NO_NEWS
        rows = connection.execute(select(ALERT_MEMBERS).where(of_group)).mappings().all()
        news = {row["incident_id"]: read(row["news"]) for row in rows}
        members = [
            Member(
                row["incident_id"],
                row["firing"],
                row["acknowledged"],
                news[row["incident_id"]].severity,
                row["told_as"],
            )
            for row in rows
        ]
        reason = reason_to_tell(policy, members, group["last_told_at"], now)
        values: dict[str, Any] = {"next_flush_at": now + policy.group_interval}
        if reason in TELLS:
            told = [
                news[member.incident_id]
                for member in members
                if member.firing or (policy.send_resolved and member.told_as != NOT_TOLD)
            ]
            number = group["told"] + 1
            self._tell(connection, policy, group_id, number, told, reason, now)
            values |= {"told": number, "last_told_at": now}
            for member in members:
                if member.firing:
                    mine = self._member(policy.id, member.incident_id)
                    connection.execute(ALERT_MEMBERS.update().where(mine).values(told_as=member.severity.value))
        gone = [
            member.incident_id
            for member in members
            if not member.firing
            and (reason is not Reason.MUTED or member.told_as == NOT_TOLD or not policy.send_resolved)
        ]
        if gone:
            connection.execute(ALERT_MEMBERS.delete().where(of_group, ALERT_MEMBERS.c.incident_id.in_(gone)))
        if len(gone) == len(members):
            values |= {"next_flush_at": None, "last_told_at": None}
        connection.execute(ALERT_GROUPS.update().where(self._of(group_id)).values(**values))
        return reason

    def _tell(
        self,
        connection: Connection,
        policy: AlertPolicy,
        group_id: str,
        number: int,
        told: list[IncidentNews],
        reason: Reason,
        now: datetime,
    ) -> None:
        message = page(told, reason=reason, public_url=self._public_url, now=now.astimezone(timezone.utc))
        for channel in policy.channels:
            enqueue(
                connection,
                self._tenant,
                dedup_key=f"{group_id}-{number}-{channel}",
                destination=channel,
                stream=group_id,
                body=message_body(message),
                at=now,
                incident_id=worst_first(told)[0].incident_id,
                incidents=len(told),
            )

    def _locked(self, connection: Connection, group_id: str) -> None:
        """Wait until nobody else decides on the group, and keep others from it until the end of the transaction."""
        connection.execute(select(ALERT_GROUPS.c.group_id).where(self._of(group_id)).with_for_update())

    def _of(self, group_id: str) -> Any:
        return and_(ALERT_GROUPS.c.tenant == self._tenant, ALERT_GROUPS.c.group_id == group_id)

    def _member(self, policy: str, incident_id: str) -> Any:
        return and_(
            ALERT_MEMBERS.c.tenant == self._tenant,
            ALERT_MEMBERS.c.policy == policy,
            ALERT_MEMBERS.c.incident_id == incident_id,
        )
