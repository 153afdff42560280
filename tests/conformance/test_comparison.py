"""The same five thousand queries to dnsfilter and to unbound, in front of one upstream: every difference has a reason.

The reasons stand in `differences.yaml` beside this file. A difference without one fails, and so does a reason for a
difference that is no more.
"""

import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance.questions import COUNT, Question, make_questions
from tests.conformance.reading import Reading, read
from tests.e2e.server import Server, start_server
from tests.e2e.unbound import Unbound, start_unbound
from tests.processes import Processes

ZONE = r"""$ORIGIN .
$TTL 300
@                      SOA   ns.example. hostmaster.example. 1 3600 900 604800 60
@                      NS    ns.example.
ns.example.            A     192.0.2.1
example.               MX    10 mail.example.
www.example.           A     192.0.2.10
www.example.           A     192.0.2.11
www.example.           AAAA  2001:db8::10
alias.example.         CNAME www.example.
chain.example.         CNAME alias.example.
dangling.example.      CNAME gone.example.
mail.example.          MX    10 mx.example.
mail.example.          TXT   "v=spf1 -all"
mail.example.          CAA   0 issue "ca.example"
service.example.       HTTPS 1 . alpn=h2 ipv4hint=192.0.2.10
service.example.       SRV   1 2 443 www.example.
_443._tcp.example.     SRV   1 2 443 www.example.
*.wild.example.        A     192.0.2.20
under.ent.example.     A     192.0.2.21
dname.example.         DNAME wild.example.
loop.example.          CNAME loop.example.
10.2.0.192.in-addr.arpa. PTR www.example.
"""
LONG = "long.example. TXT " + " ".join(f'"{"x" * 200}"' for _ in range(12)) + "\n"
SIXTY = "".join(f"sixty.example. A 192.0.2.{number}\n" for number in range(1, 61))
WINDOW = 40
PATIENCE = (0.2, 0.5, 3.0)
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 16: "BADVERS"}
FLAGS = {0x0400: "AA", 0x0200: "TC", 0x0100: "RD", 0x0080: "RA", 0x0040: "Z", 0x0020: "AD", 0x0010: "CD"}
SECTIONS = ("answer", "authority", "additional")
REASONS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "differences.yaml").read_text())


def ask_all(port: int, questions: Sequence[Question]) -> dict[int, bytes]:
    """Return the responses by ID; what is not answered however often it is asked is not there."""
    datagrams = {index: question.message for index, question in enumerate(questions) if question.transport == "udp"}
    responses = ask_over_tcp(port, [question.message for question in questions if question.transport == "tcp"])
    for patience in PATIENCE:
        responses |= ask_over_udp(port, [text for index, text in datagrams.items() if index not in responses], patience)
    return responses


def ask_over_udp(port: int, messages: Sequence[bytes], patience: float) -> dict[int, bytes]:
    """Ask with so many queries outstanding."""
    responses: dict[int, bytes] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(patience)
        for start in range(0, len(messages), WINDOW):
            batch = messages[start : start + WINDOW]
            for message in batch:
                client.send(message)
            with contextlib.suppress(TimeoutError):
                for _ in batch:
                    response = client.recv(65_535)
                    responses[int.from_bytes(response[:2], "big")] = response
    return responses


def ask_over_tcp(port: int, messages: Sequence[bytes]) -> dict[int, bytes]:
    """Ask over a connection for each, so that one who closes it loses no other answer."""
    responses: dict[int, bytes] = {}
    for message in messages:
        with (
            contextlib.suppress(ConnectionError, TimeoutError, struct.error),
            socket.create_connection(("127.0.0.1", port), PATIENCE[-1]) as client,
        ):
            client.sendall(struct.pack("!H", len(message)) + message)
            with client.makefile("rb") as stream:
                responses[int.from_bytes(message[:2], "big")] = stream.read(struct.unpack("!H", stream.read(2))[0])
    return responses


def differences(ours: bytes | None, theirs: bytes | None) -> Iterator[tuple[str, str, str]]:
    """Yield field, what we say, what unbound says; where rcodes differ nothing else can be compared."""
    if ours is None or theirs is None:
        if ours is not theirs:
            yield "response", "none" if ours is None else "some", "none" if theirs is None else "some"
        return
    first, second = read(ours), read(theirs)
    if first.rcode != second.rcode:
        yield "rcode", RCODES.get(first.rcode, str(first.rcode)), RCODES.get(second.rcode, str(second.rcode))
        return
    pairs = [("OPT", describe_opt(first), describe_opt(second)), ("options", str(first.options), str(second.options))]
    pairs += [(name, str(bool(first.flags & bit)), str(bool(second.flags & bit))) for bit, name in FLAGS.items()]
    if first.question != second.question:
        pairs += [("question", first.question.hex(), second.question.hex())]
    if not (first.flags | second.flags) & 0x0200:
        for name, one, other in zip(SECTIONS, first.sections, second.sections, strict=True):
            pairs += [(name, describe(one), describe(other))]
            if describe(one) == describe(other) and one != other:
                pairs += [(name, "other data", "its data")]
    yield from ((name, one, other) for name, one, other in pairs if one != other)


def describe_opt(reading: Reading) -> str:
    """Say version, DO and payload."""
    return "none" if reading.opt is None else "version {} flags {:#x} payload {}".format(*reading.opt)


def describe(section: Sequence[tuple[bytes, int, int, bytes]]) -> str:
    """Say which types a section holds."""
    return " ".join(f"{count}xTYPE{rtype}" for rtype, count in Counter(item[1] for item in section).items()) or "none"


def explains(reason: dict[str, Any], question: Question, field: str, ours: str, theirs: str) -> bool:
    """Whether a reason is about this difference; what it does not mention may be anything."""
    facts = {**vars(question), "field": field, "ours": ours, "unbound": theirs}
    wanted = {
        key: value if isinstance(value, list) else [value]
        for key, value in reason.items()
        if key not in ("reason", "sometimes")
    }
    return all(facts[key] in value for key, value in wanted.items())


@pytest.fixture(scope="module")
def world(module_processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, Unbound]:
    """Start the upstream, and both resolvers in front of it, neither with any policy."""
    directory = tmp_path_factory.mktemp("comparison")
    upstream = start_unbound(module_processes, directory, ZONE + LONG + SIXTY)
    other = start_unbound(module_processes, directory, forward_to=upstream.port)
    settings = {"upstreams": [{"servers": [upstream.address]}], "rate_limit": {"per_client_qps": 0}}
    return start_server(module_processes, tmp_path_factory.mktemp("dnsfilter"), settings), other


def test_every_difference_has_a_reason(world: tuple[Server, Unbound]) -> None:
    """Each response is unbound's but for what the table explains, and all that the table explains is still so."""
    server, unbound = world
    questions = make_questions()
    ours, theirs = ask_all(server.port, questions), ask_all(unbound.port, questions)
    unexplained: Counter[str] = Counter()
    used: Counter[int] = Counter()
    for identifier, question in enumerate(questions):
        for field, one, other in differences(ours.get(identifier), theirs.get(identifier)):
            for index, reason in enumerate(REASONS):
                if explains(reason, question, field, one, other):
                    used[index] += 1
                    break
            else:
                facts = " ".join(
                    f"{key}={value}" for key, value in vars(question).items() if key != "message" and value
                )
                unexplained[f"{field}: ours {one}, unbound's {other} ({facts})"] += 1
    assert len(ours) == COUNT
    assert not unexplained, "\n".join(f"{count} {text}" for text, count in unexplained.most_common(40))
    assert [reason for index, reason in enumerate(REASONS) if not used[index] and "sometimes" not in reason] == []
