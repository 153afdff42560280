"""A real BIND that forwards everything and applies one response policy zone."""

from collections.abc import Callable
from pathlib import Path

from tests.processes import Processes, require_program

_CONFIGURATION = """\
options {{
  directory "{directory}"; pid-file none; session-keyfile none;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 port {port} {{ ::1; }};
  recursion yes; allow-query {{ any; }}; allow-recursion {{ any; }};
  forward only; forwarders {{ 127.0.0.1 port {upstream}; }};
  dnssec-validation no; empty-zones-enable no; response-policy {{ zone "rpz.local"; }} {options};
}};
controls {{ }};
zone "rpz.local" {{ type primary; file "{file}"; }};
"""


def start_bind(
    processes: Processes,
    directory: Path,
    port: int,
    upstream: int,
    file: Path,
    is_ready: Callable[[], bool],
    options: str = "",
) -> None:
    """Start BIND on a port of loopback; `file` is the zone, `options` are those of the response policy."""
    program = require_program("named", "bind9")
    configuration = directory / "named.conf"
    configuration.write_text(
        _CONFIGURATION.format(directory=directory, port=port, upstream=upstream, file=file, options=options)
    )
    processes.start("named", [program, "-g", "-n", "1", "-c", str(configuration)], lambda _: is_ready())
