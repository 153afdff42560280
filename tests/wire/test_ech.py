"""Answers without `ech`: everything else of the answer means the same, wherever its names pointed."""

from dnslib import HTTPS, QTYPE, RD, RR
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.wire.ech import remove_ech
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer, build_response
from tests.fakes.messages import ask, parse, respond

QUESTION = ask("www.example", "HTTPS")
OWNERS = st.sampled_from(["www.example.", "WWW.example.", "pool.www.example.", "a.test.", "."])
PARAMS = st.fixed_dictionaries({}, optional={1: st.just(b"\2h2"), 4: st.just(b"\xc0\0\2\1"), 5: st.binary(max_size=90)})
SIGNATURE = RR("www.example", QTYPE.RRSIG, ttl=60, rdata=RD(b"\0A" + bytes(16) + b"\7example\0signature"))


def binding(owner, target, params):
    """Return an HTTPS record."""
    labels = [label.encode() for label in target.split(".") if label]
    return RR(owner, QTYPE.HTTPS, ttl=300, rdata=HTTPS(1, labels, sorted(params.items())))


BINDINGS = st.builds(binding, OWNERS, OWNERS, PARAMS)
ALIASES = st.builds(lambda owner, target: RR.fromZone(f"{owner} 60 CNAME {target}")[0], OWNERS, OWNERS)


def scrub(message, *, even_signed=False):
    """Return an answer before and after, as the other codec reads them; None where it is left alone."""
    query = Query(QUESTION)
    answer = Answer(message, len(query.question), 0.0)
    records = remove_ech(query.question, answer, even_signed=even_signed)
    return records and (records, parse(build_response(query, 0, records)))


def show(record):
    """Return what a record says, `ech` aside."""
    params = [(key, bytes(value)) for key, value in getattr(record.rdata, "params", ()) if key != 5]
    target = b".".join(map(bytes, record.rdata.target)).lower() if record.rtype == QTYPE.HTTPS else str(record.rdata)
    return str(record.rname).lower(), record.rtype, record.ttl, str(target).lower(), params


@given(st.lists(ALIASES | BINDINGS, max_size=6), st.lists(st.just("a.test. 60 A 192.0.2.1"), max_size=2))
def test_only_ech_goes(answers, additionals):
    """Owners, targets, TTLs and other parameters stay; TTLs are where `ttls` says; optional sections are left out."""
    message = respond(QUESTION, answers, additionals=additionals)
    records, response = scrub(message)
    assert list(map(show, response.rr)) == list(map(show, parse(message).rr))
    assert (response.auth, response.ar) == ([], [])
    assert not any(key == 5 for rr in response.rr for key, _ in getattr(rr.rdata, "params", ()))
    aged = parse(build_response(Query(QUESTION), 0, records, body=records.with_ttl(7)))
    assert {rr.ttl for rr in aged.rr} <= {7}


def test_signed_answers_are_left_alone():
    """Where a signature would no longer fit, nothing is changed, unless it shall be: then the signature goes too."""
    message = respond(QUESTION, [binding("www.example", ".", {5: b"x"}), SIGNATURE])
    assert scrub(message) is None
    _, response = scrub(message, even_signed=True)
    assert [rr.rtype for rr in response.rr] == [QTYPE.HTTPS]


def test_names_written_out_stay_bounded():
    """Names behind pointers make it longer: it ends beyond what a message can hold, which is truncated."""
    name = ".".join(["a" * 60] * 4) + "."
    message = respond(QUESTION, [binding(name, ".", {5: b"x", 7: bytes(40)})] * 260)
    query = Query(QUESTION)
    records = remove_ech(query.question, Answer(message, len(query.question), 0.0), even_signed=False)
    assert 65_535 < len(records.body) < 66_500
