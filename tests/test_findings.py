"""What was found out about an answer, for all who wait for it."""

from dnsfilter.findings import Findings
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer
from tests.fakes.messages import ask, respond

QUERY = ask("www.example")


def answer():
    """Return an answer like every other one."""
    return Answer(respond(QUERY, ["www.example. 60 A 192.0.2.1"]), len(Query(QUERY).question), 0.0)


def test_kept_for_one_answer_and_kind():
    """What was found holds for the same answer and clients of the same kind, for no others."""
    findings, first = Findings[str](), answer()
    assert findings.get(first, "red") is None
    assert findings.keep(first, "red", "blocked") == "blocked"
    assert findings.keep(first, "blue", "free") == "free"
    assert (findings.get(first, "red"), findings.get(first, "blue")) == ("blocked", "free")
    assert findings.get(first, "green") is None
    assert findings.get(answer(), "red") is None


def test_another_answer_begins_anew():
    """Nothing is kept of the answer before, which may be large."""
    findings, first, second = Findings[str](), answer(), answer()
    findings.keep(first, "red", "blocked")
    findings.keep(second, "blue", "free")
    assert findings.get(first, "red") is None
    assert findings.get(second, "red") is None
    assert findings.get(second, "blue") == "free"
