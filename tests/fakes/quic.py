"""A client that tries one QUIC connection: python quic.py ADDRESS NAME SECONDS.

Says who issued the certificate that it got, once the connection is there; it believes any.
"""

import asyncio
import contextlib
import ssl
import sys

from aioquic.asyncio.client import connect
from aioquic.quic.configuration import QuicConfiguration


async def main(address: str, name: str, seconds: float) -> None:
    """Send Initial packets until there is a connection or the time is over."""
    configuration = QuicConfiguration(alpn_protocols=["h3"], server_name=name, verify_mode=ssl.CERT_NONE)
    configuration.idle_timeout = seconds
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(seconds), connect(address, 443, configuration=configuration) as connection:
            certificate = connection._quic.tls._peer_certificate  # aioquic shows it nowhere else
            sys.stdout.write(certificate.issuer.rfc4514_string())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
