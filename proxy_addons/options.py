"""What this addon needs of mitmproxy's own options, and whether the user chose otherwise."""

from typing import Any

from mitmproxy import ctx, optmanager

from dnsfilter.settings.operation import Proxy

LAZY = "lazy"

_PREFERRED = {"keep_host_header": True, "flow_detail": 0, "termlog_verbosity": "error"}
"""Set unless the user set them: the client's own Host field must be seen, and nobody's names belong in a log."""


def chose_eager() -> bool:
    """Whether the user asked for eager connections; mitmproxy's default is eager too, and does not count."""
    return _is_set("connection_strategy") and ctx.options.connection_strategy != LAZY


def take_over() -> None:
    """Make connections lazy, and set what else is needed where the user did not choose."""
    wanted: dict[str, Any] = {"connection_strategy": LAZY}
    wanted |= {name: value for name, value in _PREFERRED.items() if name in ctx.options and not _is_set(name)}
    ctx.options.update(**wanted)  # type: ignore[no-untyped-call]


def ask_for_identity(settings: Proxy) -> None:
    """Let mitmproxy ask clients for a password or a certificate, where the configuration wants them."""
    wanted: dict[str, Any] = {}
    if settings.users:
        wanted["proxyauth"] = f"@{settings.users}"
    if settings.client_ca:
        wanted["request_client_cert"] = True
    if wanted:
        ctx.options.update(**wanted)  # type: ignore[no-untyped-call]


def _is_set(name: str) -> bool:
    return ctx.options._options[name].value is not optmanager.unset  # noqa: SLF001 - there is no public way to ask
