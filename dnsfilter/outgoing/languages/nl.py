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
    moment="{date} om {hour:02}.{minute:02} uur ({zone})",
    subjects={
        EventKind.ANNOUNCEMENT: "Verwijder de app {app} vóór {deadline}",
        EventKind.REMINDER: "Herinnering: verwijder de app {app} vóór {deadline}",
        EventKind.CONFIRMED: "De app {app} wordt gebruikt op uw apparaat {device}",
        EventKind.QUARANTINED: "De toegang van uw apparaat {device} tot werktoepassingen is opgeschort",
        EventKind.CLEARED: "Uw apparaat {device} voldoet weer aan de voorschriften",
    },
    bodies={
        EventKind.ANNOUNCEMENT: (
            "De app {app} mag niet worden gebruikt op apparaten die voor het werk worden gebruikt. Als de app op een "
            "van uw apparaten is geïnstalleerd, verwijder deze dan vóór {deadline}; zo niet, dan hoeft u niets te "
            "doen.\n\n"
            "Tot die tijd registreert het netwerk wanneer een apparaat de servers van de app probeert te bereiken. Wat "
            "u verder opzoekt of bezoekt, wordt niet geregistreerd."
        ),
        EventKind.REMINDER: (
            "Uw apparaat {device} heeft geprobeerd servers van de app {app} te bereiken. Als de app daarop is "
            "geïnstalleerd, verwijder deze dan vóór {deadline}."
        ),
        EventKind.CONFIRMED: (
            "Uw apparaat {device} heeft geprobeerd servers te bereiken die alleen door de geïnstalleerde app {app} "
            "worden gebruikt. Verwijder de app van dit apparaat."
        ),
        EventKind.QUARANTINED: (
            "De app {app} wordt nog steeds gebruikt op uw apparaat {device}. Daarom is de toegang van dit apparaat tot "
            "werktoepassingen zoals e-mail opgeschort. Verwijder de app: de toegang wordt automatisch hersteld enkele "
            "dagen nadat de app voor het laatst is vastgesteld, of onmiddellijk zodra het onderstaande aanspreekpunt "
            "bevestigt dat de app is verwijderd."
        ),
        EventKind.CLEARED: (
            "Op uw apparaat {device} wijst niets meer op de app {app}. De toegang van het apparaat is niet beperkt. "
            "Dank u wel."
        ),
    },
    consequences={
        Consequence.BLOCKED_LATER: "Vanaf {deadline} zijn de servers van de app niet meer bereikbaar via ons netwerk.",
        Consequence.BLOCKED_NOW: "Sinds {deadline} zijn de servers van de app niet meer bereikbaar via ons netwerk.",
        Consequence.WITHHELD_LATER: (
            "Vanaf {deadline} heeft een apparaat waarop de app wordt gebruikt, geen toegang meer tot werktoepassingen "
            "zoals e-mail."
        ),
        Consequence.WITHHELD_NOW: (
            "Sinds {deadline} heeft een apparaat waarop de app wordt gebruikt, geen toegang meer tot werktoepassingen "
            "zoals e-mail."
        ),
    },
    contact="Als u vragen hebt of denkt dat dit een vergissing is, neem dan contact op met: {contact}",
    origin="Dit bericht is automatisch verzonden omdat het apparaat op uw naam is geregistreerd.",
)
