"""YAML text -> plain data that still knows on which line each value stood.

Safe against hostile input: plain tags only, bounded size, depth and node count, no key twice. Dates stay text.
Knows no schema.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from dnsfilter.errors import InputError, Problem

MAX_BYTES = 16 * 1024 * 1024
MAX_NODES = 500_000
MAX_DEPTH = 50

Path = tuple[str | int, ...]
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map")) | {"!"}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data and the line of every value and key, by its path of keys and indexes."""

    file: str
    data: Any
    lines: dict[Path, int]

    def problem(self, path: Path, message: str) -> Problem:
        """Return a problem at the nearest known line of `path`."""
        for length in range(len(path), -1, -1):
            line = self.lines.get(path[:length])
            if line:
                return Problem(message, self.file, line, key_text(path))
        return Problem(message, self.file, 1, key_text(path))


def key_text(path: Path) -> str:
    """Return a path the way people write it: `policies[0].phases.enforce`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def parse_document(text: str, file: str) -> Document:
    """Parse one YAML document; InputError names file and line."""
    try:
        _check_events(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[Path, int] = {}
            data = None if node is None else _construct(loader, node, (), lines, _Budget())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = min(error.problem_mark.line + 1, len(text.splitlines()) or 1) if error.problem_mark else 1
        raise InputError([Problem(f"not valid YAML: {error.problem or error.context}", file, line)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(
            [Problem(f"not valid YAML: character {error.character!r} is not allowed", file, line)]
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError([Problem(f"not valid YAML: {error}", file, 1)]) from None
    return Document(file, data, lines)


class _Budget:
    """Counts constructed nodes, so that aliases cannot multiply without end."""

    def __init__(self) -> None:
        self.left = MAX_NODES

    def spend(self, node: Any) -> None:  # noqa: ANN401 - either loader's node
        self.left -= 1
        if self.left < 0:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_NODES} values", problem_mark=node.start_mark)


def _check_events(text: str) -> None:
    """Refuse foreign tags, and what would exhaust memory or the stack before anything recursive looks at it."""
    if len(text) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES} characters")
    depth = 0
    for event in _events(text):
        tag = getattr(event, "tag", None)
        if tag and tag not in _TAGS:
            raise yaml.MarkedYAMLError(problem=f"tag {tag!r} is not allowed", problem_mark=event.start_mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH}", problem_mark=event.start_mark)  # type: ignore[arg-type]
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _events(text: str) -> Iterator[Any]:
    yield from yaml.parse(text, Loader=_Loader)


def _construct(loader: Any, node: yaml.Node, path: Path, lines: dict[Path, int], budget: _Budget) -> Any:  # noqa: ANN401
    budget.spend(node)
    if len(path) > MAX_DEPTH:
        raise yaml.MarkedYAMLError(problem="an alias contains itself", problem_mark=node.start_mark)
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _construct_mapping(loader, node, path, lines, budget)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(loader, item, (*path, index), lines, budget) for index, item in enumerate(node.value)]
    if node.tag == _TIMESTAMP:
        return node.value
    return loader.construct_object(node)


def _construct_mapping(
    loader: Any,  # noqa: ANN401 - two loader classes without a common base
    node: yaml.MappingNode,
    path: Path,
    lines: dict[Path, int],
    budget: _Budget,
) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key must be plain text", problem_mark=key_node.start_mark)
        key = str(key_node.value)
        if key in mapping:
            raise yaml.MarkedYAMLError(problem=f"key {key!r} is given twice", problem_mark=key_node.start_mark)
        lines[(*path, key)] = key_node.start_mark.line + 1
        mapping[key] = _construct(loader, value_node, (*path, key), lines, budget)
    return mapping
