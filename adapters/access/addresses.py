"""Addresses of clients: which one counts behind trusted proxies, and which addresses count as one."""

import ipaddress

from adapters.runtime.setting_values import Network


def caller_address(peer: str, forwarded_for: str, proxies: tuple[Network, ...]) -> str:
    """The client's address: `peer`, or what trusted proxies forwarded, followed from the nearest on."""
    if not proxies:
        return peer
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    while hops and is_within(peer, proxies):
        peer = without_port(hops.pop())
    return peer


def without_port(hop: str) -> str:
    """Strip the port that some proxies append; with it each connection would count as another client."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def is_within(address: str, networks: tuple[Network, ...]) -> bool:
    if not networks:
        return False
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return is_within(str(parsed.ipv4_mapped), networks)
    return any(parsed in network for network in networks)


def counted_address(address: str) -> str:
    """The address itself for IPv4; for IPv6 its /64 network, since every client has a whole one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
