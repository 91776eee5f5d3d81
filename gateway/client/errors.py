"""What can go wrong for a FIX initiator."""


class ClientError(RuntimeError):
    """The session cannot do what was asked; the text says why."""


class LogonRefused(ClientError):  # noqa: N818  # reads as what happened
    """The counterparty answered the Logon with a Logout or closed the connection."""


class CannotConnect(ClientError):  # noqa: N818  # reads as what happened
    """Nobody listens there, or the way there is cut."""


class OrderNotRemembered(ClientError):  # noqa: N818  # reads as what happened
    """A request names an order that was not sent from here, and not all that it has to repeat was given."""


class NotConnected(ClientError):  # noqa: N818  # reads as what happened
    """There is no connection to send on."""


class ExpectTimeout(AssertionError):  # noqa: N818  # reads as what happened
    """An expected message did not arrive. The text shows the whole conversation."""
