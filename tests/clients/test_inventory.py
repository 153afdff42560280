"""The inventory: what is read, what is a problem, and that a problem stops nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.clients.inventory import parse_inventory
from dnsfilter.model import Device

HEADER = "id,name,owner,mail,group,mac,ip\n"
GROUPS = {"corporate", "guests"}


def test_reads_devices() -> None:
    """Every column becomes a field; several MACs and addresses in a field are separated by spaces or semicolons."""
    line = 'd1,Phone,"Doe, Ann",ann@x.example,corporate,02:00:5E:00:53:01 02-00-5e-00-53-02,192.0.2.1;2001:db8::1\n'
    devices, problems = parse_inventory("\ufeff" + HEADER + line, "devices.csv", GROUPS)
    assert problems == []
    macs = ("02:00:5e:00:53:01", "02:00:5e:00:53:02")
    assert devices == [
        Device("d1", "Phone", "Doe, Ann", "ann@x.example", "corporate", macs, ("192.0.2.1", "2001:db8::1"))
    ]


def test_columns_may_stand_in_any_order() -> None:
    """The header says which column is which; a column left out is empty, one that is not ours is ignored."""
    devices, problems = parse_inventory("ip,serial,ID\n192.0.2.1,77,d1\n", "devices.csv", GROUPS)
    assert (devices, problems) == ([Device("d1", "", "", "", "", (), ("192.0.2.1",))], [])


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (",,,,corporate,,192.0.2.9", "devices.csv:3: id: '' is not an id"),
        ("d2,,,,nobody,,192.0.2.9", "devices.csv:3: group: there is no group 'nobody'"),
        ("d2,,,,corporate,02:00,", "devices.csv:3: mac: '02:00' is not a MAC address"),
        ("d2,,,,corporate,,192.0.2.0/24", "devices.csv:3: ip: '192.0.2.0/24'"),
        ("d1,,,,corporate,,", "devices.csv:3: id: 'd1' is already claimed on line 2"),
        ("d2,,,,corporate,,192.0.2.1", "devices.csv:3: ip: '192.0.2.1' is already claimed on line 2"),
    ],
)
def test_problems_name_the_place(line: str, shown: str) -> None:
    """A broken line is a problem with file, line, column and value, and the lines around it are read."""
    text = f"{HEADER}d1,,,,corporate,,192.0.2.1\n{line}\nd3,,,,guests,,192.0.2.3\n"
    devices, problems = parse_inventory(text, "devices.csv", GROUPS)
    assert [str(problem)[: len(shown)] for problem in problems] == [shown]
    assert {"d1", "d3"} <= {device.id for device in devices}


def test_languages() -> None:
    """An owner's language is two letters of those that notices are written in; another is a problem, none is none."""
    text = "id,language\na,de\nb,FR-be\nc,it\nd,\n"
    devices, problems = parse_inventory(text, "devices.csv", GROUPS)
    assert [device.language for device in devices] == ["de", "fr", "", ""]
    assert [(problem.line, problem.key) for problem in problems] == [(4, "language")]


def test_needs_an_id_column() -> None:
    """Without a column of ids nothing can be read, and that is one problem."""
    devices, problems = parse_inventory("name,owner\nPhone,Ann\n", "devices.csv", GROUPS)
    assert devices == []
    assert [problem.line for problem in problems] == [1]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_gives_devices_and_problems(text: str) -> None:
    """No text makes the parser fail, and every problem has a line."""
    devices, problems = parse_inventory(HEADER + text, "devices.csv", GROUPS)
    assert all(problem.line >= 1 for problem in problems)
    assert len({device.id for device in devices}) == len(devices)
