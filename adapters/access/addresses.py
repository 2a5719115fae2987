"""Who is at the other end, by address: behind which proxies, and whom an address counts as."""

import ipaddress

from adapters.runtime.settings import Network


def caller_address(peer: str, forwarded_for: str, proxies: tuple[Network, ...]) -> str:
    """Whom a connection speaks for. Proxies we trust are asked, from the nearest on."""
    if not proxies:
        return peer
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    while hops and is_within(peer, proxies):
        peer = without_port(hops.pop())
    return peer


def without_port(hop: str) -> str:
    """Some proxies tell the port as well: counted with it, each connection would be somebody else's."""
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


def household(address: str) -> str:
    """Whom an address counts as: one for IPv4; for IPv6 the network, of which anybody has a whole one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
