"""A client that tries one QUIC connection: python quic.py ADDRESS NAME SECONDS. Certificates are not its matter."""

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
        async with asyncio.timeout(seconds), connect(address, 443, configuration=configuration):
            return


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
