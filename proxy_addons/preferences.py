"""What a client prefers, by the quality values of its Accept and Accept-Language fields (RFC 9110 section 12).

Forgiving: a member of a list that is not well-formed counts for nothing.
"""

import re
from collections.abc import Collection

MAX_MEMBERS = 50
"""Further members of a list are not looked at; browsers send some ten."""

_MEMBER = re.compile(r"\s*([^\s;,]+)\s*(?:;(.*))?", re.DOTALL)
_WEIGHT = re.compile(r"\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)
_JSON = re.compile(r"application/(?:[^;]+\+)?json")
_HTML = ("text/html", "application/xhtml+xml")


def read_preferences(field: str) -> list[tuple[str, float]]:
    """Return the members of a field in lower case with their weights, the most wanted first, unwanted ones too."""
    found = []
    for text in field.split(",", MAX_MEMBERS)[:MAX_MEMBERS]:
        member = _MEMBER.fullmatch(text)
        weight = _read_weight(member[2] or "") if member else None
        if member and weight is not None:
            found.append((member[1].lower(), weight))
    return sorted(found, key=lambda preference: -preference[1])


def _read_weight(parameters: str) -> float | None:
    """Return the weight among parameters, 1 where there is none, None for one that is no weight."""
    for parameter in parameters.split(";"):
        if parameter.strip()[:1] in ("q", "Q") and parameter.strip()[1:2] in ("=", " ", ""):
            weight = _WEIGHT.fullmatch(parameter)
            return float(weight[1]) if weight else None
    return 1.0


def choose_language(field: str, available: Collection[str], default: str) -> str:
    """Return the available language that a client wants most, by lookup of ever shorter tags (RFC 4647 section 3.4)."""
    preferences = read_preferences(field)
    unwanted = {tag for tag, weight in preferences if not weight}
    for tag, weight in preferences:
        if tag == "*" and weight:
            return default
        while weight and tag:
            if tag in available and tag not in unwanted:
                return tag
            tag = tag.rpartition("-")[0]  # noqa: PLW2901 - the next shorter one
    return default


def prefers_json(field: str) -> bool:
    """Whether a client asks for JSON by name, and for a page not at least as much."""
    weights = read_preferences(field)
    json = max((weight for kind, weight in weights if _JSON.fullmatch(kind)), default=0.0)
    html = max((weight for kind, weight in weights if kind in _HTML), default=0.0)
    return json > html
