"""What the directory is asked, and what is made of its answers."""

from typing import Any

import pytest
from accounts import AccountError, account_key
from accounts.ldap.entries import Entry
from accounts.ldap.names import dn_key
from browser import PASSWORD
from directory import BASE, GROUPS, PEOPLE, Directory, dn_of, person
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

HOSTILE = [
    "*",
    "a*",
    "a)(uid=*",
    "(|(uid=*))",
    "\\2a",
    "a\\",
    "a\\2a",
    ",=+<>#;",
    'a"b',
    "#a",
    "a b",
]


@pytest.fixture
def alice(directory: Directory) -> str:
    """The DN of somebody."""
    directory.add_person("alice", PASSWORD, "mail: alice@example.org")
    return dn_of("alice")


async def test_name_and_password_find_an_entry(alice: str, ask: Any) -> None:
    entry = await ask().authenticate("alice", PASSWORD)
    assert (entry.dn, entry.text("mail")) == (alice, "alice@example.org")
    assert len(entry.subject("entryUUID")) == 36


@pytest.mark.promise(47, asvs="6.3.4")
async def test_password_that_is_not_right_finds_none(alice: str, ask: Any) -> None:
    directory = ask()
    for password in ("wrong", "", "\0", f"\0{PASSWORD}", f"{PASSWORD}\0", f"{PASSWORD}\0x"):
        assert await directory.authenticate("alice", password) is None
        assert await directory.authenticate("nobody", password) is None


async def test_letters_of_all_kinds_are_taken_as_they_are(directory: Directory, ask: Any) -> None:
    name, password = "Jürgen Weiß-李", "Grüße 🚀 an alle"
    directory.add_person(name, password)
    entry = await ask().authenticate(name, password)
    assert entry.texts("uid") == [name]
    assert await ask().authenticate(name, "Grusse 🚀 an alle") is None


@pytest.mark.promise(46, asvs="1.2.6")
@pytest.mark.parametrize("name", HOSTILE)
async def test_name_that_would_be_a_filter_is_a_name(
    name: str, alice: str, directory: Directory, ask: Any
) -> None:
    assert await ask().authenticate(name, PASSWORD) is None
    directory.add_person(name, "of their own")
    assert await ask().authenticate(name, PASSWORD) is None
    entry = await ask().authenticate(name, "of their own")
    assert entry.texts("uid") == [name]


@pytest.mark.promise(46, asvs="1.2.6, 6.3.8")
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64))
@example("alice ")
@example("al\u00ecce")
@example("ali\u00adce")
@example("a\ufe00lice")
async def test_no_other_name_is_taken_for_somebody(alice: str, ask: Any, name: str) -> None:
    if account_key(name) != "alice":
        assert await ask().authenticate(name, PASSWORD) is None


@pytest.mark.promise(46, asvs="6.3.8")
async def test_spelling_that_only_the_directory_takes_for_the_same_is_refused(
    directory: Directory, ask: Any
) -> None:
    directory.add_person("a b", PASSWORD)
    assert await ask().authenticate("A B", PASSWORD)
    assert await ask().authenticate("a  b", PASSWORD) is None


@pytest.mark.promise(49, asvs="2.2.1")
async def test_two_matches_are_refused(alice: str, directory: Directory, ask: Any) -> None:
    directory.add_person("other", PASSWORD, "mail: alice")
    with pytest.raises(AccountError, match="more than 1"):
        await ask(LDAP_USER_FILTER="(|(uid={name})(mail={name}))").authenticate("alice", PASSWORD)


@pytest.mark.promise(48, asvs="7.4.2")
async def test_person_is_found_again_by_what_never_changes(
    alice: str, directory: Directory, ask: Any
) -> None:
    subject = (await ask().authenticate("alice", PASSWORD)).subject("entryUUID")
    directory.change(f"dn: {alice}\nchangetype: modrdn\nnewrdn: uid=ally\ndeleteoldrdn: 1\n")
    assert (await ask().find(subject)).text("uid") == "ally"
    employed = "(&(uid={name})(!(employeeType=former)))"
    directory.set(dn_of("ally"), "employeeType", "former")
    assert await ask(LDAP_USER_FILTER=employed).find(subject) is None
    assert await ask(LDAP_USER_FILTER=employed).authenticate("ally", PASSWORD) is None
    directory.delete(dn_of("ally"))
    assert await ask().find(subject) is None


@pytest.mark.promise(49, asvs="2.2.1")
async def test_values_that_cannot_be_used_are_refused_in_words(
    alice: str, directory: Directory, ask: Any
) -> None:
    directory.change(f"dn: {alice}\nchangetype: modify\nreplace: jpegPhoto\njpegPhoto:: /wD/\n")
    photo = ask(LDAP_ID_ATTRIBUTE="jpegPhoto")
    with pytest.raises(AccountError, match=r"jpegPhoto of uid=alice.* is no UTF-8"):
        (await photo.authenticate("alice", PASSWORD)).subject("jpegPhoto")
    entry = await ask(LDAP_ID_ATTRIBUTE="employeeNumber").authenticate("alice", PASSWORD)
    with pytest.raises(AccountError, match="not one employeeNumber, but 0"):
        entry.subject("employeeNumber")


