"""Servers on inherited sockets."""

import socket

import pytest

from proxy_addons.listening import Place, read_places


def test_reads_places() -> None:
    """A mode may hold an equals sign; behind the last one stand descriptors and udp."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        duplicate = one.dup().detach()
        places = read_places([f"reverse:https://192.0.2.1/?a=b@127.0.0.1:1={duplicate},udp", "wireguard@51820=udp"])
        assert list(places) == ["reverse:https://192.0.2.1/?a=b@127.0.0.1:1", "wireguard@51820"]
        first, second = places.values()
        assert first.sockets[0].getsockname() == one.getsockname()
        assert first.has_udp
        assert second == Place([], has_udp=True)
        first.sockets[0].close()


def test_a_descriptor_that_is_none_is_an_error() -> None:
    """What is no socket is said where it is read, not when somebody connects."""
    with pytest.raises(ValueError, match="none"):
        read_places(["regular=none"])
