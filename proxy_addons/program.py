"""The proxy as `dnsfilter serve` runs it: mitmproxy's core with the addons that this needs, and no others.

`python -m proxy_addons.program STATE_DIRECTORY NAME MODE=DESCRIPTOR,…` serves the inherited sockets until SIGTERM.
Of the thirty addons that mitmdump loads, most have nothing to do here.
"""

import asyncio
import logging
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop
from mitmproxy.addons import disable_h2c, dns_resolver, errorcheck, next_layer, proxyauth, tlsconfig, update_alt_svc
from mitmproxy.addons import upstream_auth as upstream_authentication
from mitmproxy.options import Options

from dnsfilter.errors import DnsfilterError
from proxy_addons.enforce import Enforce
from proxy_addons.hooks import HookMaster
from proxy_addons.listening import InheritingProxyserver, Place, read_places
from proxy_addons.options import LAZY
from proxy_addons.source import PolicySource

CONFDIR = "mitmproxy"
"""Below the state directory: where mitmproxy keeps the CA that devices may be made to trust."""

HAS_LAZY_TASKS = sys.version_info < (3, 12)
"""From Python 3.12 on mitmproxy starts tasks eagerly, which uvloop 0.23 cannot under Python 3.13.0; as cheap."""

_log = logging.getLogger("dnsfilter.proxy")


def make_master(name: str, source: PolicySource, places: Mapping[str, Place]) -> HookMaster:
    """Return mitmproxy's core, ready to run within the running event loop."""
    master, enforce = HookMaster(Options()), Enforce(name, source)
    addons: tuple[Any, ...] = (
        proxyauth.ProxyAuth(),
        InheritingProxyserver(places, enforce.turn_away),
        dns_resolver.DnsResolver(),
        tlsconfig.TlsConfig(),  # before the addon, which sets options of it
        enforce,
        next_layer.NextLayer(),
        disable_h2c.DisableH2C(),
        upstream_authentication.UpstreamAuth(),
        update_alt_svc.UpdateAltSvc(),
        errorcheck.ErrorCheck(),
    )
    master.addons.add(*addons)  # type: ignore[no-untyped-call]
    settings = {"mode": list(places), "confdir": str(source.state / CONFDIR), "connection_strategy": LAZY}
    master.options.update(**settings)  # type: ignore[no-untyped-call]
    return master


def raise_limit() -> None:
    """Have as many descriptors as this process may: each connection takes two of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _run(state: Path, name: str, places: Mapping[str, Place]) -> None:
    master = make_master(name, PolicySource(state), places)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, master.shutdown)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise_limit()
    await master.run()


def main() -> int:
    """Run one process of the proxy; return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    for library in ("mitmproxy", "asyncio", "hpack", "quic"):
        logging.getLogger(library).setLevel(logging.ERROR)  # what is below names other people's connections
    state, name, *modes = sys.argv[1:]
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if HAS_LAZY_TASKS else None) as runner:
            runner.run(_run(Path(state), name, read_places(modes)))
    except DnsfilterError as error:
        _log.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
