"""named.conf: forwarders, listen-on, access lists, forward zones and response policy zones. Zones stay with BIND."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from dnsfilter.migration.converted import Converted

_TOKEN = re.compile(r'/\*.*?\*/|(?://|#)[^\n]*|"([^"]*)"|([{};])|([^\s{};"]+)|\n', re.DOTALL)
_SILENT = frozenset(("directory", "recursion", "dnssec-validation", "forward", "type", "auth-nxdomain", "version"))
_ANYBODY = {"any": ("0.0.0.0/0", "::/0"), "localhost": ("127.0.0.0/8", "::1/128"), "none": ()}
_ACCESS = frozenset(("allow-query", "allow-recursion", "allow-query-cache"))


class _Statement(NamedTuple):
    """Words, the statements in braces behind them, and where it begins."""

    words: list[str]
    body: "list[_Statement]"
    line: int


def convert(text: str, converted: Converted) -> None:
    """Take in all that a file says."""
    statements = _parse(_tokenize(text))
    lists = {each.words[1]: each.body for each in statements if each.words[:1] == ["acl"] and len(each.words) > 1}
    policies = [
        zone.words[1]
        for each in _find(statements, "response-policy")
        for zone in each.body
        if zone.words[:1] == ["zone"]
    ]
    for each in statements:
        match each.words:
            case ["options"]:
                for option in each.body:
                    _convert_option(option, lists, converted)
            case ["zone", name, *_]:
                _convert_zone(name, each, policies, converted)
            case ["acl", *_] | []:
                pass
            case words:
                converted.lose(" ".join(words), each.line)


def _tokenize(text: str) -> Iterator[tuple[str, int]]:
    for match in _TOKEN.finditer(text):
        word = match[1] if match[1] is not None else match[2] or match[3]
        if word is not None:
            yield word, text.count("\n", 0, match.start()) + 1


def _parse(tokens: Iterator[tuple[str, int]]) -> list[_Statement]:
    found: list[_Statement] = []
    words: list[str] = []
    body: list[_Statement] = []
    start = 0
    for word, line in tokens:
        if word == "}":
            break
        if word == "{":
            body = _parse(tokens)
        elif word == ";":
            if words:
                found.append(_Statement(words, body, start))
            words, body = [], []
        else:
            start = start if words else line
            words.append(word)
    return found


def _find(statements: list[_Statement], name: str) -> Iterator[_Statement]:
    for each in statements:
        if each.words[:1] == [name]:
            yield each
        yield from _find(each.body, name)


def _convert_option(option: _Statement, lists: dict[str, list[_Statement]], converted: Converted) -> None:
    match option.words:
        case ["forwarders", *_]:
            _convert_forwarders(option, (), converted)
        case ["listen-on" | "listen-on-v6" as key, *rest]:
            if rest[:1] == ["port"] and rest[1:] and rest[1].isdecimal():
                converted.port = int(rest[1])
            every = "::" if key.endswith("v6") else "0.0.0.0"  # noqa: S104 - what BIND means by any
            converted.listen += [
                every if each.words[0] == "any" else each.words[0] for each in option.body if each.words[0] != "none"
            ]
        case [key, *_] if key in _ACCESS:
            _convert_access(option.body, lists, converted)
        case ["response-policy", *_]:
            pass
        case [key, *_] if key not in _SILENT:
            converted.lose(" ".join(option.words), option.line)


def _convert_forwarders(statement: _Statement, domains: tuple[str, ...], converted: Converted) -> None:
    for each in statement.body:
        host, *rest = each.words
        host = f"[{host}]" if ":" in host else host
        is_port = len(rest) == 2 and rest[0] == "port"  # noqa: PLR2004 - the word and its number
        if rest and not is_port:
            converted.lose(" ".join(each.words), each.line)
        else:
            converted.add_server(f"{host}:{rest[1]}" if is_port else host, each.line, domains)


def _convert_access(body: list[_Statement], lists: dict[str, list[_Statement]], converted: Converted) -> None:
    for each in body:
        word = each.words[0]
        if word in lists:
            _convert_access(lists.pop(word), lists, converted)
            continue
        if word == "localnets":
            converted.lose(word, each.line)
            continue
        for network in _ANYBODY.get(word, (word.removeprefix("!"),)):
            converted.add_client(network, each.line, is_allowed=not word.startswith("!"))


def _convert_zone(name: str, zone: _Statement, policies: list[str], converted: Converted) -> None:
    options = {option.words[0]: option for option in zone.body}
    kind = options["type"].words[-1] if "type" in options else ""
    if kind == "forward" and "forwarders" in options:
        _convert_forwarders(options["forwarders"], (name,), converted)
    elif name in policies and "file" in options:
        converted.subscribe(options["file"].words[-1], zone.line, "rpz", name)
    elif kind != "hint":
        converted.lose(f"zone {name} (type {kind}): let BIND serve it, and name BIND in upstreams", zone.line)
