"""Random tokens that are handed out once and stored as hashes."""

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token() -> str:
    """Return a random token of 256 bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """Return what is stored of a token; a plain hash will do for one that cannot be guessed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
