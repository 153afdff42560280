"""Every page: its links lead somewhere, nothing names a private place, the changelog knows the version."""

import re
import subprocess
from pathlib import Path

import pytest

import dnsfilter

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)\s]+)\)")
PRIVATE = re.compile(r"(?<![\w.])[/]work\b|[.]{2}/shared\b|[.]library\b|[/]tmp/\w+/|[/]root\b")
SKIPPED = {".venv", ".git", "__pycache__"}


def files(*suffixes: str) -> list[Path]:
    """Return the files of the repository with an ending, in a clone those that git knows."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    found = [ROOT / name for name in listed.splitlines()] or list(ROOT.rglob("*"))
    return [path for path in found if path.suffix in suffixes and path.is_file() and not SKIPPED & {*path.parts}]


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path, page: str) -> list[str]:
    """Return the relative links of a page whose file or anchor does not exist."""
    broken = []
    for link in LINK.findall(re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors(target.read_text()))):
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", files(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_links(path: Path) -> None:
    """Each relative link of a page leads to a file, and to a heading where it names one."""
    assert broken_links(path, path.read_text()) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    """A missing file and a missing heading are found; a good link, an address and a code block are not."""
    page = tmp_path / "page.md"
    page.write_text("# One two\n")
    text = "[a](page.md#one-two) [b](gone.md) [c](page.md#three) [d](https://x.example/)\n```\n[e](no.md)\n```\n"
    assert broken_links(page, text) == ["gone.md", "page.md#three"]


@pytest.mark.parametrize("path", files(".md", ".py", ".yaml"), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_private_place(path: Path) -> None:
    """No file names a directory of the machine that it was written on."""
    assert PRIVATE.findall(path.read_text()) == []


def test_changelog_knows_the_version() -> None:
    """The newest section of the changelog is about the version that runs."""
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == dnsfilter.__version__
