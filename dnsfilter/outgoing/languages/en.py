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
    moment="{date} at {hour:02}:{minute:02} ({zone})",
    subjects={
        EventKind.ANNOUNCEMENT: "Please remove {app} before {deadline}",
        EventKind.REMINDER: "Reminder: please remove {app} before {deadline}",
        EventKind.CONFIRMED: "{app} is in use on your device {device}",
        EventKind.QUARANTINED: "Access of your device {device} to work services is suspended",
        EventKind.CLEARED: "Your device {device} is compliant again",
    },
    bodies={
        EventKind.ANNOUNCEMENT: (
            "The app {app} must not be used on devices that are used for work. If it is installed on one of yours, "
            "please remove it before {deadline}; otherwise there is nothing to do.\n\n"
            "Until then, the network records when a device tries to reach the app's servers. Nothing else that you "
            "look up or visit is recorded."
        ),
        EventKind.REMINDER: (
            "Your device {device} has tried to reach servers of {app}. If the app is installed there, please remove it "
            "before {deadline}."
        ),
        EventKind.CONFIRMED: (
            "Your device {device} has tried to reach servers that only the installed app {app} uses. Please remove the "
            "app from it."
        ),
        EventKind.QUARANTINED: (
            "The app {app} is still in use on your device {device}. The access of this device to work services such as "
            "email is therefore suspended. Please remove the app: access is restored automatically some days after the "
            "app was last detected, or at once when the contact below confirms that it has been removed."
        ),
        EventKind.CLEARED: (
            "Nothing on your device {device} points to the app {app} any more. Its access is not restricted. Thank you."
        ),
    },
    consequences={
        Consequence.BLOCKED_LATER: "From {deadline} on, the app's servers cannot be reached from our network.",
        Consequence.BLOCKED_NOW: "Since {deadline}, the app's servers cannot be reached from our network.",
        Consequence.WITHHELD_LATER: (
            "From {deadline} on, work services such as email are not available on a device on which the app is in use."
        ),
        Consequence.WITHHELD_NOW: (
            "Since {deadline}, work services such as email are not available on a device on which the app is in use."
        ),
    },
    contact="If you have questions, or think that this is a mistake, please contact: {contact}",
    origin="This message was sent automatically because the device is registered under your name.",
)