def test_objectguid_is_read_as_windows_writes_it() -> None:
    raw = bytes.fromhex("33221100554477668899aabbccddeeff")
    assert Entry("", {"objectGUID": [raw]}).subject("objectGUID") == (
        "00112233-4455-6677-8899-aabbccddeeff"
    )
    with pytest.raises(AccountError, match="16 bytes"):
        Entry("", {"objectGUID": [raw[1:]]}).subject("objectGUID")


@pytest.mark.promise(48, asvs="7.4.2")
@pytest.mark.parametrize(
    ("attribute", "value", "disabled"),
    [
        ("userAccountControl", b"512", False),
        ("userAccountControl", b"514", True),
        ("userAccountControl", b"66050", True),
        ("accountExpires", b"0", False),
        ("accountExpires", b"9223372036854775807", False),
        ("accountExpires", b"133500000000000000", True),  # In 2024,
        ("accountExpires", b"159300000000000000", False),  # in 2105.
        ("pwdAccountLockedTime", b"000001010000Z", True),
        # A lock for a while, which guesses bring about.
        ("pwdAccountLockedTime", b"20260101120000Z", False),
        ("nsAccountLock", b"true", True),
        ("nsAccountLock", b"FALSE", False),
    ],
)
def test_each_directorys_way_to_disable_is_known(
    attribute: str, value: bytes, disabled: bool
) -> None:
    assert Entry("", {attribute: [value]}).is_disabled == disabled


@pytest.mark.parametrize("attribute", ["userAccountControl", "accountExpires"])
def test_state_that_is_no_number_is_refused(attribute: str) -> None:
    with pytest.raises(AccountError, match="is no number"):
        _ = Entry("", {attribute: [b"nonsense"]}).is_disabled


@pytest.mark.promise(49, asvs="8.2.1")
async def test_groups_give_roles_also_by_groups_in_groups(
    alice: str, directory: Directory, ask: Any
) -> None:
    directory.add_group("inner", alice)
    directory.add_group("outer", f"cn=inner,{GROUPS}", f"cn=Sales\\, all,{GROUPS}")
    directory.add_group("Sales\\, all", f"cn=outer,{GROUPS}")  # a circle
    for roles, role in (
        (f"admin=cn=none,{GROUPS}; editor=cn=INNER, {GROUPS}; member=*", "editor"),
        (f"admin=cn=outer,{GROUPS}; member=*", "admin"),
        (f"seller=cn=sales\\2C  all,{GROUPS}", "seller"),
        (f"admin=cn=none,{GROUPS}; member=*", "member"),
    ):
        entry = await ask(LDAP_GROUP_ROLES=roles).authenticate("alice", PASSWORD)
        assert entry.role == role
        again = await ask(LDAP_GROUP_ROLES=roles).find(entry.subject("entryUUID"))
        assert again.role == role
    with pytest.raises(AccountError, match="in no group"):
        await ask(LDAP_GROUP_ROLES=f"x=cn=none,{GROUPS}").authenticate("alice", PASSWORD)


@pytest.mark.promise(49, asvs="15.2.2")
async def test_thousands_of_groups_are_refused_in_words(
    alice: str, directory: Directory, ask: Any
) -> None:
    directory.change(
        "\n".join(
            f"dn: cn=g{n},{GROUPS}\nobjectClass: groupOfNames\ncn: g{n}\nmember: {alice}\n"
            for n in range(1001)
        )
    )
    with pytest.raises(AccountError, match="more than 1000"):
        await ask(LDAP_GROUP_ROLES="member=*; a=cn=g1,dc=x").authenticate("alice", PASSWORD)


async def test_a_thousand_people_are_counted_page_by_page(directory: Directory, ask: Any) -> None:
    directory.change("\n".join(person(f"p{n}", PASSWORD) for n in range(1000)))
    asked = ask()
    lines = list(asked.report(*asked.servers))
    assert lines[0] == "connected, with TLS"
    assert lines[-1] == f"found in {BASE} by (uid=*): 1000 people"
    assert (await asked.authenticate("p999", PASSWORD)).text("uid") == "p999"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=a\\, b,dc=x", "CN=A\\2C b, DC=X"),
        ("cn=a\\+b,dc=x", "cn=a\\2bb,dc=x"),
        ("cn=\\c3\\a4,dc=x", "cn=Ä,dc=x"),
        ("cn=a+ou=b,dc=x", "ou=b+cn=a,dc=x"),
    ],
)
def test_one_dn_in_two_ways_is_one(one: str, other: str) -> None:
    assert dn_key(one) == dn_key(other)


def test_different_dns_are_two() -> None:
    dns = ["cn=a,dc=x", "cn=b,dc=x", "ou=a,dc=x", "cn=a,dc=x,dc=y", "cn=a\\,dc\\=x", "cn=a+dc=x"]
    assert len({dn_key(dn) for dn in dns}) == len(dns)
    for nonsense in ("", "nonsense", "=a", PEOPLE[3:].partition(",")[0]):
        with pytest.raises(ValueError, match="distinguished name"):
            dn_key(nonsense)
