"""Whether a Logon may go on to the engine: which session it means, and whether this client may use that."""

from collections.abc import Iterable

from gateway.domain.logon_terms import logon_refusal
from gateway.front.addresses import Address, Peer, is_in
from gateway.front.logon import Logon, shown
from gateway.front.refused import Refused
from gateway.front.settings import SessionPolicy
from gateway.front.tls import Identity
from gateway.wire.tags import DEFAULT_APPL_VER_ID, ENCRYPT_METHOD, TEST_MESSAGE_INDICATOR


class Gate:
    """Knows the sessions and who may use them."""

    def __init__(self, sessions: Iterable[SessionPolicy], *, live: bool) -> None:
        self._live = live
        self._policies = {s.logon_as: s for s in sessions}
        from_anywhere = any(not s.allow_from for s in self._policies.values())
        self._networks = [] if from_anywhere else [n for s in self._policies.values() for n in s.allow_from]

    def admit(self, address: Address) -> None:
        """Raises Refused for an address that no session may come from: nothing is read from it."""
        if self._networks and not is_in(address, self._networks):
            raise Refused("no session may connect from this address")

    def policy(self, logon: Logon, peer: Peer, certificate: Identity | None) -> SessionPolicy:
        """The session that the Logon means. Raises Refused when there is none, or not for this client."""
        policy = self._policies.get(logon.session)
        if policy is None:
            begin_string, sender, target = (shown(part) for part in logon.session)
            raise Refused(
                f"no session has BeginString(8)={begin_string} SenderCompID(49)={sender} TargetCompID(56)={target}"
            )
        if policy.allow_from and not is_in(peer.address, policy.allow_from):
            raise Refused(f"the session may not connect from {peer.address}")
        if policy.certificates and (certificate is None or not _names(certificate, policy.certificates)):
            raise Refused("the client's certificate is not one of the session's")
        refusal = logon_refusal(
            begin_string=policy.begin_string,
            encrypt_method=shown(logon.value(ENCRYPT_METHOD), absent=""),
            default_appl_ver_id=shown(logon.value(DEFAULT_APPL_VER_ID), absent=""),
            live=self._live,
            test_session=policy.test,
            test_message_indicator=logon.value(TEST_MESSAGE_INDICATOR),
        )
        if refusal:
            raise Refused(refusal, refusal)
        return policy


def _names(certificate: Identity, allowed: frozenset[str]) -> bool:
    return certificate.subject in allowed or certificate.fingerprint in allowed
