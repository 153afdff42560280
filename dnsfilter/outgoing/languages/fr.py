"""Notices in French."""

from dnsfilter.model import EventKind
from dnsfilter.outgoing.languages.form import Consequence, Form

FRENCH = Form(
    code="fr",
    months=(
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ),
    date="{day} {month} {year}",
    moment="{date} à {hour:02} h {minute:02} ({zone})",
    subjects={
        EventKind.ANNOUNCEMENT: "Veuillez supprimer l’application {app} avant le {deadline}",
        EventKind.REMINDER: "Rappel\N{NO-BREAK SPACE}: veuillez supprimer l’application {app} avant le {deadline}",
        EventKind.CONFIRMED: "L’application {app} est utilisée sur votre appareil {device}",
        EventKind.QUARANTINED: "L’accès de votre appareil {device} aux services professionnels est suspendu",
        EventKind.CLEARED: "Votre appareil {device} est de nouveau conforme",
    },
    bodies={
        EventKind.ANNOUNCEMENT: (
            "L’application {app} ne doit pas être utilisée sur les appareils qui servent au travail. Si elle est "
            "installée sur l’un des vôtres, veuillez la supprimer avant le {deadline}\N{NO-BREAK SPACE}; dans le cas "
            "contraire, vous n’avez rien à faire.\n\n"
            "D’ici là, le réseau enregistre les tentatives de connexion d’un appareil aux serveurs de l’application. "
            "Aucune autre de vos recherches ou consultations n’est enregistrée."
        ),
        EventKind.REMINDER: (
            "Votre appareil {device} a tenté de se connecter à des serveurs de l’application {app}. Si celle-ci y est "
            "installée, veuillez la supprimer avant le {deadline}."
        ),
        EventKind.CONFIRMED: (
            "Votre appareil {device} a tenté de se connecter à des serveurs que seule l’application {app}, une fois "
            "installée, utilise. Veuillez supprimer l’application de cet appareil."
        ),
        EventKind.QUARANTINED: (
            "L’application {app} est toujours utilisée sur votre appareil {device}. L’accès de cet appareil aux "
            "services professionnels, tels que la messagerie, est donc suspendu. Veuillez supprimer "
            "l’application\N{NO-BREAK SPACE}: l’accès sera rétabli automatiquement quelques jours après la dernière "
            "activité constatée de l’application, ou dès que le service indiqué ci-dessous en aura confirmé la "
            "suppression."
        ),
        EventKind.CLEARED: (
            "Plus rien n’indique la présence de l’application {app} sur votre appareil {device}. Son accès n’est "
            "soumis à aucune restriction. Nous vous remercions."
        ),
    },
    consequences={
        Consequence.BLOCKED_LATER: (
            "À partir du {deadline}, les serveurs de l’application ne seront plus accessibles depuis notre réseau."
        ),
        Consequence.BLOCKED_NOW: (
            "Depuis le {deadline}, les serveurs de l’application ne sont plus accessibles depuis notre réseau."
        ),
        Consequence.WITHHELD_LATER: (
            "À partir du {deadline}, les services professionnels tels que la messagerie ne seront plus accessibles "
            "depuis un appareil sur lequel l’application est utilisée."
        ),
        Consequence.WITHHELD_NOW: (
            "Depuis le {deadline}, les services professionnels tels que la messagerie ne sont plus accessibles depuis "
            "un appareil sur lequel l’application est utilisée."
        ),
    },
    contact=(
        "Pour toute question, ou si vous estimez qu’il s’agit d’une erreur, veuillez vous adresser "
        "à\N{NO-BREAK SPACE}: {contact}"
    ),
    origin="Ce message a été envoyé automatiquement parce que l’appareil est enregistré à votre nom.",
    first="1er",
)
