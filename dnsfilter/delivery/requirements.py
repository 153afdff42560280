"""What outlets need of this machine before anything can go out: secrets nobody else reads, trust, directories."""

from collections.abc import Callable, Iterator
from pathlib import Path

from dnsfilter.config import Configuration
from dnsfilter.delivery.files import load_trust, read_secret
from dnsfilter.errors import InputError, Problem
from dnsfilter.outgoing.payload import parse_secret


def check_outlets(configuration: Configuration) -> None:
    """Try the files that `notices`, `webhooks` and `events` name; InputError names those that cannot be used."""
    problems = [
        Problem(complaint, key=key)
        for key, file, check in _list_files(configuration)
        if file and (complaint := _try(file, check))
    ]
    if problems:
        raise InputError(problems)


def _list_files(configuration: Configuration) -> Iterator[tuple[str, str | None, Callable[[str], object]]]:
    notices = configuration.notices
    yield "notices.password_file", notices.password_file, read_secret
    yield "notices.ca", notices.ca, load_trust
    for index, hook in enumerate(configuration.webhooks):
        yield f"webhooks[{index}].secret_file", hook.secret_file, _check_secret
        yield f"webhooks[{index}].ca", hook.ca, load_trust
    for index, output in enumerate(configuration.events):
        yield f"events[{index}].to", output.to.path, _check_directory
        yield f"events[{index}].ca", output.ca, load_trust


def _try(file: str, check: Callable[[str], object]) -> str:
    try:
        check(file)
    except ValueError as error:
        return str(error)
    return ""


def _check_secret(path: str) -> None:
    try:
        parse_secret(read_secret(path))
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(path) else f"{path}: {text}") from None


def _check_directory(path: str) -> None:
    if not Path(path).parent.is_dir():
        raise ValueError(f"{path}: there is no directory {Path(path).parent}")
