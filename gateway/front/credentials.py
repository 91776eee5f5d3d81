"""What a session's Logon must prove, checked."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.front.addresses import Address
from gateway.front.authentication import PasswordCheck
from gateway.front.logon import Logon
from gateway.front.settings import FrontSettings, PasswordLogon, SessionPolicy, SignatureLogon
from gateway.front.signatures import PublicKeyError, SignatureCheck, load_keys
from gateway.front.users import UserFile


class Credentials:
    """Passwords and signatures of all sessions."""

    def __init__(self, settings: FrontSettings) -> None:
        """Raises PublicKeyError."""
        self._sessions = settings.sessions
        files: dict[Path, UserFile] = {}  # one for all that name it, so that a user is locked for all of them
        with_password = [(s.key, s.logon.users_file) for s in self._sessions if isinstance(s.logon, PasswordLogon)]
        self._users = {key: files.setdefault(path.resolve(), UserFile(path)) for key, path in with_password}
        self._passwords = PasswordCheck(settings.max_logon_failures, settings.lockout_seconds)
        self._signatures = SignatureCheck()
        self._keys: dict[str, tuple[Ed25519PublicKey, ...]] = {}
        self.reload()

    def reload(self) -> None:
        """Read the public keys again. Raises PublicKeyError where some cannot be used: these sessions alone keep what
        they have, as a key that was withdrawn from another is not to stay in use for their sake.
        """
        problems: list[str] = []
        for session in self._sessions:
            if isinstance(session.logon, SignatureLogon):
                try:
                    self._keys[session.key] = load_keys(session.logon.public_keys)
                except PublicKeyError as error:
                    problems.append(f"{session.key}: {error}")
        if problems:
            raise PublicKeyError("; ".join(problems))

    async def check(self, policy: SessionPolicy, logon: Logon, address: Address) -> None:
        """Raises Refused unless the Logon proves what its session asks for."""
        if isinstance(policy.logon, PasswordLogon):
            await self._passwords.check(self._users[policy.key], policy.logon.users, logon, address)
        elif isinstance(policy.logon, SignatureLogon):
            self._signatures.check(self._keys[policy.key], policy.logon.window_seconds, logon)

    def close(self) -> None:
        """Let what is being checked go."""
        self._passwords.close()
