"""What the store has columns for."""

from dnsfilter.store.schema import metadata


def test_no_column_for_a_person() -> None:
    """There is nowhere to put an address, a name or an owner."""
    columns = {column.name for table in metadata.tables.values() for column in table.columns}
    assert columns.isdisjoint({"address", "client", "ip", "mac", "name", "owner", "mail", "qname"})
