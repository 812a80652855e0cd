"""What a Mini App is told when somebody opens it: initData, signed as Telegram signs it."""

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import quote, urlencode

from local.telegram.entries import Bot


def init_data(bot: Bot, person: int, name: str) -> str:
    """The query string that vouches for a person (https://core.telegram.org/bots/webapps#validating-data)."""
    user = {"id": person, "first_name": name, "language_code": "en"}
    fields = {"auth_date": str(int(time.time())), "user": json.dumps(user, ensure_ascii=False, separators=(",", ":"))}
    lines = "\n".join(f"{key}={fields[key]}" for key in sorted(fields))
    secret = hmac.new(b"WebAppData", bot.token.encode(), hashlib.sha256).digest()
    return urlencode({**fields, "hash": hmac.new(secret, lines.encode(), hashlib.sha256).hexdigest()})


def mini_app(bot: Bot, person: int, name: str) -> dict[str, Any] | None:
    """The text of the bot's menu button in a person's private chat and the address that it opens, or None."""
    button = bot.menu_buttons.get(str(person)) or bot.menu_buttons.get("") or {}
    if button.get("type") != "web_app":
        return None
    told = f"tgWebAppData={quote(init_data(bot, person, name), safe='')}&tgWebAppVersion=8.0&tgWebAppPlatform=web"
    return {"text": str(button.get("text", "Menu")), "url": f"{button['web_app']['url']}#{told}"}
