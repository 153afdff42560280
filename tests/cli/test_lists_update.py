"""`dnsfilter lists update`, against a web server on loopback."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli import cli
from dnsfilter.cli.lists_update import update


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a directory; return it and its URL."""
    directory = tmp_path / "site"
    directory.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield directory, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(tmp_path: Path, *urls: str) -> Result:
    """Run the command with a subscription to each URL."""
    lists = "".join(f"  - {{name: list-{number}, url: '{url}'}}\n" for number, url in enumerate(urls))
    file = tmp_path / "dnsfilter.yaml"
    file.write_text(f"upstreams: [{{servers: [192.0.2.53]}}]\nblocklists:\n{lists}")
    return CliRunner().invoke(update, ["-c", str(file)])


def test_says_what_came_of_each(site: tuple[Path, str], tmp_path: Path) -> None:
    """A first download tells its size, a second that nothing changed, a third old and new size; the copy is there."""
    directory, url = site
    (directory / "a.txt").write_text("a.example\n")
    first = run(tmp_path, f"{url}/a.txt")
    assert (first.exit_code, first.stdout) == (0, "list-0: 10 bytes\n")
    assert (tmp_path / "var/lists/list-0.list").read_text() == "a.example\n"
    assert run(tmp_path, f"{url}/a.txt").stdout == "list-0: unchanged\n"
    (directory / "a.txt").unlink()
    (directory / "b.txt").write_text("a.example\nb.example\n")
    assert run(tmp_path, f"{url}/b.txt").stdout == "list-0: 20 bytes (was 10)\n"


def test_a_refused_list_keeps_its_copy(site: tuple[Path, str], tmp_path: Path) -> None:
    """What is no list is told with its reason and status 1; the last good copy and the other lists are not harmed."""
    directory, url = site
    (directory / "a.txt").write_text("a.example\n")
    run(tmp_path, f"{url}/a.txt")
    (directory / "page.html").write_text("<html></html>")
    done = run(tmp_path, f"{url}/page.html", f"{url}/a.txt")
    assert done.exit_code == 1
    assert "list-0: refused: " in done.stderr
    assert "not a list" in done.stderr
    assert done.stdout == "list-1: 10 bytes\n"
    assert (tmp_path / "var/lists/list-0.list").read_text() == "a.example\n"


def test_without_subscriptions(tmp_path: Path) -> None:
    """A configuration of files alone has nothing to download, and nothing is made."""
    file = tmp_path / "dnsfilter.yaml"
    file.write_text("upstreams: [{servers: [192.0.2.53]}]\n")
    done = CliRunner().invoke(update, ["-c", str(file)])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "nothing to download" in done.stderr
    assert not (tmp_path / "var").exists()


def test_shrinking_is_accepted_by_name(site: tuple[Path, str], tmp_path: Path) -> None:
    """A list that shrank too much is refused and names the option that takes it, which is audited."""
    directory, url = site
    (directory / "a.txt").write_text("".join(f"host{index}.example\n" for index in range(10)))
    assert run(tmp_path, f"{url}/a.txt").exit_code == 0
    (directory / "b.txt").write_text("host1.example\n")
    refused = run(tmp_path, f"{url}/b.txt")
    assert refused.exit_code == 1
    assert "--accept-shrink list-0" in refused.stderr
    file = str(tmp_path / "dnsfilter.yaml")
    taken = CliRunner().invoke(update, ["-c", file, "--accept-shrink", "list-0"])
    assert taken.exit_code == 0
    assert (tmp_path / "var/lists/list-0.list").read_text() == "host1.example\n"
    listed = CliRunner().invoke(cli, ["audit", "list", "--json", "-c", file]).stdout.splitlines()
    assert [(json.loads(line)["action"], json.loads(line)["subject"]) for line in listed] == [
        ("accept-shrink", "list-0")
    ]
    unknown = CliRunner().invoke(update, ["-c", file, "--accept-shrink", "nobody"])
    assert "no list with a url has the name 'nobody'" in str(unknown.exception)
