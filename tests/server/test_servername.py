"""The name of a handshake: remembered where there is one."""

import ssl

import pytest

from dnsfilter.server.servername import ServerTls, note_server_name


@pytest.mark.parametrize(("asked", "noted"), [("dns.example", "dns.example"), ("", ""), (None, "")])
def test_the_name_is_what_the_client_asks_for(asked: str | None, noted: str) -> None:
    """A server learns the name that a client puts into its handshake, and nothing where it puts none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = ServerTls
    server = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    assert isinstance(server, ServerTls)
    note_server_name(server, asked, context)
    assert server.server_name == noted


def test_a_real_handshake_tells_the_name() -> None:
    """What a client sends as its first flight is enough."""
    offered, taken = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(taken, offered, server_hostname="device-1.dns.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class, context.sni_callback = ServerTls, note_server_name
    server = context.wrap_bio(incoming := ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    incoming.write(offered.read())
    with pytest.raises(ssl.SSLError):  # there is no certificate, which is what comes next
        server.do_handshake()
    assert isinstance(server, ServerTls)
    assert server.server_name == "device-1.dns.example"
