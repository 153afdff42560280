"""What was found out about the answer that was looked at last.

Many queries may wait for one answer, and one of 64 KB takes long to look at: what holds for all of them is found once.
Pure; knows nothing of what is looked for.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

from dnsfilter.wire.response import Answer

_Found = TypeVar("_Found")


class Findings(Generic[_Found]):
    """One finding for each kind of client; another answer begins anew."""

    __slots__ = ("_answer", "_found")

    def __init__(self) -> None:
        self._answer: Answer | None = None
        self._found: dict[Hashable, _Found] = {}

    def get(self, answer: Answer, kind: Hashable) -> _Found | None:
        """Return what was found for clients of this kind, None where that was not the last answer."""
        return self._found.get(kind) if answer is self._answer else None

    def keep(self, answer: Answer, kind: Hashable, found: _Found) -> _Found:
        """Return a finding, kept for whoever waits for the same answer."""
        if answer is not self._answer:
            self._answer, self._found = answer, {}
        self._found[kind] = found
        return found
