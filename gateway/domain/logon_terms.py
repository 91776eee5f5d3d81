"""What a Logon must say to be taken, whoever sends it. The front asks first, the engine asks again."""

from gateway.wire.versions import APPL_VER_ID_50_SP2, FIXT

NO_ENCRYPTION = "0"
"""EncryptMethod(98). Who asks for another sends, and expects, what nobody here could read."""


def logon_refusal(
    *,
    begin_string: str,
    encrypt_method: str,
    default_appl_ver_id: str,
    live: bool,
    test_session: bool,
    test_message_indicator: str,
) -> str:
    """Why the Logon is refused, as its sender is told; empty where it is not.

    begin_string: BeginString(8). encrypt_method: EncryptMethod(98), default_appl_ver_id: DefaultApplVerID(1137), each
    empty where absent. live: whether orders reach a venue that trades real money. test_session: whether the session is
    configured for tests. test_message_indicator: TestMessageIndicator(464).
    """
    if encrypt_method not in ("", NO_ENCRYPTION):  # without it the Logon is not answered: a required field is missing
        return f"EncryptMethod(98)={encrypt_method} is not supported; allowed: {NO_ENCRYPTION} (none; use TLS)"
    if begin_string == FIXT and default_appl_ver_id != APPL_VER_ID_50_SP2:
        given = default_appl_ver_id or "missing"
        return f"DefaultApplVerID(1137)={given} is not supported; allowed: {APPL_VER_ID_50_SP2} (FIX 5.0 SP2)"
    if live and test_message_indicator == "Y":
        return "TestMessageIndicator(464)=Y: this gateway trades on a live venue"
    if live and test_session:
        return "a test session: this gateway trades on a live venue"
    return ""
