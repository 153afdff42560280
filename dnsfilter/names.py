r"""Domain names as text, in the one canonical form that lists, configuration and policy share.

Canonical: lower case, A-labels, no final dot, every octet outside letters, digits, `-` and `_` as `\DDD` (RFC 4343
section 2.1), so that a dot always separates labels. Knows nothing of wire format.
"""

import re
from collections.abc import Container

MAX_TEXT = 253
MAX_LABEL = 63

DESIGNATION = "_dns.resolver.arpa"
"""What clients ask a resolver for to learn where it answers encrypted (RFC 9462 section 4)."""

_PLAIN = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # those that RFC 3490 section 3.1 takes for a dot
_PATTERN_LABEL = re.compile(r"[a-z0-9_*-]{1,63}")


def canonical(text: str) -> str:
    """Return the canonical form of a name in presentation form; ValueError says what is wrong with it."""
    name = text.lower()
    if len(name) > MAX_TEXT + 1:
        raise ValueError(f"a name has at most {MAX_TEXT} characters")
    if not name.isascii():
        name = _to_a_labels(text, name)
    name = name.removesuffix(".")
    if not name:
        raise ValueError("a name has at least one label")
    if len(name) > MAX_TEXT:
        raise ValueError(f"a name has at most {MAX_TEXT} characters")
    if not _PLAIN.fullmatch(name):
        raise ValueError(_explain(text, name))
    return name


def _to_a_labels(text: str, name: str) -> str:
    """Return a name in A-labels; labels that are ASCII stay, because service labels (`_dmarc`) are no U-labels."""
    import idna  # noqa: PLC0415 - takes longer to load than a short command to run, and few names need it

    labels = _DOTS.split(name)
    try:
        return ".".join(
            label if label.isascii() else idna.encode(label, uts46=True).decode("ascii") for label in labels
        )
    except idna.IDNAError as error:
        raise ValueError(f"{text!r} is not a valid internationalised name: {error}") from error


def canonical_pattern(text: str) -> str:
    """Return the canonical form of a pattern, in which `*` stands for any run of characters within one label."""
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    for label in labels:
        if not _PATTERN_LABEL.fullmatch(label):
            raise ValueError(f"{text!r} has an invalid label {label!r}")
    if "*" not in name:
        raise ValueError(f"{text!r} has no '*': write it as exact or suffix")
    if len(labels) < 3 or "*" in labels[-1] or "*" in labels[-2]:  # noqa: PLR2004 - the last two labels
        raise ValueError(f"{text!r} must end in at least two labels without '*'")
    return name


def pattern_parent(pattern: str) -> str:
    """Return the part of a canonical pattern behind its last label with a `*`."""
    return pattern.rpartition("*")[2].partition(".")[2]


def is_within(name: str, suffix: str) -> bool:
    """Whether a canonical name is the suffix or below it."""
    return name == suffix or name.endswith("." + suffix)


def is_within_any(name: str, suffixes: Container[str]) -> bool:
    """Whether a canonical name is one of the suffixes or below one."""
    while name:
        if name in suffixes:
            return True
        name = name.partition(".")[2]
    return False


def _explain(text: str, name: str) -> str:
    for label in name.split("."):
        if not label:
            return f"{text!r} has an empty label"
        if len(label) > MAX_LABEL:
            return f"{text!r} has a label longer than {MAX_LABEL} characters"
    return f"{text!r} has a character that a host name cannot have"
