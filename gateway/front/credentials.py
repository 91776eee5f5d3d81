"""What a session's Logon must prove, checked."""

from gateway.front.addresses import Address
from gateway.front.authentication import PasswordCheck
from gateway.front.logon import Logon
from gateway.front.settings import FrontSettings, PasswordLogon, SessionPolicy, SignatureLogon
from gateway.front.signatures import SignatureCheck, load_keys
from gateway.front.users import UserFile


class Credentials:
    """Passwords and signatures of all sessions."""

    def __init__(self, settings: FrontSettings) -> None:
        """Raises PublicKeyError."""
        self._sessions = settings.sessions
        users = UserFile(settings.users_file)
        self._passwords = PasswordCheck(users, settings.max_logon_failures, settings.lockout_seconds)
        self._signatures = SignatureCheck()
        self.reload()

    def reload(self) -> None:
        """Read the public keys again. Raises PublicKeyError, and keeps what it has."""
        signed = [(s.key, s.logon) for s in self._sessions if isinstance(s.logon, SignatureLogon)]
        self._keys = {key: load_keys(logon.public_keys) for key, logon in signed}

    async def check(self, policy: SessionPolicy, logon: Logon, address: Address) -> None:
        """Raises Refused unless the Logon proves what its session asks for."""
        if isinstance(policy.logon, PasswordLogon):
            await self._passwords.check(policy.logon.users, logon, address)
        elif isinstance(policy.logon, SignatureLogon):
            self._signatures.check(self._keys[policy.key], policy.logon.window_seconds, logon)

    def close(self) -> None:
        """Let what is being checked go."""
        self._passwords.close()
