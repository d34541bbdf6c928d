"""Host names: those of the settings in all spellings, and those that requests ask for."""

import pytest
from accounts.hosts import host_names, is_trusted
from browser import Browser
from environs import EnvError


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("example.org", ["example.org"]),
        ("Example.ORG, www.example.org", ["example.org", "www.example.org"]),
        ("https://example.org", ["example.org"]),
        ("https://example.org:8443/path", ["example.org"]),
        ("example.org:8443", ["example.org"]),
        ("example.org.", ["example.org"]),
        (".example.org", [".example.org"]),
        ("*.example.org", [".example.org"]),
        ("'example.org'", ["example.org"]),
        ('"example.org", "www.example.org"', ["example.org", "www.example.org"]),
        ("b\u00fccher.example", ["xn--bcher-kva.example"]),
        ("10.0.0.1:80", ["10.0.0.1"]),
        ("[2001:DB8::1]:80,::1", ["[2001:db8::1]", "[::1]"]),
        ("localhost", ["localhost"]),
    ],
)
def test_host_names_are_understood_as_people_write_them(written: str, names: list[str]) -> None:
    assert host_names(written) == names


@pytest.mark.parametrize(
    "written", ["*", "*example.org", "example.*", "exa mple.org", "https://", "a..b", "my_app", "."]
)
def test_what_is_no_host_name_is_refused_and_shown(written: str) -> None:
    with pytest.raises(EnvError, match="is no host name; write"):
        host_names(written)


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "EXAMPLE.org:8443",
        "example.org.",
        "a.example.net",
        "example.net",
        "[::1]:5000",
    ],
)
def test_host_is_trusted_whatever_its_port_and_case(host: str) -> None:
    assert is_trusted(host, ["example.org", ".example.net", "[::1]"])


@pytest.mark.parametrize(
    "host",
    ["", ".", ":80", "a.example.org", "example.org.evil", "anexample.net", ".example.net", "[::2]"],
)
def test_other_host_is_not(host: str) -> None:
    assert not is_trusted(host, ["example.org", ".example.net", "[::1]"])


@pytest.mark.settings(TRUSTED_HOSTS="https://Example.org/, *.example.net")
async def test_site_is_reached_by_what_the_setting_means(browser: Browser) -> None:
    for host, status in {
        "example.org": 200,
        "EXAMPLE.ORG": 200,
        "example.org:8443": 200,
        "shop.example.net": 200,
        "localhost": 400,
    }.items():
        assert (await browser.get("/", headers={"Host": host})).status_code == status, host
