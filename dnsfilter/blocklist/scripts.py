"""Names that look like others: labels that mix scripts, or imitate Latin letters with those of another script.

After UTS 39, "Unicode security mechanisms": the mixtures that East Asian writing needs are fine.
"""

import unicodedata

import idna

_COMBINATIONS = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"},
    {"LATIN", "CJK", "BOPOMOFO"},
    {"LATIN", "CJK", "HANGUL"},
)
_LIKE_LATIN = frozenset("асԁеһіјӏорԛѕԝхуѵαινορυγ")  # noqa: RUF001 - that they look alike is the point
"""Letters of other scripts that no reader tells from a Latin one."""


def find_confusion(name: str) -> str:
    """Return why a canonical name may be taken for another, empty where it is not."""
    if "xn--" not in name:
        return ""
    for label in name.split("."):
        if label.startswith("xn--"):
            reason = _find_in_label(_to_unicode(label))
            if reason:
                return reason
    return ""


def _to_unicode(label: str) -> str:
    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label


def _find_in_label(label: str) -> str:
    letters = {letter for letter in label if letter.isalpha()}
    scripts = {unicodedata.name(letter, "UNKNOWN").partition(" ")[0].partition("-")[0] for letter in letters}
    if len(scripts) > 1 and not any(scripts <= combination for combination in _COMBINATIONS):
        return f"{label!r} mixes scripts ({', '.join(sorted(map(str.title, scripts)))})"
    if letters and letters <= _LIKE_LATIN:
        return f"{label!r} is written in letters that look like Latin ones"
    return ""
