"""What an account lacks is named; how root hands over is seen in test_privileges.py, by a real root."""

import os
from pathlib import Path

import pytest

from dnsfilter.config import Configuration
from dnsfilter.errors import InputError
from dnsfilter.process.ownership import check_rights
from dnsfilter.process.privileges import Account
from dnsfilter.settings.operation import Privacy, Store

SELF = Account("me", os.getuid(), os.getgid(), ())


def configure(directory: Path, store: str = "sqlite:///{}/var/dnsfilter.db", key: str = "var/key") -> Configuration:
    """Return a configuration with its state in a directory."""
    (directory / "var").mkdir()
    return Configuration(
        state=str(directory / "var"),
        store=Store(url=store.format(directory)),
        privacy=Privacy(pseudonym_key=str(directory / key)),
    )


@pytest.mark.parametrize("store", ["sqlite:///{}/var/dnsfilter.db", "sqlite:///:memory:", "postgresql://host/name"])
def test_lacks_nothing(tmp_path: Path, store: str) -> None:
    """Where everything can be written, or is no file, nothing is said."""
    check_rights(configure(tmp_path, store), SELF)


def test_names_all_that_is_lacking(tmp_path: Path) -> None:
    """Each place that cannot be written is a line with its key."""
    configuration = configure(tmp_path, "sqlite:///{}/absent/dnsfilter.db", "absent/key")
    with pytest.raises(InputError) as caught:
        check_rights(configuration, SELF)
    reason = f"cannot be used by me: the directory {tmp_path}/absent cannot be written"
    assert str(caught.value).splitlines() == [
        f"store.url: {tmp_path}/absent/dnsfilter.db: {reason}",
        f"privacy.pseudonym_key: {tmp_path}/absent/key: {reason}",
    ]
