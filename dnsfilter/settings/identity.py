"""Section about who asks: whose word counts beside the address, and which addresses mean no device."""

from pydantic import Field, StrictInt

from dnsfilter.settings.section import Section
from dnsfilter.values import Network


class Identity(Section):
    """From which networks it is believed who asks, and which networks hold addresses that many share.

    `edns_mac` are forwarders that say the MAC of who asked them (EDNS option 65001, dnsmasq's `add-mac`); `client_ids`
    are clients that name themselves over TLS (first label of the server name) or HTTPS (`/dns-query/ID`) by their id in
    the inventory; `proxy_tlv` is the type of the value by which a load balancer of `listen.proxy_protocol` says in its
    PROXY header which device asks, by the same id; `shared` are NAT gateways, VPN concentrators, terminal servers.
    """

    edns_mac: tuple[Network, ...] = ()
    client_ids: tuple[Network, ...] = ()
    proxy_tlv: StrictInt | None = Field(None, ge=1, le=255)
    shared: tuple[Network, ...] = ()
