"""Names of accounts: how they are stored, and when two are one."""

import unicodedata

from .records import AccountError

MAXIMUM_NAME = 64

NO_ACCOUNT = " "
"""The key of all names that no account can have."""


def account_key(name: str) -> str:
    """Return the form of a name by which accounts are told apart: `ALICE` is `alice `."""
    try:
        return check_name(name).casefold()
    except AccountError:
        return NO_ACCOUNT


def check_name(name: str) -> str:
    """Return the name of a user or token as it is stored.

    Raises `AccountError` for an unusable one.
    """
    name = unicodedata.normalize("NFKC", name).strip()
    if not 1 <= len(name) <= MAXIMUM_NAME or not name.isprintable():
        raise AccountError(f"A name has 1 to {MAXIMUM_NAME} printable characters.")
    return name
