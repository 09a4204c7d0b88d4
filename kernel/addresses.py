"""Which addresses a request of ours may go to: those of the open internet, and what an administrator listed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_NEVER = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "169.254.0.0/16",  # link-local, where clouds tell a machine its secrets
        "224.0.0.0/4",  # multicast
        "255.255.255.255/32",
        "100.100.100.200/32",  # metadata of one cloud
        "168.63.129.16/32",  # the host of another, though its address is a public one
        "192.0.0.192/32",  # metadata of a third
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
    )
]
"""Where nothing of ours is, and where a listed name does not lead to either."""

_NOT_PUBLIC = [
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.0.0/24",  # Python calls some of it global
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "::1/128",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4: holds an IPv4 address of anybody's choice
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fec0::/10",
    )
]
_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")
_UNICAST = ip_network("2000::/3")
_ENTRY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?):([0-9]{1,5})")


def forbidden(address: str) -> bool:
    """Whether nobody may be reached at this address, listed or not; so is what is no address."""
    found = _parsed(address)
    return found is None or _within(found, _NEVER)


def public(address: str) -> bool:
    """Whether the address is one of the open internet. An IPv6 address that stands for an IPv4 one is as that is."""
    found = _parsed(address)
    if found is None or _within(found, _NEVER) or _within(found, _NOT_PUBLIC) or not found.is_global:
        return False
    return found.version == 4 or found in _UNICAST


def host_and_port(entry: str) -> tuple[str, int]:
    """The host and port of a line of the administrator's list, such as `n8n.internal:5678`, `[::1]:8080`.

    Raises ValueError for everything else; a scheme, a path or a wildcard is none.
    """
    found = _ENTRY.fullmatch(entry.strip().lower())
    port = int(found[3]) if found is not None else 0
    if found is None or not 0 < port <= 65535:
        raise ValueError(f"expected host:port such as n8n.internal:5678, got {entry!r}")
    return plain_host(found[1]), port


def plain_host(host: str) -> str:
    """A host as it is compared: lower case, no brackets, no dot at the end."""
    return host.lower().strip("[]").rstrip(".")


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return found
    if found.scope_id is not None:
        return None
    if found.ipv4_mapped is not None:
        return found.ipv4_mapped
    if found in _NAT64 or (found in _COMPATIBLE and int(found) > 0xFFFF):
        return IPv4Address(int(found) & 0xFFFFFFFF)
    return found


def _within(address: IPv4Address | IPv6Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)
