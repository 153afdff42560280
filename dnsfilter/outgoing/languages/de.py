"""Notices in German."""

from dnsfilter.model import EventKind
from dnsfilter.outgoing.languages.form import Consequence, Form

GERMAN = Form(
    code="de",
    months=(
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ),
    date="{day}. {month} {year}",
    moment="{date}, {hour:02}:{minute:02} Uhr ({zone})",
    subjects={
        EventKind.ANNOUNCEMENT: "Bitte entfernen Sie {app} vor dem {deadline}",
        EventKind.REMINDER: "Erinnerung: Bitte entfernen Sie {app} vor dem {deadline}",
        EventKind.CONFIRMED: "Die App {app} wird auf Ihrem Gerät {device} benutzt",
        EventKind.QUARANTINED: "Der Zugang Ihres Geräts {device} zu dienstlichen Anwendungen ist gesperrt",
        EventKind.CLEARED: "Ihr Gerät {device} entspricht wieder den Vorgaben",
    },
    bodies={
        EventKind.ANNOUNCEMENT: (
            "Die App {app} darf auf dienstlich genutzten Geräten nicht verwendet werden. Ist sie auf einem Ihrer "
            "Geräte installiert, entfernen Sie sie bitte vor dem {deadline}; andernfalls ist nichts zu tun.\n\n"
            "Bis dahin zeichnet das Netz auf, wann ein Gerät die Server der App zu erreichen versucht. Was Sie sonst "
            "suchen oder aufrufen, wird nicht aufgezeichnet."
        ),
        EventKind.REMINDER: (
            "Ihr Gerät {device} hat versucht, Server der App {app} zu erreichen. Ist die App dort installiert, "
            "entfernen Sie sie bitte vor dem {deadline}."
        ),
        EventKind.CONFIRMED: (
            "Ihr Gerät {device} hat versucht, Server zu erreichen, die nur die installierte App {app} verwendet. Bitte "
            "entfernen Sie die App von diesem Gerät."
        ),
        EventKind.QUARANTINED: (
            "Die App {app} wird auf Ihrem Gerät {device} weiterhin benutzt. Deshalb ist der Zugang dieses Geräts zu "
            "dienstlichen Anwendungen wie E-Mail gesperrt. Bitte entfernen Sie die App: Der Zugang wird einige Tage, "
            "nachdem die App zuletzt festgestellt wurde, automatisch wiederhergestellt oder sofort, sobald die unten "
            "genannte Stelle bestätigt, dass sie entfernt wurde."
        ),
        EventKind.CLEARED: (
            "Auf Ihrem Gerät {device} deutet nichts mehr auf die App {app} hin. Der Zugang des Geräts ist nicht "
            "eingeschränkt. Vielen Dank."
        ),
    },
    consequences={
        Consequence.BLOCKED_LATER: "Ab dem {deadline} sind die Server der App aus unserem Netz nicht mehr erreichbar.",
        Consequence.BLOCKED_NOW: "Seit dem {deadline} sind die Server der App aus unserem Netz nicht mehr erreichbar.",
        Consequence.WITHHELD_LATER: (
            "Ab dem {deadline} hat ein Gerät, auf dem die App benutzt wird, keinen Zugang mehr zu dienstlichen "
            "Anwendungen wie E-Mail."
        ),
        Consequence.WITHHELD_NOW: (
            "Seit dem {deadline} hat ein Gerät, auf dem die App benutzt wird, keinen Zugang mehr zu dienstlichen "
            "Anwendungen wie E-Mail."
        ),
    },
    contact="Wenn Sie Fragen haben oder dies für einen Irrtum halten, wenden Sie sich bitte an: {contact}",
    origin="Diese Nachricht wurde automatisch verschickt, weil das Gerät auf Ihren Namen eingetragen ist.",
)
