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
    "memory_tidied": {
        "en": "I have put my notes on this chat in order; {facts} are left. These said the same as another:",
        "de": "Ich habe meine Notizen zu diesem Chat geordnet; {facts} bleiben. Diese sagten dasselbe wie eine andere:",
        "es": "He ordenado mis notas de este chat; quedan {facts}. Estas repetían otra:",
        "fr": "J’ai mis de l’ordre dans mes notes sur cette conversation ; il en reste {facts}. Notes répétées :",
        "ru": "Я навёл порядок в заметках об этом чате; осталось: {facts}. Эти повторяли другую:",
        "zh": "我整理了关于此聊天的笔记，现有 {facts} 条。以下几条与其他笔记重复：",
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
    "limit_day": {
        "en": "This bot has reached its limit for today. It answers again from {time} on.",
        "de": "Dieser Bot hat sein Limit für heute erreicht. Ab {time} antwortet er wieder.",
        "es": "Este bot ha alcanzado su límite de hoy. Volverá a responder a partir del {time}.",
        "fr": "Ce bot a atteint sa limite du jour. Il répondra de nouveau à partir du {time}.",
        "ru": "Этот бот исчерпал лимит на сегодня. Он снова будет отвечать с {time}.",
        "zh": "此机器人已达到今日用量上限，将于 {time} 恢复回答。",
    },
    "limit_day_user": {
        "en": "You have reached your limit for today. I can answer you again from {time} on.",
        "de": "Dein Limit für heute ist erreicht. Ab {time} kann ich dir wieder antworten.",
        "es": "Has alcanzado tu límite de hoy. Podré responderte de nuevo a partir del {time}.",
        "fr": "Vous avez atteint votre limite du jour. Je pourrai vous répondre de nouveau à partir du {time}.",
        "ru": "Ваш лимит на сегодня исчерпан. Я снова смогу отвечать вам с {time}.",
        "zh": "你已达到今日用量上限，我将于 {time} 恢复为你回答。",
    },
    "limit_minute": {
        "en": "Too many messages at once. Please write again from {time} on.",
        "de": "Gerade sind es zu viele Nachrichten auf einmal. Bitte schreibe ab {time} noch einmal.",
        "es": "Demasiados mensajes a la vez. Escribe de nuevo a partir del {time}.",
        "fr": "Trop de messages à la fois. Veuillez réécrire à partir du {time}.",
        "ru": "Слишком много сообщений сразу. Напишите, пожалуйста, снова с {time}.",
        "zh": "消息过多，请于 {time} 之后再发送。",
    },
    "limit_minute_user": {
        "en": "You are writing faster than I may answer. Please write again from {time} on.",
        "de": "Du schreibst schneller, als ich antworten darf. Bitte schreibe ab {time} noch einmal.",
        "es": "Escribes más rápido de lo que puedo responder. Escribe de nuevo a partir del {time}.",
        "fr": "Vous écrivez plus vite que je ne peux répondre. Veuillez réécrire à partir du {time}.",
        "ru": "Вы пишете быстрее, чем мне разрешено отвечать. Напишите, пожалуйста, снова с {time}.",
        "zh": "你发送消息的速度过快，请于 {time} 之后再发送。",
    },
    "owner_limit_near": {
        "en": "{percent} % of your bot’s limit for today is used ({limits}). It begins anew at {time}.",
        "de": "{percent} % des heutigen Limits deines Bots sind verbraucht ({limits}). Es beginnt um {time} neu.",
        "es": "Se ha usado el {percent} % del límite de hoy de tu bot ({limits}). Se renueva el {time}.",
        "fr": "{percent} % de la limite du jour de votre bot sont utilisés ({limits}). Elle se renouvelle le {time}.",
        "ru": "Использовано {percent} % дневного лимита вашего бота ({limits}). Он обновится {time}.",
        "zh": "你的机器人今日用量已达上限的 {percent} %（{limits}），将于 {time} 重置。",
    },
    "owner_limit_reached": {
        "en": "Your bot’s limit for today is reached ({limits}). It answers again from {time} on.",
        "de": "Das heutige Limit deines Bots ist erreicht ({limits}). Ab {time} antwortet er wieder.",
        "es": "Se ha alcanzado el límite de hoy de tu bot ({limits}). Volverá a responder a partir del {time}.",
        "fr": "La limite du jour de votre bot est atteinte ({limits}). Il répondra de nouveau à partir du {time}.",
        "ru": "Дневной лимит вашего бота исчерпан ({limits}). Он снова будет отвечать с {time}.",
        "zh": "你的机器人已达到今日用量上限（{limits}），将于 {time} 恢复回答。",
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
    "digest_on": {
        "en": "This chat gets the digest from now on. The next one: {time}. /digest off ends it.",
        "de": "Dieser Chat bekommt ab jetzt den Wochenüberblick. Der nächste: {time}. /digest off beendet das.",
        "es": "Este chat recibirá el resumen a partir de ahora. El próximo: {time}. /digest off lo detiene.",
        "fr": "Ce chat recevra désormais le résumé. Le prochain : {time}. /digest off l’arrête.",
        "ru": "Теперь этот чат получает обзор. Следующий: {time}. Отключить: /digest off.",
        "zh": "本聊天从现在起会收到摘要。下一次：{time}。发送 /digest off 可停止。",
    },
    "digest_off": {
        "en": "This chat gets no digest any more.",
        "de": "Dieser Chat bekommt keinen Wochenüberblick mehr.",
        "es": "Este chat ya no recibirá el resumen.",
        "fr": "Ce chat ne recevra plus le résumé.",
        "ru": "Этот чат больше не получает обзор.",
        "zh": "本聊天不再收到摘要。",
    },
    "digest_how": {
        "en": "/digest on: every Friday, what happened in this chat. /digest off: no more.",
        "de": "/digest on: jeden Freitag, was in diesem Chat geschah. /digest off: nicht mehr.",
        "es": "/digest on: cada viernes, lo que pasó en este chat. /digest off: ya no.",
        "fr": "/digest on : chaque vendredi, ce qui s’est passé dans ce chat. /digest off : plus rien.",
        "ru": "/digest on: каждую пятницу обзор этого чата. /digest off: отключить.",
        "zh": "/digest on：每周五总结本聊天的内容。/digest off：停止。",
    },
    "digest_owner": {
        "en": "The digest is switched off; only this bot’s owner can switch it on.",
        "de": "Der Wochenüberblick ist ausgeschaltet; nur wem der Bot gehört, kann ihn einschalten.",
        "es": "El resumen está desactivado; solo el propietario del bot puede activarlo.",
        "fr": "Le résumé est désactivé ; seul le propriétaire du bot peut l’activer.",
        "ru": "Обзор выключен; включить его может только владелец бота.",
        "zh": "摘要已关闭；只有机器人的所有者可以开启。",
    },
    "job_paused": {
        "en": "The job {job} is paused: {problem}",
        "de": "Der Auftrag {job} pausiert: {problem}",
        "es": "La tarea {job} está en pausa: {problem}",
        "fr": "La tâche {job} est en pause : {problem}",
        "ru": "Задание {job} приостановлено: {problem}",
        "zh": "任务 {job} 已暂停：{problem}",
    },
    "config_broken": {
        "en": "The bot’s new configuration cannot be used; the last good one stays in force. {problem}",
        "de": "Die neue Konfiguration des Bots ist unbrauchbar; die letzte gute bleibt in Kraft. {problem}",
        "es": "La nueva configuración del bot no es válida; sigue en vigor la última correcta. {problem}",
        "fr": "La nouvelle configuration du bot est inutilisable ; la dernière valable reste en vigueur. {problem}",
        "ru": "Новая конфигурация бота непригодна; действует последняя исправная. {problem}",
        "zh": "机器人的新配置无法使用；继续使用上一个有效配置。{problem}",
    },
    "forget_ask": {
        "en": "This removes our whole conversation and everything I remember of you, for good. "
        "If you want that, write: /forget yes",
        "de": "Das löscht unser ganzes Gespräch und alles, was ich über dich weiß, endgültig. "
        "Wenn du das willst, schreibe: /forget ja",
        "es": "Esto borra para siempre toda nuestra conversación y todo lo que recuerdo de ti. "
        "Si lo quieres, escribe: /forget sí",
        "fr": "Cela efface définitivement toute notre conversation et tout ce que je sais de vous. "
        "Si vous le voulez, écrivez : /forget oui",
        "ru": "Это навсегда удалит весь наш разговор и всё, что я о вас помню. "
        "Если вы этого хотите, напишите: /forget да",
        "zh": "这将永久删除我们的全部对话以及我记住的关于您的一切。如果确定，请发送：/forget 是",
    },
    "forget_done": {
        "en": "Done. I have removed {messages} messages and {facts} saved facts, and remember nothing of you.",
        "de": "Erledigt. Ich habe {messages} Nachrichten und {facts} gemerkte Fakten gelöscht und weiß nichts mehr.",
        "es": "Hecho. He borrado {messages} mensajes y {facts} datos guardados, y ya no recuerdo nada de ti.",
        "fr": "C’est fait. J’ai effacé {messages} messages et {facts} faits notés ; je ne sais plus rien de vous.",
        "ru": "Готово. Удалено сообщений: {messages}, сохранённых фактов: {facts}. Я ничего о вас не помню.",
        "zh": "已完成。我删除了 {messages} 条消息和 {facts} 条记录，不再记得任何内容。",
    },
    "forget_private": {
        "en": "Write /forget to me in private. What belongs to this group, the bot’s operator can remove.",
        "de": "Schreibe mir /forget privat. Was dieser Gruppe gehört, kann der Betreiber des Bots löschen.",
        "es": "Escríbeme /forget en privado. Lo de este grupo lo puede borrar el operador del bot.",
        "fr": "Écrivez-moi /forget en privé. Ce qui est à ce groupe, l’opérateur du bot peut l’effacer.",
        "ru": "Напишите мне /forget в личном чате. Данные этой группы может удалить оператор бота.",
        "zh": "请私聊我发送 /forget。本群的内容可由机器人运营者删除。",
    },
}

LANGUAGES: Final = tuple(sorted(_TEXTS["failed"]))


def text(name: str, language: str, **values: str) -> str:
    """The text ``name`` in ``language`` (``de``, ``de-AT``, …); English where we have no such language."""
    texts = _TEXTS[name]
    return texts.get(language.partition("-")[0].lower(), texts["en"]).format(**values)
