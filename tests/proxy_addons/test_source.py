"""Where the policy comes from, and what happens when a new generation is no good."""

from pathlib import Path

import pytest

from dnsfilter.errors import InputError, SnapshotError
from dnsfilter.feeds import clients, snapshot
from proxy_addons.source import PolicySource, compile_source
from tests.fakes.published import publish_world

CONFIGURATION = """\
state: state
inventory: devices.csv
upstreams: [{servers: [192.0.2.53]}]
blocklists: [{name: mine, file: mine.txt, app: tiktok}]
groups: [{name: corporate}]
policies: [{name: order, blocklists: [mine], phases: {enforce: 2023-03-15}}]
"""
INVENTORY = "id,name,owner,mail,group,mac,ip\nd1,Phone,Somebody,s@example.org,corporate,,192.0.2.77\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mine.txt").write_text("banned.example\n")
    (tmp_path / "devices.csv").write_text(INVENTORY)
    path = tmp_path / "dnsfilter.yaml"
    path.write_text(CONFIGURATION)
    return path


def test_compiles_for_itself(file: Path) -> None:
    """Without a running dnsfilter, configuration, lists and inventory are compiled and in force."""
    source = compile_source(file)
    assert source.state == file.parent / "state"
    assert source.policy.generation == 1
    assert source.policy.find_client("192.0.2.77", 0.0).device == "d1"


def test_an_edited_inventory_is_noticed(file: Path) -> None:
    """Alone, the addon keeps the table of clients as fresh as its sources."""
    source = compile_source(file)
    (file.parent / "devices.csv").write_text(INVENTORY.replace("192.0.2.77", "192.0.2.78"))
    assert source.refresh()
    assert source.policy.find_client("192.0.2.78", 0.0).device == "d1"
    assert not source.refresh()


def test_wrong_input_is_reported_whole(file: Path) -> None:
    """A configuration that is wrong is an error with file, line and key."""
    file.write_text(CONFIGURATION.replace("enforce: 2023-03-15", "enforce: soon"))
    with pytest.raises(InputError, match=r"dnsfilter\.yaml:6: .*enforce.*'soon'"):
        compile_source(file)


def test_needs_a_snapshot(tmp_path: Path) -> None:
    """A state directory in which nothing was published is an error that names the file."""
    with pytest.raises(SnapshotError, match=str(tmp_path)):
        PolicySource(tmp_path)


def test_needs_no_table_of_clients(tmp_path: Path) -> None:
    """Before the manager has published any client, groups come from networks alone."""
    publish_world(tmp_path)
    (tmp_path / clients.FILE_NAME).unlink()
    assert PolicySource(tmp_path).policy.find_client("127.0.0.1", 0.0).group == "plain"


@pytest.mark.parametrize("name", [snapshot.FILE_NAME, clients.FILE_NAME])
def test_a_damaged_file_changes_nothing(tmp_path: Path, name: str) -> None:
    """The last good generation stays in force, and the next good one replaces it."""
    publish_world(tmp_path)
    source = PolicySource(tmp_path)
    assert not source.refresh()
    (tmp_path / name).write_bytes(b"damaged" * 100)
    with pytest.raises(SnapshotError):
        source.refresh()
    assert source.policy.generation == 1
    publish_world(tmp_path, generation=2)
    assert source.refresh()
    assert source.policy.generation == 2
