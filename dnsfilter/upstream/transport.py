"""What a way to ask one upstream must offer, whatever it is made of."""

from typing import Protocol


class Asked(Protocol):
    """What an answer must match: the question section, and the packet behind its ID; done when nobody waits for it."""

    question: bytes
    packet: bytes
    is_done: bool


class Transport(Protocol):
    """A way to ask; `mismatches` counts what came and matched no question."""

    mismatches: int

    def send(self, asked: Asked) -> None:
        """Ask, with the next flush; OSError where there is no way to the upstream now."""

    def flush(self) -> None:
        """Send what was asked."""

    def close_retired(self, now: float) -> None:
        """Close what is of no more use; once a second."""

    def close(self) -> None:
        """Close everything."""
