"""Telegram's side: updates in, messages out, and the pairing of a tenant with its bot."""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.telegram.bot import Bot as Bot
    from manyclaw.telegram.bot import TelegramRefused as TelegramRefused
    from manyclaw.telegram.bot import TelegramUnavailable as TelegramUnavailable
    from manyclaw.telegram.init_data import WebAppUser as WebAppUser
    from manyclaw.telegram.init_data import claimed_user as claimed_user
    from manyclaw.telegram.init_data import verify_init_data as verify_init_data
    from manyclaw.telegram.intake import Intake as Intake
    from manyclaw.telegram.menu_button import dashboard_address as dashboard_address
    from manyclaw.telegram.menu_button import offer_dashboard as offer_dashboard
    from manyclaw.telegram.pairing import Pairing as Pairing
    from manyclaw.telegram.pairing import load_pairing as load_pairing
    from manyclaw.telegram.pairing import open_bot as open_bot
    from manyclaw.telegram.pairing import pair as pair
    from manyclaw.telegram.pairing import pairing_of as pairing_of
    from manyclaw.telegram.pairing import unpair as unpair
    from manyclaw.telegram.pairing import webhook_address as webhook_address
    from manyclaw.telegram.pairing_status import ChannelStatus as ChannelStatus
    from manyclaw.telegram.pairing_status import channel_status as channel_status
    from manyclaw.telegram.relay import Relayed as Relayed
    from manyclaw.telegram.relay import relay_pairings as relay_pairings
    from manyclaw.telegram.split import split_message as split_message
    from manyclaw.telegram.updates import HANDLED_KINDS as HANDLED_KINDS
    from manyclaw.telegram.updates import IncomingMessage as IncomingMessage
    from manyclaw.telegram.updates import read_message as read_message
    from manyclaw.telegram.webhook_calls import is_public as is_public
else:
    __getattr__ = lazy(
        __name__,
        {
            "HANDLED_KINDS": "updates",
            "Bot": "bot",
            "ChannelStatus": "pairing_status",
            "IncomingMessage": "updates",
            "Intake": "intake",
            "Pairing": "pairing",
            "Relayed": "relay",
            "TelegramRefused": "bot",
            "TelegramUnavailable": "bot",
            "WebAppUser": "init_data",
            "channel_status": "pairing_status",
            "dashboard_address": "menu_button",
            "is_public": "webhook_calls",
            "load_pairing": "pairing",
            "offer_dashboard": "menu_button",
            "open_bot": "pairing",
            "pair": "pairing",
            "pairing_of": "pairing",
            "read_message": "updates",
            "relay_pairings": "relay",
            "split_message": "split",
            "unpair": "pairing",
            "claimed_user": "init_data",
            "verify_init_data": "init_data",
            "webhook_address": "pairing",
        },
    )
