"""The bot's menu button, which opens the dashboard as a Mini App: for the tenant's owners, and nobody else.

The button of one private chat goes before the bot's own (https://core.telegram.org/bots/api#setchatmenubutton), so end
users never see it. Telegram takes https addresses only, and only for a person who has talked to the bot.
"""

from __future__ import annotations

from collections.abc import Sequence

from manyclaw.errors import BadInput
from manyclaw.settings import REAL_TELEGRAM
from manyclaw.telegram.bot import Bot, TelegramRefused

BUTTON_TEXT = "Dashboard"


def dashboard_address(base: str, tenant: str) -> str:
    """The Mini App's address under the deployment's public one."""
    return f"{base.rstrip('/')}/dashboard/app/{tenant}"


def offer_dashboard(bot: Bot, owners: Sequence[int], address: str) -> dict[int, str]:
    """Give each owner the button; safe to repeat.

    Returns
    -------
    dict[int, str]
        Whom it could not be given, and why, in words.

    Raises
    ------
    BadInput
        The real Telegram cannot open ``address``.
    TelegramUnavailable
        Telegram did not answer; do it again.
    """
    if bot.api_url == REAL_TELEGRAM and not address.startswith("https://"):
        raise BadInput(f"Telegram opens no {address}.", hint="It needs an https address: set MANYCLAW_PUBLIC_URL.")
    button = {"type": "web_app", "text": BUTTON_TEXT, "web_app": {"url": address}}
    notes = {}
    for owner in owners:
        try:
            bot.call("setChatMenuButton", {"chat_id": owner, "menu_button": button})
        except TelegramRefused as error:
            notes[owner] = f"{owner}: {error.description} (an owner writes to the bot first, then do it again)"
    return notes
