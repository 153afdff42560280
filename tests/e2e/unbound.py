"""A real unbound with zone data of its own, so that no test asks the internet."""

from pathlib import Path

from tests.processes import Processes, Running, free_port, require_program

ZONE = """\
$TTL 300
@                             SOA   ns.example. hostmaster.example. 1 3600 900 604800 60
@                             NS    ns.example.
ns.example.                   A     192.0.2.1
www.example.                  A     192.0.2.10
www.example.                  A     192.0.2.11
www.example.                  AAAA  2001:db8::10
short.example.            2   A     192.0.2.12
alias.example.                CNAME www.example.
chain.example.                CNAME alias.example.
cloaked.example.              CNAME tiktokcdn.com.akamaized.net.
deep.example.                 CNAME cloaked.example.
tiktokcdn.com.akamaized.net.  A     192.0.2.99
hosted.example.               A     192.0.2.98
www.tiktok.com.               A     192.0.2.97
api16-normal-useast5.tiktokv.us. A  192.0.2.97
late.example.                 A     192.0.2.96
mail.example.                 MX    10 mx.example.
mail.example.                 TXT   "v=spf1 -all"
"""
LONG_STRINGS = 12
LONG_TXT = "long.example. TXT " + " ".join(f'"{number:02d}{"x" * 198}"' for number in range(LONG_STRINGS)) + "\n"
SIXTY_A = "".join(f"sixty.example. A 192.0.2.{number}\n" for number in range(1, 61))

_SERVER = """\
server:
  directory: "{directory}"
  chroot: ""
  username: ""
  pidfile: ""
  logfile: ""
  do-daemonize: no
  use-syslog: no
  log-queries: yes
  interface: 127.0.0.1@{port}
  interface: ::1@{port}
  module-config: "iterator"
  local-zone: "10.in-addr.arpa." nodefault
  do-not-query-localhost: no
{more}
remote-control:
  control-enable: no
"""
CONFIGURATION = (
    _SERVER
    + """\
auth-zone:
  name: "."
  zonefile: "{zone}"
  for-downstream: no
  for-upstream: yes
  fallback-enabled: no
"""
)
_FORWARDING = (
    _SERVER
    + """\
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{forward_to}
"""
)


class Unbound:
    """A running unbound; `address` is how a configuration names it."""

    def __init__(self, running: Running, port: int) -> None:
        self.running = running
        self.port = port
        self.address = f"127.0.0.1:{port}"

    def count(self, name: str, qtype: str = "A") -> int:
        """Return how often it was asked for a name and type."""
        return self.running.output.lower().count(f" {name}. {qtype} in".lower())


def start_unbound(
    processes: Processes, directory: Path, zone: str = ZONE + LONG_TXT + SIXTY_A, more: str = "", forward_to: int = 0
) -> Unbound:
    """Start unbound with a zone that is its whole world, or a port to ask, and more lines in its `server` section."""
    program = require_program("unbound", "unbound")
    port = free_port()
    zone_file = directory / f"zone-{port}"
    zone_file.write_text(zone)
    configuration = directory / f"unbound-{port}.conf"
    template = _FORWARDING if forward_to else CONFIGURATION
    text = template.format(directory=directory, port=port, more=more, zone=zone_file, forward_to=forward_to)
    configuration.write_text(text)
    running = processes.start(
        f"unbound-{port}",
        [program, "-c", str(configuration)],
        lambda running: "start of service" in running.output,
    )
    return Unbound(running, port)
