"""mitmproxy's own options: what the addon sets, and what it leaves to the user."""

import pytest
from mitmproxy.addons.dumper import Dumper
from mitmproxy.addons.proxyserver import Proxyserver

from proxy_addons.options import LAZY, chose_eager, take_over
from tests.fakes.mitmproxy import addon_context


def test_eager_by_default_is_no_choice() -> None:
    """Eager is the default of mitmproxy; only a user who says so has chosen it."""
    with addon_context(Proxyserver()) as context:
        assert context.options.connection_strategy == "eager"
        assert not chose_eager()
        context.options.update(connection_strategy="eager")
        assert chose_eager()


def test_lazy_is_forced() -> None:
    """Whatever was set, connections are lazy afterwards, and the client's Host field is kept."""
    with addon_context(Proxyserver(), Dumper()) as context:
        take_over()
        assert context.options.connection_strategy == LAZY
        assert context.options.keep_host_header
        assert context.options.flow_detail == 0


@pytest.mark.parametrize("detail", [1, 3])
def test_a_user_may_look_closely(detail: int) -> None:
    """What the user set stays as it is, even at its default."""
    with addon_context(Proxyserver(), Dumper()) as context:
        context.options.update(flow_detail=detail, keep_host_header=False)
        take_over()
        assert context.options.flow_detail == detail
        assert not context.options.keep_host_header
