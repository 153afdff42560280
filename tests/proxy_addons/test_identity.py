"""Who a client is beyond its address."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mitmproxy.certs import Cert

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import compile_table, device_key
from dnsfilter.errors import InputError
from dnsfilter.model import Client, Device
from proxy_addons.connections import ClientConnection
from proxy_addons.identity import Authority, identify, is_served
from proxy_addons.policy import PolicyInForce
from tests.fakes.mitmproxy import proxy_client
from tests.fakes.published import publish_world

DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey


def certificate(subject: str, issuer: str, key: Key, signer: Key, ends: timedelta = DAY) -> x509.Certificate:
    """Return a certificate for a key, signed by another."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now + ends)
        .sign(signer, hashes.SHA256())
    )


def chain(*certificates: x509.Certificate) -> list[Cert]:
    return [Cert.from_pem(each.public_bytes(serialization.Encoding.PEM)) for each in certificates]


def test_believes_only_its_authority(tmp_path: Path) -> None:
    """A name counts when the authority issued the certificate and it is valid now; anybody can make others."""
    ours, theirs, device = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority = certificate("CA", "CA", ours, ours)
    file = tmp_path / "ca.pem"
    file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    believed = Authority(file)
    assert believed.name_of(chain(certificate("L-1", "CA", device, ours))) == "L-1"
    assert believed.name_of(chain(certificate("L-1", "CA", device, theirs))) == ""
    assert believed.name_of(chain(certificate("L-1", "L-1", device, device))) == ""
    assert believed.name_of(chain(certificate("L-1", "CA", device, ours, -DAY))) == ""
    assert believed.name_of([]) == ""


def test_says_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    """A file that is missing or holds no certificate is an error with its key."""
    (tmp_path / "text").write_text("text")
    with pytest.raises(InputError, match=r"proxy\.client_ca: .*nothing: No such file"):
        Authority(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"proxy\.client_ca: .*text: holds no certificate"):
        Authority(tmp_path / "text")


def test_a_device_is_known_by_its_id(tmp_path: Path) -> None:
    """Whoever proves to be a device has its group and standing, wherever it is; a stranger changes nothing."""
    snapshot = publish_world(tmp_path)
    devices = [Device("L-1", "", "", "", "managed"), Device("L-2", "", "", "", "", addresses=("127.0.0.9",))]
    table = compile_table(devices, [], {"L-1": frozenset({"order"})}, 0.0)
    policy = PolicyInForce(snapshot, Directory(snapshot.configuration.groups, table))
    connection = ClientConnection("127.0.0.9", policy.find_client("127.0.0.9", 0.0))
    assert connection.client == Client("plain", "L-2")
    identify(connection, "nobody", policy, 0.0)
    assert connection == ClientConnection("127.0.0.9", Client("plain", "L-2"))
    identify(connection, "L-1", policy, 0.0)
    assert connection.address == device_key("L-1")
    assert connection.client == Client("managed", "L-1", frozenset({"order"}))


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("fd00::1%eth0", True), ("203.0.113.9", False), ("::1", False)],
)
def test_who_is_served(address: str, *, expected: bool) -> None:
    """Only clients of the given networks are served, in whatever form their address comes."""
    networks = ip_network("10.0.0.0/8"), ip_network("fd00::/8")
    assert is_served(proxy_client(address), networks) is expected
