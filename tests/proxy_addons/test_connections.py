"""What is recorded of a connection, and how often."""

from ipaddress import ip_address
from pathlib import Path

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import ClientTable
from dnsfilter.journal import Journal
from dnsfilter.model import Channel, Client, ProxyAction
from proxy_addons.connections import REPEAT_SECONDS, ClientConnection, Recorder
from proxy_addons.names import Target
from proxy_addons.policy import UNLISTED, PolicyInForce, Verdict
from tests.fakes.published import LISTED, LISTED_ADDRESS, publish_world


def verdict_on(tmp_path: Path, channel: Channel) -> Verdict:
    snapshot = publish_world(tmp_path)
    policy = PolicyInForce(snapshot, Directory(snapshot.configuration.groups, ClientTable()))
    return policy.decide(Client("plain"), [Target(LISTED, channel)], 1.7e9)


def test_one_connection_is_one_sighting(tmp_path: Path) -> None:
    """CONNECT, ClientHello and request of one connection are one sighting, with the channel of the first."""
    recorder, connection = Recorder(Journal("proxy-0", "x")), ClientConnection("127.0.0.1", Client())
    for channel in (Channel.HTTP, Channel.SNI, Channel.HTTP):
        recorder.record(connection, verdict_on(tmp_path, channel), 1.7e9)
    (sighting,) = recorder.journal.drain().sightings
    assert (sighting.client, sighting.app, sighting.rule) == ("127.0.0.1", "tiktok", "tiktok.com")
    assert (sighting.channel, sighting.action, sighting.group) == (Channel.HTTP, ProxyAction.REFUSE, "none")
    flag = ("proxy_flags", "tiktok", "web", "weak", "http", "none")
    assert recorder.journal.counters[flag] == 1


def test_a_long_connection_is_seen_again(tmp_path: Path) -> None:
    """A connection that lives long is recorded again, so that the last sighting of a device is true."""
    recorder, connection = Recorder(Journal("proxy-0", "x")), ClientConnection("127.0.0.1", Client("plain"))
    for now in (0.0, REPEAT_SECONDS - 1, REPEAT_SECONDS, REPEAT_SECONDS + 1):
        recorder.record(connection, verdict_on(tmp_path, Channel.HTTP), now)
    assert [sighting.time for sighting in recorder.journal.drain().sightings] == [0.0, REPEAT_SECONDS]


def test_unlisted_leaves_no_trace() -> None:
    """Of the unlisted only the count of connections and requests grows."""
    recorder, connection = Recorder(Journal("proxy-0", "x")), ClientConnection("127.0.0.1", Client("plain"))
    recorder.record(connection, UNLISTED, 0.0)
    recorder.count_connection(connection, UNLISTED.action)
    recorder.count_connection(connection, ProxyAction.REFUSE)
    recorder.count_request(UNLISTED.action)
    batch = recorder.journal.drain()
    assert batch.sightings == ()
    assert batch.counters == {("proxy_connections", "pass"): 1, ("proxy_requests", "pass"): 1}


def test_an_address_is_none_beside_its_name(tmp_path: Path) -> None:
    """The address of a listed name that the connection has said is no sighting; alone it is one."""
    snapshot = publish_world(tmp_path)
    policy = PolicyInForce(snapshot, Directory(snapshot.configuration.groups, ClientTable()))
    address = policy.decide(Client("plain"), [Target(ip_address(LISTED_ADDRESS), Channel.IP)], 1.7e9)
    recorder, named = Recorder(Journal("proxy-0", "x")), ClientConnection("127.0.0.1", Client())
    recorder.record(named, verdict_on(tmp_path, Channel.SNI), 1.7e9)
    recorder.record(named, address, 1.7e9)
    recorder.record(ClientConnection("127.0.0.2", Client()), address, 1.7e9)
    assert [(one.client, one.channel) for one in recorder.journal.drain().sightings] == [
        ("127.0.0.1", "sni"),
        ("127.0.0.2", "ip"),
    ]
