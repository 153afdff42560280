"""Sections about the resolver: where it listens, whom it asks, what it keeps, how it answers."""

from ipaddress import IPv4Address, IPv6Address

from pydantic import Field, StrictBool, StrictInt, model_validator

from dnsfilter.settings.section import Section
from dnsfilter.values import DomainName, Duration, ListenEndpoint, Network, Pin, Server, parse_duration


class Certificate(Section):
    """Certificate chain and private key, PEM files."""

    chain: str
    key: str


class Listen(Section):
    """Where the resolver and its metrics listen.

    `name` is the resolver's own, which the certificate carries; with it clients are told of tls and https (RFC 9462).
    `proxy_protocol` are the networks of load balancers, which say who asks in a PROXY header (version 2).
    """

    dns: tuple[ListenEndpoint, ...] = ("127.0.0.1:5353", "[::1]:5353")  # type: ignore[assignment]
    tls: tuple[ListenEndpoint, ...] = ()
    https: tuple[ListenEndpoint, ...] = ()
    certificate: Certificate | None = None
    name: DomainName | None = None
    proxy_protocol: tuple[Network, ...] = ()
    metrics: ListenEndpoint = "127.0.0.1:9153"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _has_a_certificate(self) -> "Listen":
        if (self.tls or self.https) and self.certificate is None:
            raise ValueError("needs a certificate for tls and https")
        return self

    @property
    def is_designated(self) -> bool:
        """Whether clients are told where they can ask encrypted."""
        return bool(self.name and (self.tls or self.https))


class Connections(Section):
    """Bounds of one worker's connections over TCP, TLS and HTTPS: all of them, those of one client, and idle ones."""

    maximum: StrictInt = Field(2000, ge=1, le=100_000)
    per_client: StrictInt = Field(200, ge=1)
    idle: Duration = parse_duration("10s")


class Waiting(Section):
    """How many queries of a client, and questions about a zone, may wait for upstreams in one worker."""

    per_client: StrictInt = Field(1000, ge=1)
    per_zone: StrictInt = Field(1000, ge=1)


class RateLimit(Section):
    """How many queries one client may ask, and all of its prefix; 0 queries per second means no limit.

    A prefix may by default ask ten times as much as a client. Over UDP every `slip`-th query over the limit gets an
    empty truncated answer, so that a client that is real comes back over TCP; the others get none.
    """

    per_client_qps: StrictInt = Field(1000, ge=0)
    burst: StrictInt = Field(2000, ge=1)
    per_prefix_qps: StrictInt | None = Field(None, ge=0)
    ipv4_prefix: StrictInt = Field(24, ge=8, le=32)
    ipv6_prefix: StrictInt = Field(56, ge=16, le=128)
    slip: StrictInt = Field(2, ge=0)

    @property
    def prefix_qps(self) -> int:
        """How many queries per second the clients of a prefix may ask together."""
        return 10 * self.per_client_qps if self.per_prefix_qps is None else self.per_prefix_qps


class Upstream(Section):
    """Resolvers to ask, for everything or for the names at and below `domains` (conditional forwarding).

    `ca` is a PEM file with the authorities that may vouch for servers over TLS or HTTPS, in place of the system's;
    `pins` are digests of public keys, one of which each of those servers must have (RFC 7858 section 4.2).
    """

    servers: tuple[Server, ...] = Field(min_length=1)
    domains: tuple[DomainName, ...] = ()
    ca: str | None = None
    pins: tuple[Pin, ...] = ()

    @model_validator(mode="after")
    def _has_something_to_pin(self) -> "Upstream":
        if self.pins and all(server.scheme in ("udp", "system") for server in self.servers):
            raise ValueError("has pins, and no server over tls or https that they could be for")
        return self


class Cache(Section):
    """Bounds of the cache of one worker; times in seconds, `bytes` of memory.

    `stale` is how long after its end an answer is given while upstreams fail (RFC 8767), `prefetch` renews what is
    asked for in the last tenth of its life, by `nxdomain_cut` a denied name denies all below it (RFC 8020).
    """

    entries: StrictInt = Field(100_000, ge=0)
    bytes: StrictInt = Field(64 * 1024 * 1024, ge=0)
    min_ttl: StrictInt = Field(0, ge=0, le=3600)
    max_ttl: StrictInt = Field(86_400, ge=1)
    max_negative_ttl: StrictInt = Field(3_600, ge=1)
    stale: Duration = parse_duration("1d")
    prefetch: StrictBool = True
    nxdomain_cut: StrictBool = True


class Sinkhole(Section):
    """The addresses that listed names get, and how long the answer lives."""

    ipv4: IPv4Address = IPv4Address("127.0.0.1")
    ipv6: IPv6Address = IPv6Address("::1")
    ttl: StrictInt = Field(10, ge=0, le=3600)
