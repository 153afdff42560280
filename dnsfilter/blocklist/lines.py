"""What all syntaxes with one entry a line share: plain lines at the speed of one regex, all others with care.

A bad line is a problem with its place and does not stop the rest, up to a budget: beyond it the text is refused, being
most likely an error page or written in another syntax.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from dnsfilter.blocklist.parsed import Entry, Kind, ParsedList
from dnsfilter.errors import InputError, Problem
from dnsfilter.model import Rule
from dnsfilter.names import MAX_TEXT, canonical

MAX_LINE = 4096
MAX_SHOWN = 80
BAD_LINES = 100
BAD_SHARE = 0.05

NAME = r"(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9_-]{0,62}"
NOT_TOO_LONG = rf"(?!.{{{MAX_TEXT + 1}}})"

_BLOCK = 1 << 20
"""Characters that are split into lines at once."""

_MARKUP = re.compile(r"\s*<(?:!doctype|!--|html|head|\?xml)", re.IGNORECASE)
_ADDRESS = re.compile(r"[0-9.]+")


@dataclass(frozen=True, slots=True)
class Syntax:
    """One syntax: the lines that hold just one plain name (group 1) and what those mean; `read` understands every line.

    `read` gets a line without surrounding blanks, in lower case, and says with ValueError what is wrong with it.
    """

    plain: re.Pattern[str]
    kind: Kind
    read: Callable[[str], Iterable[Entry]]


class Findings:
    """Collects entries and problems of one text and decides whether the text can be used."""

    def __init__(self, file: str, text: str) -> None:
        self.names: dict[Kind, list[str]] = {kind: [] for kind in Kind}
        self.lines: dict[Kind, array[int]] = {kind: array("I") for kind in Kind}
        self._file = file
        self._problems: list[Problem] = []
        self._lines = text.count("\n") + 1
        self._budget = max(BAD_LINES, self._lines * BAD_SHARE)

    def add_problem(self, message: object, line: int) -> None:
        """Note what is wrong with a line; InputError where that is one too many."""
        self._problems.append(Problem(str(message), self._file, line))
        if len(self._problems) > self._budget:
            reason = (
                f"refused: {len(self._problems)} of the first {line} lines are wrong; is it HTML or another format?"
            )
            raise InputError([Problem(f"{reason} The first:", self._file), *self._problems[:3]])

    def add(self, entries: Iterable[Entry], line: int) -> None:
        """Note what a line says."""
        for kind, name in entries:
            self.names[kind].append(name)
            self.lines[kind].append(line)

    def finish(self, rules: Iterable[Rule] = (), rule_lines: Iterable[int] = ()) -> ParsedList:
        """Return the list, with rules that the text has beside names; InputError where nothing of it is right."""
        problems, rules = self._problems, tuple(rules)
        if problems and not rules and not any(self.names.values()):
            raise InputError([Problem("refused: not one line can be used; the first:", self._file), *problems[:3]])
        names = self.names
        return ParsedList(
            rules=rules,
            suffixes=names[Kind.SUFFIX],
            exacts=names[Kind.EXACT],
            below=names[Kind.BELOW],
            passed_suffixes=names[Kind.PASSED_SUFFIX],
            passed_exacts=names[Kind.PASSED_EXACT],
            passed_below=names[Kind.PASSED_BELOW],
            problems=tuple(problems),
            lines=dict(self.lines),
            rule_lines=tuple(rule_lines),
        )


def parse_lines(text: str, file: str, syntax: Syntax) -> ParsedList:
    """Parse a text of one entry a line; InputError when it is not such a text."""
    findings = Findings(file, text)
    add_plain, add_line = findings.names[syntax.kind].append, findings.lines[syntax.kind].append
    match = syntax.plain.fullmatch
    for number, line in enumerate(split_lines(text, file), 1):
        plain = match(line)
        if plain:
            add_plain(plain[1])
            add_line(number)
        elif line:
            _read_with_care(line, number, syntax, findings)
    return findings.finish()


def _read_with_care(line: str, number: int, syntax: Syntax, findings: Findings) -> None:
    try:
        check_length(line)
        findings.add(list(syntax.read(line.strip())), number)
    except ValueError as error:
        findings.add_problem(error, number)


def split_lines(text: str, file: str, *, is_folded: bool = True) -> Iterator[str]:
    """Yield the lines, in lower case where they are to be folded; InputError for a page of markup.

    A block at a time: millions of lines at once take many times the memory of the text.
    """
    if _MARKUP.match(text[:MAX_LINE]):
        raise InputError([Problem("refused: this is HTML or XML, not a list", file, 1)])
    start, size = int(text.startswith("\ufeff")), len(text)
    while start <= size:
        end = text.rfind("\n", start, start + _BLOCK)
        if end < 0:
            end = text.find("\n", start + _BLOCK)
        if end < 0:
            end = size
        block = text[start : end + 1].replace("\r\n", "\n").removesuffix("\n" * (end < size))
        yield from (block.lower() if is_folded else block).split("\n")
        start = end + 1


def check_length(line: str) -> None:
    """Refuse a line that no entry can need; ValueError."""
    if len(line) > MAX_LINE:
        raise ValueError(f"{quote(line)} is longer than {MAX_LINE} characters")


def read_name(text: str) -> str:
    """Return a canonical name of at least two labels; ValueError says what is wrong."""
    if len(text) > MAX_TEXT + 1 and text.isascii():
        raise ValueError(f"{quote(text)} is longer than {MAX_TEXT} characters")
    if not text.strip("."):
        raise ValueError(f"{quote(text)} covers every name: too broad")
    name = canonical(text)
    if _ADDRESS.fullmatch(name):
        raise ValueError(f"{quote(text)} is an address, not a name")
    if "." not in name:
        raise ValueError(f"{quote(text)} is one label: too broad")
    return name


def strip_comment(line: str) -> str:
    """Return a line without what stands behind `#`."""
    return line.partition("#")[0].rstrip()


def quote(text: str) -> str:
    """Return a text the way a message shows it, shortened."""
    return repr(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")
