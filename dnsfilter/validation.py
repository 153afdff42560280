"""Validation errors of a model -> problems that name file, line, key and the offending value."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from dnsfilter.document import Document, Path
from dnsfilter.errors import Problem

MAX_SHOWN = 80

_MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "unknown key (value {})",
    "tuple_type": "{}: must be a list",
    "model_type": "{}: must be a mapping of keys",
    "dict_type": "{}: must be a mapping of keys",
    "too_short": "must not be empty",
}
_ENUM_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")


def describe_errors(document: Document, errors: Iterable[ErrorDetails]) -> Iterator[Problem]:
    """Turn a model's validation errors into problems with a line; one per key, the innermost."""
    places = [(_existing_path(document.data, error["loc"]), error) for error in errors]
    seen = {path[:length] for path, _ in places for length in range(len(path))}
    for path, error in places:
        if path not in seen:
            seen.add(path)
            yield document.problem(path, _message(error))


def _existing_path(data: Any, location: tuple[int | str, ...]) -> Path:  # noqa: ANN401 - whatever YAML held
    """Drop what pydantic adds to a location (union branches, `[key]`), keep keys that are missing from the document."""
    path: list[int | str] = []
    for part in location:
        if isinstance(data, dict):
            path.append(part)
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int):
            path.append(part)
            data = data[part] if part < len(data) else None
    return tuple(path)


def _message(error: ErrorDetails) -> str:
    shown = _shown(error["input"])
    if error["type"] in _MESSAGES:
        return _MESSAGES[error["type"]].format(shown)
    if error["type"] != "value_error":
        reason = _ENUM_MEMBER.sub(r"\1", error["msg"])
        return f"{shown}: {reason[:1].lower()}{reason[1:]}"
    reason = str(error["ctx"]["error"])
    says_value = isinstance(error["input"], BaseModel | dict | list) or reason.startswith(shown.removesuffix("…"))
    return reason if says_value else f"{shown} {reason}"


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
