"""AdGuardHome.yaml: upstreams, clients, filters, rules and rewrites."""

from typing import Any

from dnsfilter.document import Document, Path, parse_document
from dnsfilter.migration.converted import TTL, Converted

_SECTIONS = {
    ("dns", "bind_hosts"),
    ("dns", "port"),
    ("dns", "upstream_dns"),
    ("dns", "bootstrap_dns"),
    ("dns", "allowed_clients"),
    ("dns", "rewrites"),
    ("filtering", "rewrites"),
}


def convert(text: str, converted: Converted) -> None:
    """Take in all that a file says; InputError where it is no YAML."""
    document = parse_document(text, converted.file)
    data = document.data if isinstance(document.data, dict) else {}
    for place, value in _walk(data, ("dns", "bind_hosts")) + _walk(data, ("dns", "upstream_dns")):
        line = document.problem(place, "").line
        if place[1] == "bind_hosts":
            converted.listen.append(str(value))
        else:
            _convert_upstream(str(value), converted, line)
    dns = data.get("dns") if isinstance(data.get("dns"), dict) else {}
    converted.port = int((dns or {}).get("port") or converted.port)
    for place, value in _walk(data, ("dns", "allowed_clients")):
        converted.add_client(str(value), document.problem(place, "").line)
    for section in ("dns", "filtering"):
        for place, rewrite in _walk(data, (section, "rewrites")):
            _convert_rewrite(rewrite, converted, document.problem(place, "").line)
    for place, each in _walk(data, ("filters",)):
        if isinstance(each, dict) and each.get("enabled", True):
            line = document.problem(place, "").line
            converted.subscribe(str(each.get("url", "")), line, "adblock", str(each.get("name", "")))
    for place, rule in _walk(data, ("user_rules",)):
        _convert_rule(str(rule).strip(), converted, document.problem(place, "").line)
    _tell_losses(document, data, converted)


def _walk(data: Any, path: tuple[str, ...]) -> list[tuple[Path, Any]]:  # noqa: ANN401 - whatever YAML held
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return [((*path, index), each) for index, each in enumerate(data)] if isinstance(data, list) else []


def _convert_upstream(text: str, converted: Converted, line: int) -> None:
    if text.startswith("#") or not text.strip():
        return
    domains: list[str] = []
    if text.startswith("[/"):
        names, _, text = text[2:].partition("/]")
        domains = [name for name in names.split("/") if name]
    for server in text.split():
        converted.add_server(server.removeprefix("udp://"), line, domains)


def _convert_rewrite(rewrite: Any, converted: Converted, line: int) -> None:  # noqa: ANN401 - whatever YAML held
    name, answer = (
        (str(rewrite.get(key, "")) for key in ("domain", "answer")) if isinstance(rewrite, dict) else ("", "")
    )
    if answer.replace(".", "").isdecimal() or ":" in answer:
        converted.add_address(name, answer, line)
    elif answer in ("A", "AAAA", ""):
        converted.lose(f"rewrite {name}", line)
    else:
        converted.add_record(f"{name.rstrip('.')}. {TTL} CNAME {answer.rstrip('.')}.", line)


def _convert_rule(rule: str, converted: Converted, line: int) -> None:
    if not rule or rule.startswith(("!", "#")):
        return
    name = rule.removeprefix("@@").removeprefix("||").removesuffix("^")
    if not rule.removeprefix("@@").startswith("||") or not rule.endswith("^") or "*" in name:
        converted.lose(rule, line)
    elif rule.startswith("@@"):
        converted.free(name, line, "rule of AdGuard Home")
    else:
        converted.block(name, line)


def _tell_losses(document: Document, data: dict[str, Any], converted: Converted) -> None:
    for key, value in data.items():
        if key in ("filters", "user_rules", "schema_version"):
            continue
        if isinstance(value, dict) and key in ("dns", "filtering"):
            for inner in value:
                if (key, inner) not in _SECTIONS:
                    converted.lose(f"{key}.{inner}", document.problem((key, inner), "").line)
        else:
            converted.lose(key, document.problem((key,), "").line)
