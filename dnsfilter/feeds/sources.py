"""Where the text of a blocklist is: beside the configuration, among the shipped lists, or the last download.

Reads files only; what the text means is `blocklist`'s business, how a copy gets here is `download`'s.
"""

from pathlib import Path

from dnsfilter.errors import InputError, Problem
from dnsfilter.feeds.screening import RefusedError, Screen
from dnsfilter.settings.order import Blocklist

COPIES = "lists"
"""Below the state directory: where the last good copies of subscriptions are."""

_CHUNK = 1 << 20
SHIPPED = Path(__file__).resolve().parents[2] / "blocklists"


def read_list(blocklist: Blocklist, beside: Path, copies: Path | None = None) -> tuple[str, str, float]:
    """Return text, file as messages show it and time of last change; InputError says what is wrong.

    `beside` is the directory of the configuration, `copies` the one that downloads are kept in.
    """
    path = _find(blocklist, beside, copies)
    text, changed = read_text(path)
    return text, str(path), changed


def read_text(path: Path) -> tuple[str, float]:
    """Return the text of a file, and when it last changed; InputError says what is wrong."""
    screen, pieces = Screen(), []
    try:
        with path.open("rb") as file:
            changed = path.stat().st_mtime
            while data := file.read(_CHUNK):
                pieces.append(screen.pass_on(data))
        if pieces:
            screen.finish()
    except OSError as error:
        raise InputError([Problem(f"cannot be read: {error.strerror}", str(path))]) from None
    except RefusedError as refused:
        raise InputError([Problem(str(refused), str(path), refused.line)]) from None
    return "".join(pieces).removeprefix("\ufeff"), changed


def find_list(name: str, beside: Path) -> Path:
    """Return the file of a list: a bare name also among the shipped lists; InputError says where it was looked for."""
    places = find_places(name, beside)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputError([Problem(f"there is no such file: looked for {' and '.join(map(str, places))}", name)])
    return found


def find_places(name: str, beside: Path) -> list[Path]:
    """Return where a list may be, the first that exists counts."""
    return [beside / name] if "/" in name else [beside / name, SHIPPED / name]


def copy_path(blocklist: Blocklist, copies: Path) -> Path:
    """Return where the last good copy of a subscription is kept."""
    return copies / f"{blocklist.name}.list"


def _find(blocklist: Blocklist, beside: Path, copies: Path | None) -> Path:
    if blocklist.file is not None:
        return find_list(blocklist.file, beside)
    copy = copy_path(blocklist, copies) if copies else None
    if copy is None or not copy.is_file():
        raise InputError([Problem(f"{blocklist.url} has not been downloaded yet", blocklist.name)])
    return copy
