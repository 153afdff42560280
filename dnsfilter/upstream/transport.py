"""What a way to ask one upstream must offer, whatever it is made of."""

from typing import Protocol

from dnsfilter.wire.query import Query


class Asked(Protocol):
    """What is asked."""

    @property
    def query(self) -> Query:
        """What is to be known."""

    @property
    def question(self) -> bytes:
        """The question section, in the letters that are sent."""

    @property
    def is_done(self) -> bool:
        """Whether nobody waits for an answer any more."""

    @property
    def is_scrambled(self) -> bool:
        """Whether the letters of the question are random, and so must come back."""

    @property
    def packet(self) -> bytes:
        """The packet behind an ID, for transports that add nothing of their own."""


class Transport(Protocol):
    """A way to ask; `mismatches` counts what came and matched no question.

    `keeps_case` where a question in whatever letters is answered and comes back in the same letters.
    """

    mismatches: int
    keeps_case: bool

    def send(self, asked: Asked) -> None:
        """Ask, with the next flush; OSError where there is no way to the upstream now."""

    def flush(self) -> None:
        """Send what was asked."""

    def close_retired(self, now: float) -> None:
        """Close what is of no more use; once a second."""

    def close(self) -> None:
        """Close everything."""
