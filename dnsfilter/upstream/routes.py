"""Conditional forwarding: which upstreams answer for a name, by the longest suffix."""

from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class Routes(Generic[T]):
    """Targets by suffix, and one for all other names."""

    def __init__(self, default: T, by_suffix: Mapping[str, T]) -> None:
        self._default = default
        self._by_suffix = by_suffix

    def find(self, name: str) -> T:
        """Return the target for a canonical name."""
        by_suffix = self._by_suffix
        while by_suffix and name:
            target = by_suffix.get(name)
            if target is not None:
                return target
            name = name.partition(".")[2]
        return self._default
