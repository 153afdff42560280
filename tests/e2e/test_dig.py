"""The reader of dig's and kdig's output."""

import pytest

from tests.e2e.dig import Record, parse

DIG = """\
;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 56485
;; flags: qr rd ra ad; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1

;; OPT PSEUDOSECTION:
; EDNS: version: 0, flags:; udp: 1232
; EDE: 15 (Blocked): (by order)
;; ANSWER SECTION:
www.example.\t\t300\tIN\tTXT\t"one two" "three"
"""
KDIG = """\
;; ->>HEADER<<- opcode: QUERY; status: NOERROR; id: 15224
;; Flags: qr rd ra ad; QUERY: 1; ANSWER: 1; AUTHORITY: 0; ADDITIONAL: 1

;; EDNS PSEUDOSECTION:
;; Version: 0; flags: ; UDP size: 1232 B; ext-rcode: NOERROR
;; EDE: 15 (Blocked): 'by order'

;; QUESTION SECTION:
;; www.example.        \t\tIN\tTXT

;; ANSWER SECTION:
www.example.        \t300\tIN\tTXT\t"one two" "three"
"""


@pytest.mark.parametrize("text", [DIG, KDIG], ids=["dig", "kdig"])
def test_reads_both(text: str) -> None:
    """Status, flags, extended errors and records come out alike."""
    answer = parse(text)
    assert (answer.status, answer.ede) == ("NOERROR", (15,))
    assert answer.flags == {"qr", "rd", "ra", "ad"}
    assert answer.answer == [Record("www.example.", 300, "TXT", '"one two" "three"')]
    assert answer.authority == []


def test_no_response() -> None:
    """Silence has no status."""
    answer = parse(";; communications error to 127.0.0.1#5300: timed out\n", 9)
    assert (answer.status, answer.exit_status, answer.answer) == ("", 9, [])
