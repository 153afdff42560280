"""The click that continues: who may click, for what, and for how long."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from mitmproxy.test import tutils

from proxy_addons.acknowledgements import MAX_FILES, PATH, VALID_SECONDS, Acknowledgements, is_click

CLIENT, APP, NOW = "192.0.2.1", "tiktok", 1_000_000.0


@pytest.fixture
def clicks(tmp_path: Path) -> Acknowledgements:
    return Acknowledgements(tmp_path)


def test_a_click_counts_for_an_hour(clicks: Acknowledgements) -> None:
    """Before the click nobody has read the warning; after it the client has, for an hour."""
    assert not clicks.has(CLIENT, APP, NOW)
    link = clicks.link(CLIENT, APP, "/video?id=1&b", NOW)
    assert clicks.accept(link, CLIENT, APP, NOW + 5) == "/video?id=1&b"
    assert clicks.has(CLIENT, APP, NOW + 5 + VALID_SECONDS - 1)
    assert not clicks.has(CLIENT, APP, NOW + 5 + VALID_SECONDS)


def test_a_click_counts_for_one_client_and_app(clicks: Acknowledgements) -> None:
    """Neither another client nor another app profits from a click."""
    clicks.accept(clicks.link(CLIENT, APP, "/", NOW), CLIENT, APP, NOW)
    assert not clicks.has("192.0.2.2", APP, NOW)
    assert not clicks.has(CLIENT, "other", NOW)


def test_another_process_knows_of_it(clicks: Acknowledgements, tmp_path: Path) -> None:
    """A link made by one process is taken by another, and the click is known to both."""
    other = Acknowledgements(tmp_path)
    assert other.accept(clicks.link(CLIENT, APP, "/", NOW), CLIENT, APP, NOW) == "/"
    assert clicks.has(CLIENT, APP, NOW)


@pytest.mark.parametrize(
    ("client", "app", "later"), [("192.0.2.2", APP, 0), (CLIENT, "other", 0), (CLIENT, APP, VALID_SECONDS)]
)
def test_a_link_of_others_is_no_click(clicks: Acknowledgements, client: str, app: str, later: float) -> None:
    """A link for another client, another app or from long ago changes nothing."""
    assert clicks.accept(clicks.link(CLIENT, APP, "/", NOW), client, app, NOW + later) is None
    assert not clicks.has(client, app, NOW + later)


@pytest.mark.parametrize(
    "query", ["", "until=9999999999&to=%2F", "until=x&to=%2F&token=%C3%A9", "token=0&until=0&to=0"]
)
def test_a_made_up_link_is_no_click(clicks: Acknowledgements, query: str) -> None:
    """A page elsewhere cannot make up a link that clicks for the user."""
    assert clicks.accept(f"{PATH}?{query}", CLIENT, APP, NOW) is None


def test_goes_on_only_on_the_same_host(clicks: Acknowledgements) -> None:
    """A path that a browser would take for another host leads to this one."""
    link = clicks.link(CLIENT, APP, "//elsewhere.example/", NOW)
    assert clicks.accept(link, CLIENT, APP, NOW) == "/elsewhere.example/"


def test_forgets_what_is_over_and_what_is_too_much(clicks: Acknowledgements, tmp_path: Path) -> None:
    """Old clicks leave no files, and a flood of clicks does not fill the disk."""
    directory = tmp_path / "acknowledged"
    for index in range(MAX_FILES + 3):
        path = directory / f"{index:064}"
        path.touch()
        os.utime(path, (NOW + index, NOW + index))
    clicks.accept(clicks.link(CLIENT, APP, "/", NOW + MAX_FILES), CLIENT, APP, NOW + MAX_FILES)
    left = [path for path in directory.iterdir() if not path.name.startswith(".key")]
    assert len(left) <= VALID_SECONDS + 3
    assert clicks.has(CLIENT, APP, NOW + MAX_FILES)


def test_file_names_tell_nobody(clicks: Acknowledgements, tmp_path: Path) -> None:
    """Neither client nor app can be read from what a click leaves behind."""
    clicks.accept(clicks.link(CLIENT, APP, "/", NOW), CLIENT, APP, NOW)
    names = "".join(path.name for path in (tmp_path / "acknowledged").iterdir())
    assert CLIENT not in names
    assert APP not in names


@pytest.mark.parametrize(
    ("method", "path", "expected"), [("POST", PATH, True), ("GET", PATH, False), ("POST", "/", False)]
)
def test_only_a_post_of_the_form_is_a_click(method: str, path: str, *, expected: bool) -> None:
    """Following a link, or posting to the site itself, is no click."""
    request = tutils.treq(method=method.encode(), path=(path + "?to=" + quote("/")).encode())
    assert is_click(request) is expected
