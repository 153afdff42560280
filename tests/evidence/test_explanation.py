"""What is said of a record."""

import pytest

from dnsfilter.evidence.explanation import explain
from dnsfilter.evidence.record import Attribution, Observation, gather
from dnsfilter.model import Grade

DAY = 86_400.0
API = Observation(0.0, "api*.tiktokv.eu", Grade.STRONG, 30)
LOG = Observation(3_600.0, "rtlog*.tiktokv.eu", Grade.STRONG)
WEB = Observation(DAY, "tiktok.com", Grade.WEAK)
PIXEL = Observation(0.0, "analytics.tiktok.com", Grade.NONE)


@pytest.mark.parametrize(
    ("attribution", "observations", "text"),
    [
        (
            Attribution.DEVICE,
            [API, LOG, WEB],
            "confirmed: api*.tiktokv.eu and rtlog*.tiktokv.eu within 24 h, 32 sightings on 2 days",
        ),
        (
            Attribution.DEVICE,
            [LOG],
            "suspected: rtlog*.tiktokv.eu, no second family of the app within 24 h, 1 sighting on 1 day",
        ),
        (Attribution.DEVICE, [WEB, PIXEL], "clear: nothing but what a browser causes, 2 sightings on 1 day"),
        (Attribution.DEVICE, [PIXEL], "clear: nothing that proves use, 1 sighting on 1 day"),
        (
            Attribution.UNKNOWN,
            [API],
            "unattributable: the address is not that of one known device, 30 sightings on 1 day",
        ),
        (Attribution.UNFLAGGED, [WEB], "unattributable: its group is never flagged, 1 sighting on 1 day"),
    ],
)
def test_explains(attribution: Attribution, observations: list[Observation], text: str) -> None:
    """Each standing names what justifies it and how much was seen."""
    record = gather(attribution, observations)
    assert record
    assert explain(record) == text
