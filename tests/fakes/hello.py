"""ClientHellos as bytes, made by OpenSSL, with whatever server names a test wants."""

import ssl

_LEGACY = bytes.fromhex("0303") + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0"


def client_hello(*names: str) -> bytes:
    """Return a TLS record with a ClientHello: OpenSSL's own for one name, a minimal one otherwise."""
    if len(names) != 1:
        return _minimal_hello(*names)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=names[0])
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake that needs no answer")


def server_name_extension(*names: bytes) -> bytes:
    """Return the body of a server_name extension (RFC 6066 section 3)."""
    entries = b"".join(b"\0" + len(name).to_bytes(2) + name for name in names)
    return len(entries).to_bytes(2) + entries


def _minimal_hello(*names: str) -> bytes:
    body = server_name_extension(*(name.encode() for name in names)) if names else b""
    extensions = b"\0\0" + len(body).to_bytes(2) + body if names else b"\0\x17\0\0"
    hello = _LEGACY + len(extensions).to_bytes(2) + extensions
    handshake = b"\1" + len(hello).to_bytes(3) + hello
    return b"\x16\3\1" + len(handshake).to_bytes(2) + handshake
