"""Gives reports to QuickFIX. Only the engine's thread sends, one report at a time."""

from collections.abc import Mapping
from typing import Any

import quickfix

from gateway.fix.application import GatewayApplication
from gateway.fix.outgoing import to_quickfix


class Sender:
    """The engine's FixSender."""

    def __init__(
        self, application: GatewayApplication, session_ids: Mapping[str, Any], dictionaries: Mapping[str, Any]
    ) -> None:
        self._sending = application.sending
        self._session_ids = session_ids
        self._dictionaries = dictionaries

    def send(self, session: str, report_id: int, body: str, *, poss_resend: bool) -> None:
        """QuickFIX numbers it, stores it and queues it for the socket; toApp sees it with its number on the way.

        Raises ValueError or a quickfix exception for a body that cannot be sent.
        """
        session_id = self._session_ids[session]
        message = to_quickfix(body, self._dictionaries.get(session), poss_resend=poss_resend)
        self._sending.report_id = report_id
        try:
            quickfix.Session.sendToTarget(message, session_id)
        finally:
            self._sending.report_id = None
