"""The section about how upstreams are asked."""

import pytest

from dnsfilter.config import parse_configuration
from dnsfilter.errors import InputError
from dnsfilter.settings.forwarding import Forwarding

PIN = "sha256/" + "A" * 43 + "="


def test_defences_are_on_by_default() -> None:
    """Nobody has to ask for them."""
    assert Forwarding() == Forwarding(randomize_case=True, cookies=True, spoof_threshold=1, hedge=5)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("forwarding: {hedge: 101}", "hedge"),
        ("forwarding: {hedge: -1}", "hedge"),
        ("forwarding: {spoof_threshold: 0}", "spoof_threshold"),
        ("forwarding: {cookies: 7}", "cookies"),
        ("forwarding: {case: true}", "case"),
        (f'upstreams: [{{servers: ["192.0.2.1"], pins: ["{PIN}"]}}]', "pins"),
        ('upstreams: [{servers: ["tls://192.0.2.1"], pins: ["sha256/abc"]}]', "sha256/abc"),
        ('upstreams: [{servers: ["tls://192.0.2.1"], pins: ["sha512/abc"]}]', "sha512/abc"),
    ],
)
def test_mistakes_are_named(text: str, place: str) -> None:
    """What is out of bounds, unknown or senseless is one error that names the key or the value."""
    with pytest.raises(InputError) as caught:
        parse_configuration(text, "dnsfilter.yaml")
    (problem,) = caught.value.problems
    assert place in str(problem)


def test_pins_are_taken() -> None:
    """Pins stay as they were written."""
    text = f'upstreams: [{{servers: ["tls://192.0.2.1", "192.0.2.2"], pins: ["{PIN}"]}}]'
    assert parse_configuration(text, "dnsfilter.yaml").upstreams[0].pins == (PIN,)
