"""Local data made ready: every name has its records and no other has any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.localtable import LocalTable, make_table
from dnsfilter.wire.query import RECORD
from dnsfilter.wire.response import POINTER_TO_QNAME

NAMES = st.text("ab.", min_size=1, max_size=6)
TYPES = st.sampled_from([1, 12, 28, 65])


def record(rtype, data):
    """Return a record in wire form, owned by the question's name."""
    return POINTER_TO_QNAME + RECORD.pack(rtype, 1, 60, len(data)) + data


def by_type(records):
    """Return what a table must say of a name with these (type, data)."""
    types: dict = {}
    for rtype, data in dict.fromkeys(records):
        types.setdefault(rtype, []).append(record(rtype, data))
    return types


@given(st.dictionaries(NAMES, st.lists(st.tuples(TYPES, st.binary(max_size=20)), max_size=4), max_size=8), NAMES)
def test_holds_what_was_put_in(drawn, other):
    """Each name's records come back by type, in their order, each once; any other name has none."""
    table = make_table({name: [record(*each) for each in records] for name, records in drawn.items()})
    assert len(table) == len(drawn)
    for name in {*drawn, other}:
        assert (name in table) == (name in drawn)
        assert table.get(name) == by_type(drawn.get(name, ()))


@pytest.mark.parametrize("name", ["", "a", "host.example"])
def test_nothing_in_it(name):
    """A table of nothing knows no name."""
    assert name not in LocalTable()
    assert LocalTable().get(name) == {}
    assert len(LocalTable()) == 0


def test_is_octets():
    """What it is made of goes into a file and comes back: three runs of octets."""
    table = make_table({"a.example": [record(1, bytes(4))]})
    assert LocalTable.from_sections(*table.sections).get("a.example") == by_type([(1, bytes(4))])
