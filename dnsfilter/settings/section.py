"""What every section of the configuration is."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of the configuration: every key known, nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def check_timezone(value: str) -> str:
    """Return the name of a timezone that exists; ValueError otherwise."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a timezone such as Europe/Brussels") from None
    return value
