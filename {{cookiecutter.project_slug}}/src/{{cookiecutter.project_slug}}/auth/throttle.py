"""Limits on login attempts: for each account and for each address."""

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from flask_limiter import RateLimitExceeded
from quart import current_app, g, request
from quart.utils import run_sync

from ..extensions import limiter
from ..users.protocol import account_key
from . import audit

ACCOUNT_SCOPE = "login-account"


def _limit(name: str) -> Any:
    return lambda: current_app.config[name]


def _network() -> str:
    given = request.remote_addr or ""
    try:
        address = ip_address(given)
    except ValueError:
        return given
    if not isinstance(address, IPv6Address) or address.ipv4_mapped:
        return given
    # Who is given one IPv6 address is given the 2**64 of its network.
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


@limiter.shared_limit(_limit("LOGIN_LIMIT_PER_ADDRESS"), scope="login-address", key_func=_network)
@limiter.shared_limit(
    _limit("LOGIN_LIMIT_PER_ACCOUNT"), scope=ACCOUNT_SCOPE, key_func=lambda: g.throttled
)
def _count() -> None:
    pass


async def count_attempt(name: str) -> None:
    """Count an attempt before the password is looked at, so that parallel ones count too.

    Raises `RateLimitExceeded` for one too many and `StorageError` when the store is gone.
    """
    g.throttled = account_key(name)
    # In a thread: the store may be Redis, which is waited for.
    try:
        await run_sync(_count)()
    except RateLimitExceeded:
        audit.record("throttled", name)
        raise


async def forget_attempts() -> None:
    """Start the account's count anew after a right password."""
    await run_sync(_forget)()


def _forget() -> None:
    for hit in limiter.current_limits:
        if ACCOUNT_SCOPE in hit.request_args:
            limiter.limiter.clear(hit.limit, *hit.request_args)
