"""What a page of documentation shows: files to save, commands to type and what they print."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE_NAME = re.compile(r"# (\S+\.yaml)\n")

VOLATILE = {
    r"\bd-[a-z2-7]{16}\b": "PSEUDONYM",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ": "TIME",
    r"(?<=, id: )\d+": "ID",
    r"(?<=state in ).*": "DIRECTORY",
    r"^installing into \.venv .*\n": "",
    r"^; +\(\d servers? found\)\n": "",
    r" +": " ",
}
"""What no two runs have in common, and column widths that follow from it; everything else is compared."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a console block and the output that stands below it."""

    command: str
    output: str


def find_steps(page: str) -> Iterator[Step]:
    """Yield the commands of all console blocks in reading order; `$ ` begins one."""
    for language, text in _BLOCK.findall(page):
        if language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                yield Step(command, output)


def find_files(page: str) -> Mapping[str, str]:
    """Return the YAML blocks that begin with a comment which is their file's name."""
    named = ((_FILE_NAME.match(text), text) for language, text in _BLOCK.findall(page) if language == "yaml")
    return {match[1]: text for match, text in named if match}


def normalise(output: str) -> str:
    """Replace the volatile parts of an output."""
    for pattern, replacement in VOLATILE.items():
        output = re.sub(pattern, replacement, output, flags=re.MULTILINE)
    return output.strip()
