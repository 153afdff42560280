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
    subjects={
        EventKind.ANNOUNCEMENT: "Veuillez supprimer {app} avant le {deadline}",
        EventKind.REMINDER: "Rappel : veuillez supprimer {app} avant le {deadline}",
        EventKind.CONFIRMED: "{app} est utilisée sur votre appareil {device}",
        EventKind.QUARANTINED: "L'accès de votre appareil {device} aux services professionnels est suspendu",
        EventKind.CLEARED: "Votre appareil {device} est de nouveau en règle",
    },
    bodies={
        EventKind.ANNOUNCEMENT: (
            "L'application {app} ne doit pas être utilisée sur des appareils qui servent au travail. Si elle est "
            "installée sur l'un des vôtres, veuillez la supprimer avant le {deadline} ; sinon, vous n'avez rien à "
            "faire.\n\n"
            "Tant qu'elle n'est pas supprimée, le réseau note quand un appareil tente de joindre les serveurs de "
            "l'application. Rien d'autre de ce que vous recherchez ou visitez n'est enregistré."
        ),
        EventKind.REMINDER: (
            "Votre appareil {device} a tenté de joindre des serveurs de {app}. Si l'application y est installée, "
            "veuillez la supprimer avant le {deadline}."
        ),
        EventKind.CONFIRMED: (
            "Votre appareil {device} a tenté de joindre des serveurs que seule l'application {app} installée utilise. "
            "Veuillez la supprimer de cet appareil."
        ),
        EventKind.QUARANTINED: (
            "L'application {app} est toujours utilisée sur votre appareil {device}. L'accès de cet appareil aux "
            "services professionnels, tels que la messagerie, est donc suspendu. Supprimez l'application : quelques "
            "jours après son dernier signe d'activité, tout fonctionne de nouveau, ou aussitôt que le contact "
            "ci-dessous confirme qu'elle n'y est plus."
        ),
        EventKind.CLEARED: (
            "Plus rien sur votre appareil {device} n'indique la présence de l'application {app}. Aucun accès ne lui "
            "est refusé. Merci."
        ),
    },
    consequences={
        Consequence.BLOCKED_LATER: (
            "À partir du {deadline}, les serveurs de l'application ne sont plus joignables depuis notre réseau."
        ),
        Consequence.BLOCKED_NOW: (
            "Depuis le {deadline}, les serveurs de l'application ne sont plus joignables depuis notre réseau."
        ),
        Consequence.WITHHELD_LATER: (
            "À partir du {deadline}, un appareil sur lequel l'application est utilisée n'a plus accès aux services "
            "professionnels tels que la messagerie."
        ),
        Consequence.WITHHELD_NOW: (
            "Depuis le {deadline}, un appareil sur lequel l'application est utilisée n'a plus accès aux services "
            "professionnels tels que la messagerie."
        ),
    },
    contact="Une question, ou pensez-vous qu'il s'agit d'une erreur ? Adressez-vous à : {contact}",
    origin="Ce message a été envoyé automatiquement, car l'appareil est enregistré à votre nom.",
)
