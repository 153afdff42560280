"""What every outlet does: try to deliver one message, and say what became of it. Never raises for what others do."""

from typing import Protocol

from dnsfilter.outgoing.message import Message, Result


class Outlet(Protocol):
    """One way out; one message at a time."""

    async def deliver(self, message: Message) -> Result:
        """Try once."""

    async def close(self) -> None:
        """Give back what is held open."""
