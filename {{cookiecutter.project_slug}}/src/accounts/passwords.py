"""Passwords: Argon2id hashes, computed off the event loop, and the rules for new ones."""

import asyncio
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from .records import AccountError

T = TypeVar("T")

MINIMUM_LENGTH = 8
MAXIMUM_LENGTH = 1024
MINIMUM_SCORE = 2
"""Of zxcvbn's 0 to 4: more than a million guesses, which take years at the rate of the throttle."""
SCORED_LENGTH = 72
"""Characters that are scored: the time it takes grows faster than the password."""


class Passwords:
    """Hashes and checks passwords in a bounded pool of threads.

    Parameters are OWASP's: 19 MiB, two passes, one lane. `words` are those of the app itself, which
    make a password easy to guess.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words = tuple(words)
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
        self._pool = ThreadPoolExecutor(
            available_cpus(), thread_name_prefix="passwords", initializer=_lower_priority
        )
        # Checked when there is no such user, so that the answer takes as long.
        self._dummy_hash = self._hasher.hash(secrets.token_bytes())

    async def hash(self, password: str, *names: str) -> str:
        """Return the hash of a new password; raise `AccountError` when it is too weak."""
        return await self._run(self.hash_blocking, password, *names)

    def hash_blocking(self, password: str, *names: str) -> str:
        """Do as `hash` does, in the calling thread."""
        check_password(password, (*self._words, *names))
        return self._hasher.hash(_encode(password))

    async def verify(self, stored: str | None, password: str) -> tuple[bool, str | None]:
        """Return whether the password is right, and a hash to store if parameters changed.

        Without a stored hash it is wrong, after as much work.
        """
        return await self._run(self._verify, stored, password)

    def _verify(self, stored: str | None, password: str) -> tuple[bool, str | None]:
        try:
            self._hasher.verify(stored or self._dummy_hash, _encode(password))
        except (VerifyMismatchError, InvalidHashError):
            return False, None
        if stored is None:
            return False, None
        if self._hasher.check_needs_rehash(stored):
            return True, self._hasher.hash(_encode(password))
        return True, None

    async def _run(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)


def available_cpus() -> int | None:
    """Return how many processors the process may use."""
    # More threads than those gain nothing, and take 19 MiB each.
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _lower_priority() -> None:
    # On Linux a thread has a priority of its own. The event loop, which answers everybody, goes
    # before those who log in, on the same core too.
    if sys.platform == "linux":
        os.nice(15)


def check_password(password: str, words: Iterable[str] = ()) -> None:
    """Raise `AccountError` for a password that is too short, too long or too easy to guess.

    `words` are those that a guess would start with: names of the user and of the site.
    """
    if len(password) < MINIMUM_LENGTH:
        raise AccountError(f"A password has at least {MINIMUM_LENGTH} characters.")
    if len(password) > MAXIMUM_LENGTH:
        raise AccountError(f"A password has at most {MAXIMUM_LENGTH} characters.")
    # Its word lists take 30 ms to read, and most processes set no password.
    from zxcvbn import zxcvbn

    found = zxcvbn(password[:SCORED_LENGTH], [guess for word in words for guess in _parts(word)])
    if found["score"] < MINIMUM_SCORE:
        warning = found["feedback"]["warning"] or "This password is easy to guess."
        raise AccountError(f"{warning} Use a few uncommon words, or a password manager.")


def _parts(name: str) -> set[str]:
    """Return what a guess would make of a name: its words, and all of them in one."""
    words = re.findall(r"[^\W_]+", name.lower())
    return {name.lower(), *words, "".join(words)} - {""}


def _encode(password: str) -> bytes:
    # Lone surrogates, which JSON can carry, are no UTF-8.
    return password.encode("utf-8", "surrogatepass")
