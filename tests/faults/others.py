"""unbound, BIND and dnsmasq, set up for the work of dnsfilter."""

from collections.abc import Sequence

from tests.faults.servers import SINKHOLE, Subject
from tests.processes import require_program

UNBOUND = """\
server:
  directory: "{directory}"
  chroot: ""
  username: ""
  pidfile: ""
  logfile: "{directory}/unbound.log"
  do-daemonize: no
  use-syslog: no
  interface: 127.0.0.1@{port}
  access-control: 127.0.0.0/8 allow
  num-threads: {workers}
  module-config: "iterator"
  do-not-query-localhost: no
  msg-cache-size: 24m
  rrset-cache-size: 48m
  outgoing-range: 4096
  num-queries-per-thread: 2048
  incoming-num-tcp: {connections}
  so-rcvbuf: 4m
  serve-expired: yes
  serve-expired-client-timeout: 1500
{tls}
include: "{names}"
forward-zone:
  name: "."
  forward-addr: {upstream}
remote-control:
  control-enable: no
"""
UNBOUND_TLS = """\
  interface: 127.0.0.1@{port}
  tls-port: {port}
  tls-service-key: "{certificate}"
  tls-service-pem: "{certificate}"
"""

BIND = """\
options {{
  directory "{directory}";
  pid-file none;
  session-keyfile none;
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  {tls_listen}
  recursion yes;
  dnssec-validation no;
  forward only;
  forwarders {{ 127.0.0.1 port {upstream_port}; }};
  allow-query {{ 127.0.0.0/8; }};
  allow-recursion {{ 127.0.0.0/8; }};
  recursive-clients 100000;
  max-cache-size 100m;
  tcp-clients {connections};
  clients-per-query 0;
  max-clients-per-query 0;
  stale-answer-enable yes;
  stale-cache-enable yes;
  response-policy {{ zone "rpz"; }} min-update-interval 0 qname-wait-recurse no break-dnssec yes;
}};
{tls}
logging {{
  channel file {{ file "{directory}/named.log"; }};
  category default {{ file; }};
}};
controls {{ }};
zone "rpz" {{ type primary; file "{names}"; }};
"""
RPZ = "$TTL 10\n@ SOA ns.invalid. hostmaster.invalid. {serial} 3600 900 604800 60\n@ NS ns.invalid.\n"


class Unbound(Subject):
    """unbound: a local zone for each name."""

    name = "unbound"

    def _lines(self, names: Sequence[str]) -> list[str]:
        return ["server:\n", *(f'local-zone: "{name}" always_null\n' for name in names)]

    def _configure(self) -> None:
        tls = UNBOUND_TLS.format(port=self.tls_port, certificate=self.place.certificate) if self.tls_port else ""
        text = UNBOUND.format(
            directory=self.place.directory,
            port=self.port,
            workers=self.place.workers,
            connections=self.place.connections,
            tls=tls,
            names=self.list_path,
            upstream=self.place.upstream.replace(":", "@"),
        )
        (self.place.directory / "unbound.conf").write_text(text)

    def _command(self) -> list[str]:
        return [require_program("unbound", "unbound"), "-c", str(self.place.directory / "unbound.conf")]


class Bind(Subject):
    """BIND: a response policy zone."""

    name = "bind"
    _serial = 0

    def _lines(self, names: Sequence[str]) -> list[str]:
        self._serial += 1
        return [RPZ.format(serial=self._serial), *(f"{name} A {SINKHOLE}\n" for name in names)]

    def _configure(self) -> None:
        listen, tls = "", ""
        if self.tls_port:
            listen = f"listen-on port {self.tls_port} tls own {{ 127.0.0.1; }};"
            tls = f'tls own {{ key-file "{self.place.certificate}"; cert-file "{self.place.certificate}"; }};'
        text = BIND.format(
            directory=self.place.directory,
            port=self.port,
            tls_listen=listen,
            connections=self.place.connections,
            tls=tls,
            upstream_port=self.place.upstream_port,
            names=self.list_path,
        )
        (self.place.directory / "named.conf").write_text(text)

    def _command(self) -> list[str]:
        program = require_program("named", "bind9")
        return [program, "-f", "-n", str(self.place.workers), "-c", str(self.place.directory / "named.conf")]


class Dnsmasq(Subject):
    """dnsmasq: a hosts file, the one kind of list that it reads again when told."""

    name = "dnsmasq"

    def _lines(self, names: Sequence[str]) -> list[str]:
        return [f"{SINKHOLE} {name}\n" for name in names]

    def _configure(self) -> None:
        (self.place.directory / "dnsmasq.conf").write_text("")

    def _command(self) -> list[str]:
        options = ["--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces", "--user=root"]
        options += [f"--conf-file={self.place.directory / 'dnsmasq.conf'}", f"--port={self.port}"]
        options += ["--listen-address=127.0.0.1", f"--server=127.0.0.1#{self.place.upstream_port}", "--pid-file="]
        options += [f"--addn-hosts={self.list_path}", "--cache-size=10000", "--dns-forward-max=10000"]
        options += [f"--log-facility={self.place.directory}/dnsmasq.log", "--use-stale-cache"]
        return [require_program("dnsmasq", "dnsmasq-base"), *options]
