"""Addresses: what is part of one, and the networks that it belongs to."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

NETWORKS = {64: 1, 48: 4}
"""Who has an IPv6 address has its network: prefixes, each with its share of an address's limit."""


def plain_address(given: str) -> str:
    """Return an address alone: without port, brackets, zone, or the mapping of IPv4 into IPv6."""
    address = _parse(given)
    return given if address is None else str(address)


def networks(given: str) -> list[tuple[str, int]]:
    """Return the networks that an address is counted by, each with its share of limits."""
    address = _parse(given)
    if not isinstance(address, IPv6Address):
        return [(plain_address(given), 1)]
    return [
        (str(IPv6Network((int(address), prefix), strict=False)), share)
        for prefix, share in NETWORKS.items()
    ]


def _parse(given: str) -> IPv4Address | IPv6Address | None:
    text = given.strip().partition("%")[0]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
