"""Fixtures for DNS over HTTPS."""

from pathlib import Path

import pytest
import uvloop

from dnsfilter.settings.resolver import Certificate
from tests.fakes.origin import make_certificate
from tests.fakes.web import Client, House, Story


@pytest.fixture
def house(tmp_path: Path) -> House:
    file = str(make_certificate(tmp_path, "dns.example"))
    return House(Certificate(chain=file, key=file))


@pytest.fixture
def tell(house):
    """Run a story over one HTTP/2 connection."""

    def run(story: Story) -> None:
        async def begin() -> None:
            await house.listen()
            async with house.connect() as (reader, writer):
                await story(house, Client(reader, writer))

        uvloop.run(begin())

    return run
