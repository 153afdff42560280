"""Whose query it is: MACs that forwarders pass on, names that clients give themselves, and who is not believed."""

import pytest

from dnsfilter.config import Configuration
from dnsfilter.model import Device, Transport
from dnsfilter.wire.codes import Option, Type
from dnsfilter.wire.query import Query
from dnsfilter.wire.upstream_query import build_packet
from tests.fakes.messages import ask, edns, parse
from tests.fakes.proxying import make_header
from tests.fakes.resolving import addresses_in as addresses
from tests.fakes.world import Upstream, World, catalogue

FORWARDER, OTHER, CLIENT = "10.1.0.53", "10.1.0.54", "10.1.0.9"
LAPTOP, PHONE, STRANGER = (bytes.fromhex(f"02005e0053{last:02x}") for last in (1, 2, 9))
DEVICES = [
    Device("laptop", "", "", "", "corporate", ("02:00:5e:00:53:01",), ()),
    Device("phone", "", "", "", "corporate", ("02:00:5e:00:53:02",), (CLIENT,)),
    Device("router", "", "", "", "corporate", (), (FORWARDER,)),
    Device("twin-1", "", "", "", "corporate", ("02:00:5e:00:53:05",), ()),
    Device("twin-2", "", "", "", "corporate", ("02:00:5e:00:53:05",), ()),
]
LISTED, WITHHELD = "www.tiktok.com", "mail.example.com"
DAY = 1_680_000_000.0
MAC = int(Option.MAC)


@pytest.fixture
def world() -> World:
    """Return a resolver where one forwarder and the clients beside it are believed, and the phone is quarantined."""
    configuration = Configuration.model_validate(
        {
            "groups": [{"name": "corporate", "networks": ["10.1.0.0/16"]}],
            "allow_clients": ["10.1.0.0/16"],
            "identity": {
                "edns_mac": [f"{FORWARDER}/32"],
                "client_ids": ["10.1.0.0/28", "10.2.0.0/28"],
                "proxy_tlv": 224,
            },
            "blocklists": [{"name": name, "file": f"{name}.yaml"} for name in ("tiktok", "work")],
            "policies": [
                {
                    "name": "order",
                    "blocklists": ["tiktok"],
                    "phases": {"enforce": "2023-01-01", "quarantine": "2023-01-01"},
                    "quarantine": {"blocklists": ["work"]},
                }
            ],
        }
    )
    lists = [
        catalogue("tiktok", {"entries": [{"suffix": "tiktok.com", "role": "web", "grade": "weak", "source": "x"}]}),
        catalogue("work", {"entries": [{"suffix": "example.com", "role": "web", "grade": "none", "source": "x"}]}),
    ]
    made = World(configuration, lists, Upstream([f"{WITHHELD}. 300 A 192.0.2.8"]), DAY, DEVICES)
    made.quarantined["phone"] = frozenset({"order"})
    made.adopt()
    return made


def with_mac(name: str, mac: bytes) -> bytes:
    """Return a query as dnsmasq passes it on."""
    return ask(name, Type.A, opt=edns(options=[(MAC, mac)]))


def seen(world: World) -> list[tuple[str, int]]:
    """Return who was seen how often."""
    return [(sighting.client, sighting.count) for sighting in world.drain().sightings]


def test_a_forwarder_says_whose_query_it_is(world: World) -> None:
    """Each device is counted as itself, however often the same octets come; without the option it is the forwarder."""
    for _ in range(3):
        for mac in (LAPTOP, PHONE):
            world.ask(FORWARDER, with_mac(LISTED, mac))
        world.ask(FORWARDER, ask(LISTED, Type.A, opt=edns()))
    assert sorted(seen(world)) == [(FORWARDER, 3), ("device:laptop", 3), ("device:phone", 3)]


@pytest.mark.parametrize("mac", [STRANGER, b"", LAPTOP + b"x", b"y" * 900, bytes.fromhex("02005e005305")])
def test_a_mac_of_no_single_device_is_nobody(world: World, mac: bytes) -> None:
    """A MAC that the inventory does not have, has twice, or that is none is neither a device nor the forwarder."""
    for _ in range(2):
        world.ask(FORWARDER, with_mac(LISTED, mac))
    ((client, count),) = seen(world)
    assert count == 2
    assert client != FORWARDER
    assert world.resolver.seats._directory.find(client, DAY).device == ""


def test_the_view_is_that_of_the_device(world: World) -> None:
    """What is withheld from the quarantined phone is withheld behind the forwarder, from nobody else there, ever."""
    for _ in range(3):
        assert addresses(world.ask(FORWARDER, with_mac(WITHHELD, LAPTOP))) == ["192.0.2.8"]
        assert addresses(world.ask(FORWARDER, with_mac(WITHHELD, PHONE))) == ["127.0.0.1"]
        assert addresses(world.ask(FORWARDER, ask(WITHHELD, Type.A, opt=edns()))) == ["192.0.2.8"]


def test_others_are_not_believed(world: World) -> None:
    """From elsewhere the option means nothing, and what was answered there is never the forwarder's answer."""
    for _ in range(3):
        assert addresses(world.ask(OTHER, with_mac(WITHHELD, PHONE))) == ["192.0.2.8"]
        assert addresses(world.ask(FORWARDER, with_mac(WITHHELD, PHONE))) == ["127.0.0.1"]
    world.drain()
    world.ask(OTHER, with_mac(LISTED, LAPTOP))
    assert seen(world) == [(OTHER, 1)]


