"""How the proxy is started: one mitmdump per worker, with the addon and nothing else of the user's own.

Only says which command; running it is the supervisor's.
"""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from dnsfilter.config import Configuration
from dnsfilter.errors import ProcessError

PROGRAM = "mitmdump"
ADDON = "proxy_addons"
CONFDIR = "mitmproxy"
"""Below the state directory: where mitmproxy keeps the CA that devices may be made to trust."""


def proxy_commands(configuration: Configuration) -> list[list[str]]:
    """Return the command of each proxy worker, none where no proxy is configured; ProcessError when it cannot start.

    The commands expect a published snapshot in the state directory.
    """
    proxy = configuration.proxy
    if not proxy.listen:
        return []
    if proxy.workers > 1:
        raise ProcessError(f"proxy.workers: {proxy.workers}: mitmdump cannot share its ports yet, 1 is the most")
    return [_command(configuration)]


def _command(configuration: Configuration) -> list[str]:
    options = {
        "confdir": str(Path(configuration.state) / CONFDIR),
        "connection_strategy": "lazy",
        "flow_detail": "0",
        "dnsfilter_state": configuration.state,
    }
    settings = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    modes = [word for mode in configuration.proxy.listen for word in ("--mode", mode)]
    return [_find_program(), "-q", "-s", str(_find_addon()), *modes, *settings]


def _find_program() -> str:
    """Return mitmdump of this interpreter's environment, else of the search path."""
    program = shutil.which(PROGRAM, path=str(Path(sys.executable).parent)) or shutil.which(PROGRAM)
    if program is None:
        raise ProcessError(f"proxy.listen: {PROGRAM} is not installed: pip install 'dnsfilter[proxy]'")
    return program


def _find_addon() -> Path:
    spec = find_spec(ADDON)
    if spec is None or not spec.submodule_search_locations:
        raise ProcessError(f"proxy.listen: the package {ADDON} is not installed beside dnsfilter")
    return Path(spec.submodule_search_locations[0]) / "enforce.py"
