"""Gives reports to QuickFIX. Only the engine's thread sends, one report at a time."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import quickfix

from gateway.fix.acceptor import SessionSettings, dictionary_path
from gateway.fix.application import GatewayApplication
from gateway.fix.outgoing import to_quickfix


class Sender:
    """The engine's FixSender."""

    def __init__(
        self, application: GatewayApplication, session_ids: Mapping[str, Any], dictionaries: Mapping[str, Any]
    ) -> None:
        self._sending = application.sending
        self._on = application.on
        self._session_ids = session_ids
        self._dictionaries = dictionaries

    def send(self, session: str, report_id: int, body: str, *, poss_resend: bool) -> bool:
        """QuickFIX numbers it, stores it and queues it for the socket; toApp sees it with its number on the way.

        Returns whether it was numbered: it then is QuickFIX's, also where the session goes down meanwhile. While the
        session is off, it is not.
        Raises ValueError or a quickfix exception for a body that cannot be sent.
        """
        session_id = self._session_ids[session]
        message = to_quickfix(body, self._dictionaries.get(session), poss_resend=poss_resend)
        self._sending.report_id = report_id
        try:
            quickfix.Session.sendToTarget(message, session_id)
            return self._sending.report_id is None  # toApp took it
        finally:
            self._sending.report_id = None

    def ask(self, session: str, test_req_id: str) -> None:
        """Send a TestRequest(1), unless the session is off by now. Raises a quickfix exception."""
        if session not in self._on:
            return
        message = to_quickfix(f"35=1\x01112={test_req_id}\x01")
        quickfix.Session.sendToTarget(message, self._session_ids[session])


def make_sender(application: GatewayApplication, sessions: Sequence[SessionSettings]) -> Sender:
    """For these sessions, each with its version's data dictionary."""
    ids = {s.session_id.toString(): s.session_id for s in sessions}
    # One a version, not one a session: each takes about a megabyte.
    versions = {v: quickfix.DataDictionary(os.fspath(dictionary_path(v))) for v in {s.version for s in sessions}}
    return Sender(application, ids, {s.session_id.toString(): versions[s.version] for s in sessions})
