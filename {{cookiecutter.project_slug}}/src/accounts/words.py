"""How people write the values of settings."""

import re

from environs import EnvError


def bare(value: str) -> str:
    """Return a value without the quotes around it.

    Shells and dotenv take them away; `docker run --env-file`, for one, does not.
    """
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1].strip() if quoted else value


def words(value: str | list[str]) -> list[str]:
    """Parse words that are separated by commas."""
    if not isinstance(value, str):
        return value
    return [word.strip() for word in value.split(",") if word.strip()]


def cookie_name(value: str) -> str:
    """Parse what the names of cookies begin with."""
    if not re.fullmatch(r"[\w.-]+", value, re.ASCII):
        raise EnvError("not of letters, digits, `_`, `-` and `.` alone")
    return value
