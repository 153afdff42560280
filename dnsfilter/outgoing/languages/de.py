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
    subjects={
        EventKind.ANNOUNCEMENT: "Bitte entfernen Sie {app} bis zum {deadline}",
        EventKind.REMINDER: "Erinnerung: Bitte entfernen Sie {app} bis zum {deadline}",
        EventKind.CONFIRMED: "{app} wird auf Ihrem Gerät {device} benutzt",
        EventKind.QUARANTINED: "Ihr Gerät {device} hat keinen Zugang mehr zu dienstlichen Anwendungen",
        EventKind.CLEARED: "Ihr Gerät {device} ist wieder in Ordnung",
    },
    bodies={
        EventKind.ANNOUNCEMENT: (
            "Die App {app} darf auf dienstlich genutzten Geräten nicht verwendet werden. Ist sie auf einem Ihrer "
            "Geräte installiert, entfernen Sie sie bitte bis zum {deadline}; andernfalls ist nichts zu tun.\n\n"
            "Bis dahin hält das Netz fest, wann ein Gerät die Server der App zu erreichen versucht. Was Sie sonst "
            "aufrufen oder besuchen, wird nicht aufgezeichnet."
        ),
        EventKind.REMINDER: (
            "Ihr Gerät {device} hat versucht, Server von {app} zu erreichen. Ist die App dort installiert, entfernen "
            "Sie sie bitte bis zum {deadline}."
        ),
        EventKind.CONFIRMED: (
            "Ihr Gerät {device} hat Server angesprochen, die nur die installierte App {app} verwendet. Bitte "
            "entfernen Sie die App von diesem Gerät."
        ),
        EventKind.QUARANTINED: (
            "Die App {app} wird auf Ihrem Gerät {device} weiterhin benutzt. Deshalb hat dieses Gerät keinen Zugang "
            "mehr zu dienstlichen Anwendungen wie der E-Mail. Entfernen Sie die App: Einige Tage nach ihrem letzten "
            "Lebenszeichen geht alles von selbst wieder, oder sofort, wenn die unten genannte Stelle bestätigt, dass "
            "sie entfernt ist."
        ),
        EventKind.CLEARED: (
            "Auf Ihrem Gerät {device} deutet nichts mehr auf die App {app} hin. Es hat wieder uneingeschränkten "
            "Zugang. Vielen Dank."
        ),
    },
    consequences={
        Consequence.BLOCKED_LATER: "Ab dem {deadline} sind die Server der App aus unserem Netz nicht mehr erreichbar.",
        Consequence.BLOCKED_NOW: "Seit dem {deadline} sind die Server der App aus unserem Netz nicht mehr erreichbar.",
        Consequence.WITHHELD_LATER: (
            "Ab dem {deadline} hat ein Gerät, auf dem die App benutzt wird, keinen Zugang mehr zu dienstlichen "
            "Anwendungen wie der E-Mail."
        ),
        Consequence.WITHHELD_NOW: (
            "Seit dem {deadline} hat ein Gerät, auf dem die App benutzt wird, keinen Zugang mehr zu dienstlichen "
            "Anwendungen wie der E-Mail."
        ),
    },
    contact="Haben Sie Fragen, oder halten Sie dies für einen Irrtum? Bitte wenden Sie sich an: {contact}",
    origin="Diese Nachricht wurde automatisch verschickt, weil das Gerät auf Ihren Namen eingetragen ist.",
)
