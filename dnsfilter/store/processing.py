"""The record of processing (GDPR Article 30): what is done with data of people under a configuration, as Markdown.

Tables and columns come from the schema itself, so that nothing is stored which is not in the record.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy import Column

from dnsfilter.config import Configuration
from dnsfilter.settings.notification import EventOutput, Notices, Outlet
from dnsfilter.settings.order import Policy
from dnsfilter.store.audit import HEADS_FILE
from dnsfilter.store.database import shown
from dnsfilter.store.schema import metadata
from dnsfilter.values import format_duration

LIFETIMES = {
    "schema_version": "as long as the store; not about people",
    "devices": "{retention} after the last sighting",
    "signals": "as long as the store; not about people",
    "sightings": "{retention}",
    "audit": "for good: an entry that could be removed would prove nothing",
    "exemptions": "{retention} after they end",
    "clearances": "{retention}",
    "outbox": "until delivered or given up ({outgoing}); sent mail {repeat}, so that nobody gets the same twice",
    "sampled_names": "{sample}",
    "marks": "as long as the store; not about people",
    "senders": "7d after the last report; not about people",
    "consequences": "as long as the device's standing calls for them",
}
"""How long the rows of each table are kept, under the retention of the configuration."""


def describe_processing(configuration: Configuration) -> str:
    """Return the record of processing."""
    parts = [
        _section("Why: purposes and dates", _purposes(configuration)),
        _section("Whose data", _people(configuration)),
        _section("Where the data come from", _sources(configuration)),
        _section("What is kept, and for how long", _stored(configuration)),
        _section("What else there is", _files(configuration)),
        _section("What is not kept", _not_kept(configuration)),
        _section("Who can see it", _recipients(configuration)),
    ]
    return "\n\n".join(["# Record of processing", *parts])


REHEARSALS = "dry-run"
"""Below the state directory: where dry runs put what they do not send."""

_NEVER_KEPT = (
    "* The name that was asked for: a sighting holds the rule of the list that covers it.",
    "* Addresses, MACs and names of devices, their owners and mail addresses: the store has no column for them.",
    "* Logs and metric labels hold no name asked for, no address and no person.",
)


def _section(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"## {title}", "", *lines])


def _not_kept(configuration: Configuration) -> Iterator[str]:
    yield (
        "* Queries for names that no list covers: answered, counted"
        f"{' (by name and day if many clients ask)' if configuration.sample.enabled else ''}, forgotten. "
        "Answers are cached without who asked."
    )
    yield from _NEVER_KEPT


def _purposes(configuration: Configuration) -> Iterator[str]:
    yield "| policy | blocklists | groups | phases | answer |"
    yield "|---|---|---|---|---|"
    for policy in configuration.policies:
        phases = ", ".join(f"{phase} from {start.isoformat(' ', 'minutes')}" for phase, start in policy.phases.items())
        zone = policy.timezone or configuration.timezone
        groups = ", ".join(policy.groups) or "everybody"
        yield f"| {policy.name} | {', '.join(policy.blocklists)} | {groups} | {phases} ({zone}) | {policy.answer} |"
    yield from map(_quarantine, (policy for policy in configuration.policies if policy.quarantine.blocklists))


def _quarantine(policy: Policy) -> str:
    terms = policy.quarantine
    how = "is only noted (dry run)" if terms.dry_run else f"applies to at most {terms.max_devices} devices"
    return (
        f"\nQuarantine of {policy.name}: names of {', '.join(terms.blocklists)} are withheld from devices with "
        f"confirmed evidence; it {how} and ends after {format_duration(terms.release_after)} without evidence, or when "
        "a person says so."
    )


def _people(configuration: Configuration) -> Iterator[str]:
    yield f"Whoever uses the resolver from {', '.join(map(str, configuration.allow_clients))}."
    if configuration.groups:
        yield ""
        yield "| group | networks | devices may be flagged |"
        yield "|---|---|---|"
    for group in configuration.groups:
        networks = ", ".join(map(str, group.networks)) or "by the inventory"
        yield f"| {group.name} | {networks} | {'yes' if group.flag else 'no'} |"


def _sources(configuration: Configuration) -> Iterator[str]:
    yield "* DNS queries: the address they come from and the name asked for."
    if configuration.proxy.listen:
        modes = ", ".join(configuration.proxy.listen)
        yield f"* Connections to the proxy ({modes}): the same, and what it sees of visits to listed names."
    if configuration.inventory:
        yield f"* Inventory {configuration.inventory}: id, name, owner, mail, group, MACs and addresses of devices."
    for lease in configuration.leases:
        yield f"* Leases {lease.file}: which MAC has which address until when."
    for said, networks in (
        ("the MAC of who asked", configuration.identity.edns_mac),
        ("the device's id", configuration.identity.client_ids),
    ):
        if networks:
            yield f"* Queries from {', '.join(map(str, networks))}: {said}, where they say it."


def _stored(configuration: Configuration) -> Iterator[str]:
    retention = format_duration(configuration.store.retention)
    yield f"The store is {shown(configuration.store.url)}. Devices are pseudonyms there: keyed hashes (HMAC-SHA-256)."
    for table in metadata.sorted_tables:
        lifetime = LIFETIMES[table.name].format(
            retention=retention, sample=_sampled(configuration), **_outgoing_lifetimes(configuration)
        )
        yield f"\n### {table.name}\n\n{_sentence(table.comment)} Kept: {lifetime}.\n\n| column | what |\n|---|---|"
        yield from map(_column, table.columns)


def _sampled(configuration: Configuration) -> str:
    sample = configuration.sample
    if not sample.enabled:
        return "nothing, for `sample.enabled` is off"
    enough = f"only names that {sample.clients} clients of one worker asked for on that day"
    return f"{format_duration(sample.retention)}; {enough}"


def _outgoing_lifetimes(configuration: Configuration) -> dict[str, str]:
    longest = max((section.give_up_after for section in configuration.outlets.values()), default=None)
    return {
        "outgoing": f"after {format_duration(longest)}" if longest else "nothing goes out",
        "repeat": format_duration(configuration.notices.repeat_after),
    }


def _column(column: Column[str] | Column[int]) -> str:
    return f"| {column.name} | {column.comment} |"


def _sentence(text: str | None) -> str:
    return f"{(text or '')[:1].upper()}{(text or '')[1:]}."


def _files(configuration: Configuration) -> Iterator[str]:
    state = configuration.state
    key = configuration.privacy.pseudonym_key
    yield f"* {key}: the key of the pseudonyms. Who has it and the inventory can tell who is meant."
    behind = "each address and MAC" if configuration.identity.edns_mac else "each address"
    yield f"* {state}/clients: device id and group behind {behind}; made anew when inventory or leases change."
    yield f"* {state}/{HEADS_FILE}: numbers and hashes of the audit; not about people."
    for name, section in configuration.outlets.items():
        if not isinstance(section, EventOutput) and section.dry_run:
            yield f"* {state}/{REHEARSALS}/{name}: what would have gone out; the latest thousand, for you to delete."
    if configuration.proxy.listen:
        yield f"* {state}/acknowledged: who has read a warning, as keyed hashes; good for an hour."


def _recipients(configuration: Configuration) -> Iterator[str]:
    series, metrics = configuration.privacy.device_series, configuration.listen.metrics
    yield "* Who runs the service or is root on this machine: the files above are readable by the service's user only."
    yield "* Who may use `dnsfilter reveal` learns who is behind a pseudonym, with a reason that the audit keeps."
    yield f"* Who reads {metrics}/metrics: counts by group, and pseudonyms of up to {series} flagged devices."
    if configuration.proxy.listen:
        yield f"* Who reads {configuration.proxy.metrics}/metrics: counts by group."
    yield from map(_recipient, configuration.outlets.values())
    for upstream in configuration.upstreams:
        servers = ", ".join(map(str, upstream.servers))
        names = f"names of {', '.join(upstream.domains)}" if upstream.domains else "names"
        yield f"* Upstream {servers}: {names} that are asked for and not cached, never by whom."


def _recipient(section: Outlet) -> str:
    kinds = ", ".join(section.kinds)
    if isinstance(section, Notices):
        return f"* The owner of a device, by mail through {section.server or 'nobody yet'}: {kinds} of that device."
    if isinstance(section, EventOutput):
        return f"* Who reads {section.to}: events ({kinds}) with the pseudonym of the device."
    who = "the device's id in the inventory, which the audit notes" if section.identify else "the device's pseudonym"
    return f"* {section.url.partition('?')[0]}: events ({kinds}) with {who}."
