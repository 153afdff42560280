"""Other resolvers, configured for the same work as dnsfilter: a sinkholed name, a cache, one upstream.

What one of them cannot do stands in its `lacks`.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.bench.contenders import SERVER_CORE, Contender, pinned, take_ports
from tests.e2e.server import SINKHOLE_IPV4, responds
from tests.processes import Processes, require_program

DNSMASQ = """\
port={plain}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
pid-file=
cache-size=10000
dns-forward-max=5000
server={upstream}
address=/tiktokcdn.com/{sinkhole}
"""

DNSDIST = """\
setLocal("127.0.0.1:{plain}")
addTLSLocal("127.0.0.1:{tls}", "{directory}/chain.pem", "{directory}/key.pem")
addDOHLocal("127.0.0.1:{https}", "{directory}/chain.pem", "{directory}/key.pem", "/dns-query")
newServer({{address="{upstream}", healthCheckMode="up"}})
getPool(""):setCache(newPacketCache(100000))
addAction("tiktokcdn.com.", SpoofAction("{sinkhole}"))
setSecurityPollSuffix("")
"""

RECURSOR = """\
config-dir={directory}
socket-dir={directory}
local-address=127.0.0.1
local-port={plain}
forward-zones-recurse=.={upstream}
dont-query=
threads=1
pdns-distributes-queries=no
lua-config-file={directory}/recursor.lua
security-poll-suffix=
"""

RECURSOR_POLICY = """\
rpzFile("{directory}/recursor.rpz")
"""

RECURSOR_ZONE = """\
$TTL 10
@ SOA localhost. root.localhost. 1 3600 600 86400 10
@ NS localhost.
*.tiktokcdn.com A {sinkhole}
"""

KNOT = """\
net.listen("127.0.0.1", {plain}, {{ kind = "dns" }})
net.listen("127.0.0.1", {tls}, {{ kind = "tls" }})
net.listen("127.0.0.1", {https}, {{ kind = "doh2" }})
net.tls("{directory}/chain.pem", "{directory}/key.pem")
modules.unload("ta_update")
trust_anchors.remove(".")
cache.size = 100 * MB
policy.add(policy.suffix(policy.ANSWER({{ [kres.type.A] = {{ rdata = kres.str2ip("{sinkhole}"), ttl = 10 }} }}),
  policy.todnames({{ "tiktokcdn.com" }})))
policy.add(policy.all(policy.STUB("{upstream_at}")))
"""

ENCRYPTED = frozenset({"blocked, DoT", "cached, DoT", "blocked, DoH", "cached, DoH"})
STREAMS = ENCRYPTED | {"blocked, TCP", "cached, TCP"}

Rival = Callable[[Processes, Path, str], Contender]


def _start(
    processes: Processes, name: str, values: dict[str, object], command: list[str], lacks: frozenset[str]
) -> Contender:
    ports = {kind: int(str(values[kind])) for kind in ("plain", "tls", "https")}
    running = processes.start(name, pinned(SERVER_CORE, *command), lambda _: responds(ports["plain"]))
    return Contender(name, ports, {"server": [running.pid]}, lacks)


def _values(directory: Path, upstream: str) -> dict[str, object]:
    return {
        "directory": directory,
        "upstream": upstream,
        "upstream_at": upstream.replace(":", "@"),
        "sinkhole": SINKHOLE_IPV4,
        **take_ports(),
    }


def _start_dnsmasq(processes: Processes, directory: Path, upstream: str) -> Contender:
    values = _values(directory, upstream) | {"upstream": upstream.replace(":", "#")}
    file = directory / "dnsmasq.conf"
    file.write_text(DNSMASQ.format(**values))
    program = require_program("dnsmasq", "dnsmasq-base")
    return _start(processes, "dnsmasq", values, [program, "--keep-in-foreground", f"--conf-file={file}"], STREAMS)


def _start_dnsdist(processes: Processes, directory: Path, upstream: str) -> Contender:
    values = _values(directory, upstream)
    file = directory / "dnsdist.conf"
    file.write_text(DNSDIST.format(**values))
    program = require_program("dnsdist", "dnsdist")
    command = [program, "--supervised", "--disable-syslog", "-C", str(file)]
    return _start(
        processes, "dnsdist", values, command, frozenset({"cached, TCP", "cached, DoT"})
    )  # asks over TCP then


def _start_recursor(processes: Processes, directory: Path, upstream: str) -> Contender:
    values = _values(directory, upstream)
    for name, text in (("conf", RECURSOR), ("lua", RECURSOR_POLICY), ("rpz", RECURSOR_ZONE)):
        (directory / f"recursor.{name}").write_text(text.format(**values))
    program = require_program("pdns_recursor", "pdns-recursor")
    command = [program, f"--config-dir={directory}", "--daemon=no", "--disable-syslog"]
    return _start(processes, "pdns-recursor", values, command, ENCRYPTED)


def _start_knot(processes: Processes, directory: Path, upstream: str) -> Contender:
    values = _values(directory, upstream)
    file = directory / "kresd.conf"
    file.write_text(KNOT.format(**values))
    program = require_program("kresd", "knot-resolver")
    work = directory / "kresd"
    work.mkdir()
    return _start(processes, "knot-resolver", values, [program, "-n", "-c", str(file), str(work)], frozenset())


def start_floor(processes: Processes, directory: Path, _upstream: str) -> Contender:
    """Start the C program that only echoes a fixed answer: the kernel's own price."""
    values = _values(directory, "")
    program = directory / "floor"
    compiler = require_program("gcc", "gcc")
    build = f"{compiler} -O2 -o {program} {Path(__file__).with_name('echo.c')} && exec {program} {values['plain']}"
    return _start(processes, "C echo", values, ["sh", "-c", build], STREAMS | {"miss, UDP"})


RIVALS: dict[str, Rival] = {
    "dnsmasq": _start_dnsmasq,
    "dnsdist": _start_dnsdist,
    "pdns_recursor": _start_recursor,
    "kresd": _start_knot,
    "gcc": start_floor,
}
"""By the program that each needs."""


def start_rivals(processes: Processes, directory: Path, upstream: str) -> list[Contender]:
    """Start those whose program is installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    found = [start for program, start in RIVALS.items() if shutil.which(program, path=path)]
    return [start(processes, directory, upstream) for start in found]
