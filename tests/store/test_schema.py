"""What the store has columns for."""

from dnsfilter.store.schema import metadata, sampled_names


def test_no_column_for_a_person() -> None:
    """There is nowhere to put an address, a name or an owner; names that were resolved stand beside nothing else."""
    others = [table for table in metadata.tables.values() if table is not sampled_names]
    columns = {column.name for table in others for column in table.columns}
    assert columns.isdisjoint({"address", "client", "ip", "mac", "name", "owner", "mail", "qname"})
    assert [column.name for column in sampled_names.columns] == ["day", "name", "count"]
