"""Addresses: one is one however it is written, and a network is no way around a limit."""

import pytest
from accounts.addresses import networks, plain_address
from accounts.throttle import Throttle, TooManyAttempts
from browser import Browser
from quart import Quart
from visits import unique

pytestmark = pytest.mark.promise(27, asvs="6.3.1, 15.3.4")


@pytest.mark.parametrize(
    "written",
    [
        "192.0.2.1",
        " 192.0.2.1 ",
        "192.0.2.1:443",
        "::ffff:192.0.2.1",
        "::FFFF:c000:201",
        "[::ffff:192.0.2.1]:443",
    ],
)
def test_ipv4_address_is_one_however_it_is_written(written: str) -> None:
    assert networks(written) == [("192.0.2.1", 1)]
    assert plain_address(written) == "192.0.2.1"


@pytest.mark.parametrize(
    "written",
    [
        "2001:db8:1:2::3",
        "2001:DB8:1:2:0:0:0:3",
        "[2001:db8:1:2::3]",
        "[2001:db8:1:2::3]:443",
        "2001:db8:1:2::3%eth0",
        "[2001:db8:1:2::3%25eth0]:443",
    ],
)
def test_ipv6_address_is_counted_by_its_networks_however_it_is_written(written: str) -> None:
    assert networks(written) == [("2001:db8:1:2::/64", 1), ("2001:db8:1::/48", 4)]
    assert plain_address(written) == "2001:db8:1:2::3"


@pytest.mark.parametrize("given", ["", "<local>", "unknown", "x:1", "[", "1.2.3", "::ffff:x"])
def test_what_is_no_address_is_one_of_its_own(given: str) -> None:
    assert networks(given) == [(given, 1)]


async def test_subnets_of_a_48_share_a_wider_limit() -> None:
    throttle = Throttle(
        {
            "LOGIN_LIMIT_PER_ACCOUNT": "5 per 15 minutes",
            "LOGIN_LIMIT_PER_ADDRESS": "3 per 15 minutes",
            "RATELIMIT_STORAGE_URI": "memory://",
        }
    )

    async def fail(address: str) -> bool:
        try:
            async with throttle.attempt(address, "account", unique("name")) as attempt:
                attempt.right = False
        except TooManyAttempts:
            return False
        return True

    same = [await fail(f"2001:db8:1:1::{host:x}") for host in range(5)]
    assert same == [True] * 3 + [False] * 2
    others = [await fail(f"2001:db8:1:{subnet:x}::1") for subnet in range(2, 20)]
    assert others.count(True) == 12 - 3
    assert await fail("2001:db8:2::1")


@pytest.mark.form
@pytest.mark.settings(TRUSTED_PROXIES=1, LOGIN_LIMIT_PER_ADDRESS="3 per 15 minutes")
async def test_proxy_that_sends_ports_does_not_make_an_address_many(app: Quart) -> None:
    browser = Browser(app)
    for port in range(4):
        form = {"csrf_token": await browser.token(), "username": f"user{port}", "password": "wrong"}
        headers = {"X-Forwarded-For": f"198.51.100.7:{5000 + port}"}
        last = await browser.post("/", form=form, headers=headers)
    assert last.status_code == 429
