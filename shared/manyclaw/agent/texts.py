"""What the gateway itself says to an end user, in the tenant's language."""

from __future__ import annotations

from typing import Final

_TEXTS: Final = {
    "paused": {
        "en": "This bot is paused at the moment.",
        "de": "Dieser Bot pausiert gerade.",
        "es": "Este bot está en pausa en este momento.",
        "fr": "Ce bot est en pause pour le moment.",
        "ru": "Этот бот сейчас приостановлен.",
        "zh": "此机器人目前已暂停服务。",
    },
    "failed": {
        "en": "Sorry, I could not answer that. Please try again later.",
        "de": "Das konnte ich leider nicht beantworten. Bitte versuche es später noch einmal.",
        "es": "Lo siento, no he podido responder. Inténtalo de nuevo más tarde.",
        "fr": "Désolé, je n’ai pas pu répondre. Veuillez réessayer plus tard.",
        "ru": "Извините, не получилось ответить. Попробуйте ещё раз позже.",
        "zh": "抱歉，我无法回答。请稍后再试。",
    },
    "declined": {
        "en": "I cannot help with that.",
        "de": "Dabei kann ich nicht helfen.",
        "es": "No puedo ayudar con eso.",
        "fr": "Je ne peux pas aider pour cela.",
        "ru": "С этим я помочь не могу.",
        "zh": "这件事我帮不上忙。",
    },
    "unavailable": {
        "en": "This bot is not set up completely yet. Its operator has been told.",
        "de": "Dieser Bot ist noch nicht fertig eingerichtet. Der Betreiber weiß Bescheid.",
        "es": "Este bot aún no está configurado del todo. Su operador ya está avisado.",
        "fr": "Ce bot n’est pas encore entièrement configuré. Son opérateur est prévenu.",
        "ru": "Этот бот ещё не настроен до конца. Оператор уже знает об этом.",
        "zh": "此机器人尚未完成设置，已通知运营者。",
    },
    "text_only": {
        "en": "I can only read text so far.",
        "de": "Bisher kann ich nur Text lesen.",
        "es": "Por ahora solo puedo leer texto.",
        "fr": "Pour l’instant, je ne sais lire que du texte.",
        "ru": "Пока я умею читать только текст.",
        "zh": "目前我只能阅读文字。",
    },
    "empty": {
        "en": "I have nothing to add to that.",
        "de": "Dazu habe ich nichts hinzuzufügen.",
        "es": "No tengo nada que añadir.",
        "fr": "Je n’ai rien à ajouter.",
        "ru": "Мне нечего добавить.",
        "zh": "我没有要补充的。",
    },
    "config_broken": {
        "en": "The bot’s new configuration cannot be used; the last good one stays in force. {problem}",
        "de": "Die neue Konfiguration des Bots ist unbrauchbar; die letzte gute bleibt in Kraft. {problem}",
        "es": "La nueva configuración del bot no es válida; sigue en vigor la última correcta. {problem}",
        "fr": "La nouvelle configuration du bot est inutilisable ; la dernière valable reste en vigueur. {problem}",
        "ru": "Новая конфигурация бота непригодна; действует последняя исправная. {problem}",
        "zh": "机器人的新配置无法使用；继续使用上一个有效配置。{problem}",
    },
}

LANGUAGES: Final = tuple(sorted(_TEXTS["failed"]))


def text(name: str, language: str, **values: str) -> str:
    """The text ``name`` in ``language`` (``de``, ``de-AT``, …); English where we have no such language."""
    texts = _TEXTS[name]
    return texts.get(language.partition("-")[0].lower(), texts["en"]).format(**values)
