"""Pi-hole: setupVars.conf (version 5), pihole.toml (version 6), adlists.list, custom.list, told apart by content."""

import re
import tomllib
from typing import Any

from dnsfilter.migration.converted import Converted

_SETTING = re.compile(r"([A-Z_0-9]+)=(.*)")
_REMARK = re.compile(r"(?:^|\s)#.*")
_ADDRESS_AND_NAMES = 2


def convert(text: str, converted: Converted) -> None:
    """Take in all that a file says."""
    if re.search(r"(?m)^\[dns\]", text):
        _convert_toml(text, converted)
        return
    for number, raw in enumerate(text.splitlines(), 1):
        line = _REMARK.sub("", raw).strip()
        setting, words = _SETTING.fullmatch(line), line.split()
        if setting:
            _convert_setting(setting[1], setting[2].strip("\"'"), converted, number)
        elif line.startswith(("http://", "https://")):
            converted.subscribe(line, number, "hosts")
        elif len(words) >= _ADDRESS_AND_NAMES:
            for name in words[1:]:
                converted.add_address(name, words[0], number)
        elif line:
            converted.lose(line, number)


def _convert_setting(key: str, value: str, converted: Converted, line: int) -> None:
    if key.startswith("PIHOLE_DNS_") and value:
        _add_server(value, converted, line)
    elif key.startswith("REV_SERVER"):
        converted.lose(f"{key}={value}: name it in upstreams, with domains", line)
    elif value and key not in ("BLOCKING_ENABLED", "WEBPASSWORD", "PIHOLE_INTERFACE", "QUERY_LOGGING"):
        converted.lose(f"{key}={value}", line)


def _add_server(value: str, converted: Converted, line: int) -> None:
    host, _, port = value.partition("#")
    host = f"[{host}]" if ":" in host else host
    converted.add_server(f"{host}:{port}" if port else host, line)


def _convert_toml(text: str, converted: Converted) -> None:
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        converted.lose(f"is no TOML: {error}", 0)
        return
    dns = data.get("dns", {})
    for server in dns.get("upstreams", []):
        _add_server(str(server), converted, _find_line(text, str(server)))
    for entry in dns.get("hosts", []):
        address, *names = str(entry).split()
        for name in names:
            converted.add_address(name, address, _find_line(text, str(entry)))
    for key in dns:
        if key not in ("upstreams", "hosts"):
            converted.lose(f"dns.{key}", _find_line(text, key))
    for key in data:
        if key != "dns":
            converted.lose(key, _find_line(text, f"[{key}"))


def _find_line(text: str, part: str) -> int:
    place = text.find(part)
    return text.count("\n", 0, place) + 1 if place >= 0 else 0
