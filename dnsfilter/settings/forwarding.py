"""The section about how upstreams are asked."""

from pydantic import Field, StrictBool, StrictInt

from dnsfilter.settings.section import Section


class Forwarding(Section):
    """How answers that others forged are told apart, and how slow upstreams are got round.

    `spoof_threshold` is after how many wrong answers on one socket its queries go over TCP, `hedge` of how many queries
    in a hundred a second server may be asked before the first has answered.
    """

    randomize_case: StrictBool = True
    cookies: StrictBool = True
    spoof_threshold: StrictInt = Field(1, ge=1, le=1000)
    hedge: StrictInt = Field(5, ge=0, le=100)
