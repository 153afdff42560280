"""`dnsfilter completion`: the scripts are the shells' own language, and complete what there is."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from dnsfilter.cli import cli


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script(shell: str) -> None:
    """Each script asks dnsfilter itself what comes next."""
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert f"_DNSFILTER_COMPLETE={shell}_complete" in done.stdout
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [("dnsfilter li", {"plain,lists"}), ("dnsfilter lists update --acc", {"plain,--accept-shrink"})],
)
def test_completes(words: str, expected: set[str]) -> None:
    """What a shell asks for is answered from the commands as they are."""
    asked = {"_DNSFILTER_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    command = [sys.executable, "-c", "import sys; sys.argv[0] = 'dnsfilter'; from dnsfilter.cli import main; main()"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **asked})
    assert set(done.stdout.split()) == expected
