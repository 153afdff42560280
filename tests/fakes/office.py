"""A small office: one device of the inventory and one visitor with a lease, both seen reaching for a listed name."""

from pathlib import Path

from dnsfilter.evidence.record import Attribution
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.store.database import open_store
from dnsfilter.store.pseudonyms import Pseudonyms, load_key
from dnsfilter.store.sightings import record
from tests.fakes.sightings import NOON, attributed, sighting

CONFIGURATION = """\
upstreams: [{servers: [192.0.2.53]}]
groups: [{name: corporate, networks: [10.0.0.0/8]}]
inventory: devices.csv
leases: [{file: leases}]
store: {url: "sqlite:///s.db"}
"""
INVENTORY = """\
id,name,owner,mail,group,mac,ip
dev-1,Laptop 1,Alice Müller,alice@corp.example,corporate,02:00:00:00:00:01,10.0.0.1
dev-2,Laptop 2,Bob,bob@corp.example,corporate,02:00:00:00:00:02,10.0.0.2
"""
LEASES = "0 02:00:00:00:00:09 10.0.0.9 visitor *\n"


class Office:
    """Its files, and the pseudonyms that its store knows."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "dnsfilter.yaml"
        self.file.write_text(CONFIGURATION)
        (directory / "devices.csv").write_text(INVENTORY)
        (directory / "leases").write_text(LEASES)
        self.configuration = load_configuration(self.file)
        pseudonyms = Pseudonyms(load_key(Path(self.configuration.privacy.pseudonym_key)))
        self.device = pseudonyms.of_device("dev-1")
        self.visitor = pseudonyms.of_address("10.0.0.9")
        self._fill()

    def _fill(self) -> None:
        engine = open_store(self.configuration.store.url)
        with engine.begin() as connection:
            seen = [attributed(sighting("a", time=NOON + 60 * minute), self.device) for minute in range(50)]
            record(connection, [*seen, attributed(sighting("b"), self.visitor, Attribution.UNKNOWN)])
        engine.dispose()
