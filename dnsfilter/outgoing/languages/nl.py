"""Notices in Dutch."""

from dnsfilter.model import EventKind
from dnsfilter.outgoing.languages.form import Consequence, Form

DUTCH = Form(
    code="nl",
    months=(
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ),
    date="{day} {month} {year}",
    subjects={
        EventKind.ANNOUNCEMENT: "Verwijder {app} vóór {deadline}",
        EventKind.REMINDER: "Herinnering: verwijder {app} vóór {deadline}",
        EventKind.CONFIRMED: "{app} wordt gebruikt op uw toestel {device}",
        EventKind.QUARANTINED: "Uw toestel {device} heeft geen toegang meer tot werktoepassingen",
        EventKind.CLEARED: "Uw toestel {device} is weer in orde",
    },
    bodies={
        EventKind.ANNOUNCEMENT: (
            "De app {app} mag niet worden gebruikt op toestellen die voor het werk worden gebruikt. Staat de app op "
            "een van uw toestellen, verwijder haar dan vóór {deadline}; zo niet, dan hoeft u niets te doen.\n\n"
            "Zolang de app niet is verwijderd, noteert het netwerk wanneer een toestel de servers van de app probeert "
            "te bereiken. Wat u verder opzoekt of bezoekt, wordt niet vastgelegd."
        ),
        EventKind.REMINDER: (
            "Uw toestel {device} heeft geprobeerd servers van {app} te bereiken. Staat de app daarop, verwijder haar "
            "dan vóór {deadline}."
        ),
        EventKind.CONFIRMED: (
            "Uw toestel {device} heeft geprobeerd servers te bereiken die alleen de geïnstalleerde app {app} gebruikt. "
            "Verwijder de app van dit toestel."
        ),
        EventKind.QUARANTINED: (
            "De app {app} wordt nog steeds gebruikt op uw toestel {device}. Dit toestel heeft daarom geen toegang meer "
            "tot werktoepassingen zoals e-mail. Verwijder de app: enkele dagen na haar laatste teken van leven werkt "
            "alles vanzelf weer, of meteen zodra het onderstaande aanspreekpunt bevestigt dat zij weg is."
        ),
        EventKind.CLEARED: (
            "Op uw toestel {device} wijst niets meer op de app {app}. Het heeft weer volledige toegang. Dank u."
        ),
    },
    consequences={
        Consequence.BLOCKED_LATER: "Vanaf {deadline} zijn de servers van de app niet meer bereikbaar via ons netwerk.",
        Consequence.BLOCKED_NOW: "Sinds {deadline} zijn de servers van de app niet meer bereikbaar via ons netwerk.",
        Consequence.WITHHELD_LATER: (
            "Vanaf {deadline} heeft een toestel waarop de app wordt gebruikt geen toegang meer tot werktoepassingen "
            "zoals e-mail."
        ),
        Consequence.WITHHELD_NOW: (
            "Sinds {deadline} heeft een toestel waarop de app wordt gebruikt geen toegang meer tot werktoepassingen "
            "zoals e-mail."
        ),
    },
    contact="Vragen, of denkt u dat dit een vergissing is? Neem contact op met: {contact}",
    origin="Dit bericht is automatisch verzonden omdat het toestel op uw naam is geregistreerd.",
)
