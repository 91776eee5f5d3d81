"""Password hashes: argon2id with the parameters of OWASP's password storage guidance (19 MiB, two passes)."""

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from gateway.wire.raw import to_bytes

MIN_CHARACTERS, MAX_CHARACTERS = 12, 128

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Of nobody's password: random, and forgotten. Made the same way, so that who is unknown costs what a known user costs.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$wHgHpC1kiPHb31nulAe7Mw$SsWvZpLjA5xNDT2vum/InYf4urUczAbRtdmLNwFO6tM"


def hash_password(password: str) -> str:
    """Takes tens of milliseconds of CPU. Raises ValueError for a password that may not be one."""
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS or any(not " " <= c <= "~" for c in password):
        raise ValueError(f"a password has {MIN_CHARACTERS} to {MAX_CHARACTERS} printable ASCII characters")
    return _HASHER.hash(password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether it is the password. Takes as long when there is no hash, and then is False."""
    try:
        return _HASHER.verify(password_hash or _NOBODY, to_bytes(password)) and password_hash is not None
    except (Argon2Error, InvalidHashError):
        return False
