"""What both channels, REST and the WebSocket API, say about a request: an answer, or that it was lost."""

from dataclasses import dataclass
from typing import Protocol

import msgspec

from gateway.venues.binance.errors import ErrorBody, Failure, classify
from gateway.venues.binance.payload import PayloadError, Raw, decode

_ERROR = msgspec.json.Decoder(ErrorBody)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. status is HTTP's, result the payload of a success, error that of a failure."""

    status: int
    result: Raw
    error: Raw
    text: bytes  # as it came, for the record
    retry_at_ms: int = 0  # the venue's time, from Retry-After

    @property
    def ok(self) -> bool:
        """Whether the venue did what was asked."""
        return self.status == 200

    def failure(self) -> Failure:
        """What a failed answer means."""
        try:
            body = decode(_ERROR, self.error)
        except PayloadError:
            body = None
        return classify(self.status, body, retry_at_ms=self.retry_at_ms)


class Handler(Protocol):
    """Who waits for one request. Exactly one of the two is called, except that an answer may still follow
    a loss by timeout.
    """

    def answered(self, answer: Answer) -> None:
        """The venue answered."""

    def lost(self, why: str, *, written: bool) -> None:
        """No answer will come. written: whether the request may have left; False means it certainly did not."""


class RequestLostError(Exception):
    """A query got no answer: not connected, disconnected, or out of time."""


def status_line(answer: Answer) -> str:
    """An answer for the record, without the rate limits that end most of them: they say nothing of the order."""
    text = answer.text.partition(b',"rateLimits":[')[0]
    return f"{answer.status} {text.decode('utf-8', 'replace')}"
