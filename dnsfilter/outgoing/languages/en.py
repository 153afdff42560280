"""Notices in English."""

from dnsfilter.model import EventKind
from dnsfilter.outgoing.languages.form import Consequence, Form

ENGLISH = Form(
    code="en",
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    date="{day} {month} {year}",
    subjects={
        EventKind.ANNOUNCEMENT: "Please remove {app} by {deadline}",
        EventKind.REMINDER: "Reminder: please remove {app} by {deadline}",
        EventKind.CONFIRMED: "{app} is in use on your device {device}",
        EventKind.QUARANTINED: "Work services are withheld from your device {device}",
        EventKind.CLEARED: "Your device {device} is in order again",
    },
    bodies={
        EventKind.ANNOUNCEMENT: (
            "The app {app} must not be used on devices that are used for work. If it is installed on one of yours, "
            "please remove it by {deadline}; otherwise there is nothing to do.\n\n"
            "Until it is removed, the network notes when a device tries to reach the app's servers. Nothing else that "
            "you look up or visit is recorded."
        ),
        EventKind.REMINDER: (
            "Your device {device} has tried to reach servers of {app}. If the app is installed there, please remove it "
            "by {deadline}."
        ),
        EventKind.CONFIRMED: (
            "Your device {device} has reached for servers that only the installed app {app} uses. Please remove the "
            "app from it."
        ),
        EventKind.QUARANTINED: (
            "The app {app} is still in use on your device {device}. Work services such as mail are therefore withheld "
            "from this device. Remove the app: some days after its last sign of life everything works again by "
            "itself, or at once when the contact below confirms that it is gone."
        ),
        EventKind.CLEARED: (
            "Nothing on your device {device} points to the app {app} any more. Nothing is withheld from it. Thank you."
        ),
    },
    consequences={
        Consequence.BLOCKED_LATER: "From {deadline} on, the app's servers cannot be reached from our network.",
        Consequence.BLOCKED_NOW: "Since {deadline}, the app's servers cannot be reached from our network.",
        Consequence.WITHHELD_LATER: (
            "From {deadline} on, work services such as mail are withheld from a device on which the app is in use."
        ),
        Consequence.WITHHELD_NOW: (
            "Since {deadline}, work services such as mail are withheld from a device on which the app is in use."
        ),
    },
    contact="Questions, or do you think that this is a mistake? Please ask: {contact}",
    origin="This message was sent automatically because the device is registered under your name.",
)