def test_nothing_of_it_goes_upstream(world: World) -> None:
    """The query to the upstream has no option of the client, whoever it is."""
    for client in (FORWARDER, OTHER):
        seat = world.resolver.seats.take(bytes(map(int, client.split("."))), DAY)
        message = with_mac("new.example", LAPTOP)
        pending = world.resolver.receive(message, seat, Transport.UDP, DAY)
        assert LAPTOP not in build_packet(pending.query, pending.query.question)
        assert LAPTOP in message
        assert Query(message).options == {MAC: LAPTOP}
        assert b"\xfd\xe9" not in world.resolve(pending)


@pytest.mark.parametrize(
    ("address", "name", "client"),
    [
        ("10.1.0.1", "laptop", "device:laptop"),
        ("10.1.0.1", "LapTop", "device:laptop"),
        ("10.1.0.1", "", "10.1.0.1"),
        (CLIENT, "phone", "device:phone"),
        ("10.1.0.99", "laptop", "10.1.0.99"),
    ],
)
def test_clients_name_themselves(world: World, address: str, name: str, client: str) -> None:
    """Where clients are believed they are whom they say; from elsewhere they are their address."""
    seat = world.resolver.seats.take_proven(bytes(map(int, address.split("."))), DAY, name)
    assert seat.text == client
    message = ask(LISTED, Type.A, opt=edns())
    world.resolver.receive(message, seat, Transport.TLS, DAY)
    assert seat.recall(message[2:], DAY)
    assert seen(world) == [(client, 2)]


@pytest.mark.parametrize(("address", "name"), [("10.1.0.1", "nobody"), (CLIENT, "laptop"), (CLIENT, "nobody")])
def test_signals_that_clash_are_nobody(world: World, address: str, name: str) -> None:
    """An unknown name, and a name at the address of another device, accuse nobody."""
    seat = world.resolver.seats.take_proven(bytes(map(int, address.split("."))), DAY, name)
    assert world.resolver.seats._directory.find(seat.text, DAY).device == ""
    assert seat.view
    assert seat.view.group == "corporate"


@pytest.mark.parametrize("place", ["udp", "tcp"])
@pytest.mark.parametrize(
    ("address", "stated", "client", "credence"),
    [
        ("10.1.0.99", "laptop", "device:laptop", "believed"),
        (CLIENT, "phone", "device:phone", "believed"),
        (CLIENT, "laptop", "10.1.0.9 device:laptop 10.1.0.9", "unknown"),
        ("10.1.0.99", "nobody", "10.1.0.99 device:nobody", "unknown"),
        ("10.2.0.1", "laptop", "10.2.0.1", "untrusted"),
    ],
)
def test_load_balancers_say_who_asks(
    world: World, place: str, address: str, stated: str, client: str, credence: str
) -> None:
    """What a PROXY header says is believed of whoever is served, unless the address is another device's."""
    seats, packed = world.resolver.seats, bytes(map(int, address.split(".")))
    header = make_header(address, tlvs=b"\xe0\0" + bytes([len(stated)]) + stated.encode())
    assert seats.read_stated(header) == stated
    if place == "tcp":
        seat = seats.take_proven(packed, DAY, "phone", seats.read_stated(header))
    else:
        seat = seats.take_stated(seats.take(packed, DAY), stated, DAY)
    assert seat.text == client
    assert (seat.view is None) is (credence == "untrusted")
    assert claims(world) == {("proxy-tlv", credence): 1}


def claims(world: World) -> dict[tuple[str, ...], float]:
    """Return how many claims were counted, by how and whether they count."""
    counters = world.journal.counters.items()
    return {key[1:]: count for key, count in counters if key[0] == "identity_claims"}


def test_every_claim_is_counted(world: World) -> None:
    """Believed or not, as often as it is made, over UDP in the same octets too; a stranger's name opens no door."""
    for _ in range(3):
        world.ask(OTHER, with_mac(LISTED, LAPTOP))
        world.ask(FORWARDER, with_mac(LISTED, LAPTOP))
        world.ask(FORWARDER, with_mac(LISTED, STRANGER))
    for address in ("10.1.0.1", "10.1.0.99", "10.2.0.1"):
        seat = world.resolver.seats.take_proven(bytes(map(int, address.split("."))), DAY, "laptop")
    assert seat.view is None
    assert claims(world) == {
        ("mac", "untrusted"): 3,
        ("mac", "believed"): 3,
        ("mac", "unknown"): 3,
        ("client-id", "believed"): 1,
        ("client-id", "untrusted"): 2,
    }


def test_names_do_not_fill_the_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many names are claimed, only so many seats are kept."""
    monkeypatch.setattr(world.resolver.seats._named, "_size", 10)
    for number in range(100):
        world.resolver.seats.take_proven(b"\x0a\1\0\1", DAY, f"name-{number}")
    assert len(world.resolver.seats._named) == 10
    assert parse(world.ask(FORWARDER, with_mac(LISTED, LAPTOP)) or b"").header.rcode == 0
