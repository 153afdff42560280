"""docs/drop-in.md: its configuration loads, its keys and files exist, its commands are shell."""

import re
import subprocess
from pathlib import Path

from dnsfilter.config import Configuration, parse_configuration

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "drop-in.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_configuration_loads() -> None:
    """The configuration shown is valid, and keeps its state where the service may write."""
    (shown,) = blocks("yaml")
    assert str(parse_configuration(shown, "drop-in.md").state) == "/var/lib/dnsfilter"


def test_keys_exist() -> None:
    """What the last column of the table begins with is a key of the configuration."""
    table = PAGE.partition("| in unbound |")[2].partition("\n\n")[0]
    cells = [row.split("|")[-2].strip() for row in table.splitlines()[2:]]
    keys = [key[1] for cell in cells if (key := re.match(r"`(\w+)`", cell))]
    assert len(keys) > 8
    assert set(keys) <= set(Configuration.model_fields)


def test_commands_are_shell() -> None:
    """The shell reads every block, and what they install is there."""
    for block in blocks("sh"):
        assert subprocess.run(["bash", "-n"], input=block, text=True, check=False).returncode == 0
    named = re.findall(r"deploy/\S+", "".join(blocks("sh")))
    assert named
    assert all((ROOT / name).is_file() for name in named)
