"""Who a client is beyond its address: the user of proxy authentication, or the name in a client's certificate.

Either is the `id` of a device in the inventory. A name that is none changes nothing: the address still counts.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from mitmproxy import connection
from mitmproxy.certs import Cert

from dnsfilter.clients.addresses import parse_address
from dnsfilter.clients.table import device_key
from dnsfilter.errors import InputError, Problem
from dnsfilter.model import Client
from dnsfilter.values import Network
from proxy_addons.connections import ClientConnection
from proxy_addons.policy import PolicyInForce

WIREGUARD = "wireguard"


def identify(connection: ClientConnection, name: str, policy: PolicyInForce, now: float) -> None:
    """Take a connection for that of the device whose `id` is given, if there is one."""
    key = device_key(name)
    client = policy.find_client(key, now)
    if client != Client():
        connection.address, connection.client = key, replace(client, triggers=connection.client.triggers)


def is_served(client: connection.Client, networks: Iterable[Network]) -> bool:
    """Whether a client connects from one of the networks, or through WireGuard, where it has shown its key."""
    if client.proxy_mode.type_name == WIREGUARD:
        return True
    address = _parse(client.peername[0])
    return any(address in network for network in networks)


_parse = lru_cache(maxsize=4096)(parse_address)


class Authority:
    """Who may vouch for the certificates of clients."""

    def __init__(self, path: Path) -> None:
        try:
            self._certificates = x509.load_pem_x509_certificates(path.read_bytes())
        except OSError as error:
            raise InputError([Problem(f"{path}: {error.strerror}", key="proxy.client_ca")]) from None
        except ValueError:
            raise InputError([Problem(f"{path}: holds no certificate in PEM", key="proxy.client_ca")]) from None

    def name_of(self, chain: list[Cert]) -> str:
        """Return the common name in the certificate of a client, empty where nobody here vouches for it.

        That the client has the key, TLS has made sure; only certificates that an authority issued directly count.
        """
        if not chain:
            return ""
        certificate = x509.load_pem_x509_certificate(chain[0].to_pem())
        is_valid = certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc
        is_vouched_for = any(_is_issued(certificate, authority) for authority in self._certificates)
        return (chain[0].cn or "") if is_valid and is_vouched_for else ""


def _is_issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
