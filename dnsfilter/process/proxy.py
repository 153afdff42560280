"""How the proxy is started: one mitmdump per worker, with the addon and nothing else of the user's own.

Only says which command; running it is the supervisor's.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from dnsfilter.config import Configuration
from dnsfilter.errors import Problem, ProcessError
from dnsfilter.values import Endpoint

PROGRAM = "mitmdump"
ADDON = "proxy_addons"
DEFAULT_PORT = 8080
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what mitmproxy listens on where its mode names no address
CONFDIR = "mitmproxy"
"""Below the state directory: where mitmproxy keeps the CA that devices may be made to trust."""


def proxy_commands(configuration: Configuration) -> list[list[str]]:
    """Return the command of each proxy worker, none where no proxy is configured; ProcessError when it cannot start.

    The commands expect a published snapshot in the state directory.
    """
    if not configuration.proxy.listen:
        return []
    problems = find_proxy_problems(configuration)
    if problems:
        raise ProcessError("\n".join(map(str, problems)))
    return [_command(configuration)]


def find_proxy_problems(configuration: Configuration) -> list[Problem]:
    """Return why the proxy that the configuration asks for cannot be started here, each with its key."""
    proxy = configuration.proxy
    problems: list[Problem] = []
    if not proxy.listen:
        return problems
    if proxy.workers > 1:
        too_many = f"{proxy.workers}: mitmdump cannot share its ports yet, 1 is the most"
        problems.append(Problem(too_many, key="proxy.workers"))
    if _find_program() is None:
        problems.append(
            Problem(f"{PROGRAM} is not installed: pip install 'dnsfilter[proxy]'", key="proxy.listen"),
        )
    if _find_addon() is None:
        problems.append(Problem(f"the package {ADDON} is not installed beside dnsfilter", key="proxy.listen"))
    return problems or list(_find_wrong_modes(proxy.listen))


def _find_wrong_modes(modes: Sequence[str]) -> Iterator[Problem]:
    from mitmproxy.proxy.mode_specs import ProxyMode  # noqa: PLC0415 - of an extra that may not be installed

    for index, mode in enumerate(modes):
        try:
            ProxyMode.parse(mode)
        except ValueError as error:
            yield Problem(f"{mode!r} is not a mitmproxy mode: {error}", key=f"proxy.listen[{index}]")


def proxy_endpoints(configuration: Configuration) -> list[Endpoint]:
    """Return where the proxy of a configuration without problems listens for TCP."""
    if not configuration.proxy.listen:
        return []
    from mitmproxy.proxy.mode_specs import ProxyMode  # noqa: PLC0415 - of an extra that may not be installed

    modes = map(ProxyMode.parse, configuration.proxy.listen)
    places = ((mode, mode.listen_port(DEFAULT_PORT)) for mode in modes if mode.transport_protocol != "udp")
    return [Endpoint(mode.listen_host(EVERYWHERE).strip("[]"), port) for mode, port in places if port]


def _command(configuration: Configuration) -> list[str]:
    program, addon = _find_program(), _find_addon()
    assert program
    assert addon
    options = {
        "confdir": str(Path(configuration.state) / CONFDIR),
        "connection_strategy": "lazy",
        "flow_detail": "0",
        "dnsfilter_state": configuration.state,
    }
    settings = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    modes = [word for mode in configuration.proxy.listen for word in ("--mode", mode)]
    return [program, "-q", "-s", str(addon), *modes, *settings]


def _find_program() -> str | None:
    """Return mitmdump of this interpreter's environment, else of the search path."""
    return shutil.which(PROGRAM, path=str(Path(sys.executable).parent)) or shutil.which(PROGRAM)


def _find_addon() -> Path | None:
    spec = find_spec(ADDON)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "enforce.py"
