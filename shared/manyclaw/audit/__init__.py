"""Who did what: the audit log of each tenant, and the operator's own. A hash chain with locked copies.

It stands below all other features, since each of them hands entries in.
"""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.audit.actions import ACTIONS as ACTIONS
    from manyclaw.audit.actions import ACTORS as ACTORS
    from manyclaw.audit.actions import OUTCOMES as OUTCOMES
    from manyclaw.audit.chain import Head as Head
    from manyclaw.audit.chain import chain_pk as chain_pk
    from manyclaw.audit.chain import entry_sk as entry_sk
    from manyclaw.audit.chain import read_head as read_head
    from manyclaw.audit.chain import read_texts as read_texts
    from manyclaw.audit.entries import OPERATOR as OPERATOR
    from manyclaw.audit.entries import SYSTEM as SYSTEM
    from manyclaw.audit.entries import Actor as Actor
    from manyclaw.audit.entries import Inbox as Inbox
    from manyclaw.audit.entries import canonical as canonical
    from manyclaw.audit.entries import digest as digest
    from manyclaw.audit.entries import name_of as name_of
    from manyclaw.audit.locked import Locked as Locked
    from manyclaw.audit.reading import Filter as Filter
    from manyclaw.audit.reading import Page as Page
    from manyclaw.audit.reading import page as page
    from manyclaw.audit.reading import texts as texts
    from manyclaw.audit.recording import act_as as act_as
    from manyclaw.audit.recording import acting as acting
    from manyclaw.audit.recording import current_actor as current_actor
    from manyclaw.audit.recording import entry as entry
    from manyclaw.audit.recording import intent as intent
    from manyclaw.audit.recording import record as record
    from manyclaw.audit.recording import tool_call as tool_call
    from manyclaw.audit.rounds import Round as Round
    from manyclaw.audit.rounds import every_owner as every_owner
    from manyclaw.audit.rounds import owners_in as owners_in
    from manyclaw.audit.rounds import seal_and_ship as seal_and_ship
    from manyclaw.audit.sealing import seal as seal
    from manyclaw.audit.sealing import seal_part as seal_part
    from manyclaw.audit.sealing_scope import SealingScopes as SealingScopes
    from manyclaw.audit.shipping import ship as ship
    from manyclaw.audit.verifying import Finding as Finding
    from manyclaw.audit.verifying import Verdict as Verdict
    from manyclaw.audit.verifying import verify as verify
else:
    __getattr__ = lazy(
        __name__,
        {
            "ACTIONS": "actions",
            "ACTORS": "actions",
            "Actor": "entries",
            "Filter": "reading",
            "Finding": "verifying",
            "Head": "chain",
            "Inbox": "entries",
            "Locked": "locked",
            "OPERATOR": "entries",
            "OUTCOMES": "actions",
            "Page": "reading",
            "Round": "rounds",
            "SYSTEM": "entries",
            "SealingScopes": "sealing_scope",
            "Verdict": "verifying",
            "act_as": "recording",
            "acting": "recording",
            "canonical": "entries",
            "chain_pk": "chain",
            "current_actor": "recording",
            "digest": "entries",
            "entry_sk": "chain",
            "every_owner": "rounds",
            "intent": "recording",
            "name_of": "entries",
            "owners_in": "rounds",
            "page": "reading",
            "read_head": "chain",
            "read_texts": "chain",
            "record": "recording",
            "seal": "sealing",
            "seal_and_ship": "rounds",
            "seal_part": "sealing",
            "ship": "shipping",
            "texts": "reading",
            "tool_call": "recording",
            "verify": "verifying",
            "entry": "recording",
        },
    )
