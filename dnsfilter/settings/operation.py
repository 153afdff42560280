"""Sections about running it: the proxy, the store, privacy, the sample of names, the self-test."""

from pydantic import Field, StrictBool, StrictInt

from dnsfilter.settings.section import Section
from dnsfilter.values import Duration, ListenEndpoint, parse_duration


class Proxy(Section):
    """The proxy: mitmproxy mode specifications, worker count, metrics endpoint; no proxy without `listen`.

    `contact` is whom the notice page tells people to ask. Who has a password of the file `users` (htpasswd), or a
    certificate that an authority of `client_ca` issued, is the device of the inventory that has this id.
    """

    listen: tuple[str, ...] = ()
    workers: StrictInt = Field(1, ge=1, le=64)
    metrics: ListenEndpoint = "127.0.0.1:9154"  # type: ignore[assignment]
    contact: str = ""
    users: str | None = None
    client_ca: str | None = None


class Store(Section):
    """Where sightings and devices are kept, and for how long."""

    url: str = Field("sqlite:///dnsfilter.db", pattern=r"^(sqlite|postgresql)(\+\w+)?://")
    retention: Duration = parse_duration("90d")


class Privacy(Section):
    """The key of the pseudonyms, how many devices may show as metric series, and how few as a segment of statistics."""

    pseudonym_key: str = "pseudonym.key"
    device_series: StrictInt = Field(100, ge=0, le=10_000)
    minimum_segment: StrictInt = Field(5, ge=1)


class Sample(Section):
    """Whether resolved names are counted by the day, without who asked, and which: those that enough clients asked for.

    Fewer than five clients are not enough in any configuration. `names` is how many a worker keeps in mind.
    """

    enabled: StrictBool = False
    clients: StrictInt = Field(10, ge=5, le=100)
    names: StrictInt = Field(10_000, ge=100, le=1_000_000)
    retention: Duration = parse_duration("7d")


class Selftest(Section):
    """How often a name that is always blocked is asked for, and the URL of the page that the sinkhole leads to."""

    interval: Duration = parse_duration("1m")
    page: str | None = Field(None, pattern=r"^https?://[^/\s]\S*$")
