"""Telling people by apprise, which connects by itself: in a process of its own, which reaches what was tested only.

The process is given the message and the secret by its standard input, the addresses that the listed hosts have (tested
by `kernel.egress`), and an environment without proxies. A hook in it refuses every other connection and every other
program (`orchestration_hooks.apprise_child`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import msgspec

from kernel.addresses import host_and_port
from kernel.egress import Egress
from kernel.errors import EgressError
from kernel.secrets import Secrets
from orchestration_hooks.apprise_child import Order, Places, Report
from orchestration_hooks.connections import Apprise
from orchestration_hooks.effects import Message, Outcome, Result

KIND_OF_SEVERITY = {"low": "info", "medium": "warning", "high": "warning", "critical": "failure"}
KEPT_OF_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


def tell(channel: Apprise, secrets: Secrets, egress: Egress, message: Message, *, timeout_s: float) -> Outcome:
    """Send the message.

    Raises
    ------
    EgressError
        One of the hosts of the connection is not listed, or has no address that may be reached.
    SettingsError
        The secret is not there.
    """
    end = time.monotonic() + timeout_s
    url = secrets.get(channel.url)
    places = []
    for entry in channel.hosts:
        host, port = host_and_port(entry)
        if not egress.is_listed(host, port):
            raise EgressError("host_refused", f"{entry} of connection {channel.id!r} is not in GEMBASCOPE_EGRESS_HOSTS")
        places.append(Places(host, port, egress.addresses(host, port, timeout_s=max(end - time.monotonic(), 0.01))))
    text = f"{message.text}\n\n{message.link}" if message.link else message.text
    order = Order(url, message.title, text, KIND_OF_SEVERITY.get(message.severity, "info"), places)
    environment = {name: os.environ[name] for name in KEPT_OF_ENVIRONMENT if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "orchestration_hooks.apprise_child"],
            input=msgspec.json.encode(order),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it may repeat the URL
            env=environment,
            timeout=max(end - time.monotonic(), 0.01),
            check=False,
        )
        report = msgspec.json.decode(done.stdout, type=Report)
    except subprocess.TimeoutExpired:
        return Outcome(Result.RETRY, "timeout", f"the service behind {channel.id!r} did not answer in time")
    except msgspec.DecodeError:
        return Outcome(Result.RETRY, "not_sent", f"the message to {channel.id!r} was not sent: apprise ended early")
    if report.refused:
        return Outcome(
            Result.FAILED, "host_refused", f"{channel.id!r} reaches {report.refused}, which it does not name"
        )
    if not report.understood:
        return Outcome(Result.FAILED, "url_refused", f"apprise does not understand the URL at {channel.url}")
    if not report.sent:
        return Outcome(Result.RETRY, "not_sent", f"the service behind {channel.id!r} did not take the message")
    return Outcome(Result.DONE, "sent")
