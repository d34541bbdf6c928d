"""Passwords: Argon2id hashes, computed off the event loop, and the rules for new ones."""

import asyncio
import os
import sys
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from .protocol import UserError

T = TypeVar("T")

MINIMUM_LENGTH = 8
MAXIMUM_LENGTH = 1024


class Passwords:
    """Hashes and checks passwords in a bounded pool of threads.

    Parameters are OWASP's: 19 MiB, two passes, one lane.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
        self._pool = ThreadPoolExecutor(
            _usable_cores(), thread_name_prefix="passwords", initializer=_give_way
        )
        # Checked when there is no such user, so that the answer takes as long.
        self._nobody = _made_up_hash(self._hasher)

    async def hash(self, password: str) -> str:
        """Return the hash of a new password; raise `UserError` when it is too weak."""
        return await self._run(self.hash_blocking, password)

    def hash_blocking(self, password: str) -> str:
        """Do as `hash` does, in the calling thread."""
        check_password(password)
        return self._hasher.hash(_octets(password))

    async def verify(self, stored: str | None, password: str) -> tuple[bool, str | None]:
        """Say whether the password is right, and return a hash to store if parameters changed."""
        return await self._run(self._verify, stored, password)

    def _verify(self, stored: str | None, password: str) -> tuple[bool, str | None]:
        try:
            self._hasher.verify(stored or self._nobody, _octets(password))
        except (VerifyMismatchError, InvalidHashError):
            return False, None
        if stored is None:
            return False, None
        if self._hasher.check_needs_rehash(stored):
            return True, self._hasher.hash(_octets(password))
        return True, None

    async def _run(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)


def _made_up_hash(hasher: PasswordHasher) -> str:
    # No password has it, and checking one takes as long as for a real hash. Computing one would
    # take that long, too, at each start.
    salt, tag = (
        b64encode(os.urandom(length)).decode().rstrip("=")
        for length in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${tag}"


def _usable_cores() -> int | None:
    # A process that may use one core of many gains nothing from more threads of 19 MiB each.
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _give_way() -> None:
    # On Linux a thread has a priority of its own. The event loop, which answers everybody, goes
    # before those who log in, on the same core too.
    if sys.platform == "linux":
        os.nice(15)


def check_password(password: str) -> None:
    """Raise `UserError` for a password that is too short, too long or too common."""
    if len(password) < MINIMUM_LENGTH:
        raise UserError(f"A password has at least {MINIMUM_LENGTH} characters.")
    if len(password) > MAXIMUM_LENGTH:
        raise UserError(f"A password has at most {MAXIMUM_LENGTH} characters.")
    if password.casefold() in _common_passwords():
        raise UserError("This password is among the most common ones. Choose another.")


def _octets(password: str) -> bytes:
    # Lone surrogates, which JSON can carry, are no UTF-8.
    return password.encode("utf-8", "surrogatepass")


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(files(__package__).joinpath("common-passwords.txt").read_text().split())
