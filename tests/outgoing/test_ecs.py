"""Lines for a SIEM: fields by the Elastic Common Schema, and nothing in them can end the line or begin another."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.model import EventKind
from dnsfilter.outgoing.ecs import MAX_LIST, MAX_TEXT, severity_of, write_line
from tests.fakes.events import event

ANYTHING = st.text(st.characters(), max_size=60)
"""Any text: control characters, line ends of all kinds, lone surrogates."""

KINDS = {"alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"}
CATEGORIES = {"configuration", "host", "iam", "network"}
TYPES = {"change", "error", "info"}


def test_fields() -> None:
    """A change of standing has time, id, device, action and reason where ECS has them, our own below dnsfilter."""
    line = json.loads(write_line(event(), "resolver-1", "0.1.0"))
    assert line["@timestamp"] == "2023-03-15T08:00:00.000Z"
    assert line["message"] == "confirmed: d-1 tiktok (clear -> confirmed)"
    assert (line["event"]["id"], line["event"]["action"], line["event"]["reason"]) == ("evt_1", "confirmed", "seen")
    assert line["device"] == {"id": "d-1"}
    assert line["observer"]["hostname"] == "resolver-1"
    assert line["dnsfilter"]["app"] == "tiktok"
    assert line["dnsfilter"]["before"] == "clear"


def test_audit() -> None:
    """An entry of the audit names the user who gave the command."""
    found = event(EventKind.AUDIT, content={"action": "reveal", "actor": "root", "reason": "T-1"}, app="")
    line = json.loads(write_line(found, "h", "0"))
    assert line["user"] == {"name": "root"}
    assert line["event"]["category"] == ["iam"]


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_is_classified(kind: EventKind) -> None:
    """Kind, category, type and outcome are words that ECS allows, the severity one that syslog has."""
    found = json.loads(write_line(event(kind), "h", "0"))["event"]
    assert found["kind"] in KINDS
    assert set(found["category"]) <= CATEGORIES
    assert set(found["type"]) <= TYPES
    assert found["outcome"] in ("success", "failure", "unknown")
    assert 3 <= severity_of(kind) <= 6


@given(st.dictionaries(ANYTHING, ANYTHING | st.lists(ANYTHING, max_size=5), max_size=5), ANYTHING, ANYTHING, ANYTHING)
def test_no_text_escapes(content: dict[str, str | list[str]], device: str, app: str, host: str) -> None:
    """Whatever texts hold, the line is printable ASCII and says exactly them."""
    found = event(content=content, device=device, app=app)
    line = write_line(found, host, "0")
    assert all(0x20 <= octet < 0x7F for octet in line)
    read = json.loads(line)
    assert read["observer"]["hostname"] == host
    assert read.get("device", {}).get("id", "") == device
    assert {key: read["dnsfilter"][key] for key in content if key != "app"} == {
        key: value for key, value in content.items() if key != "app"
    }


def test_length_is_bounded() -> None:
    """A text or list without end is cut: no line grows beyond what a log takes."""
    content = {"reason": "x" * 10 * MAX_TEXT, "apps": ["y" * 2 * MAX_TEXT] * 2 * MAX_LIST}
    line = json.loads(write_line(event(content=content), "h", "0"))
    assert len(line["event"]["reason"]) == MAX_TEXT
    assert [len(text) for text in line["dnsfilter"]["apps"]] == [MAX_TEXT] * MAX_LIST
