"""Who asks over HTTP, and what they may: API tokens, dashboard sessions, and the brake on guessing."""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.access.gate import Gate as Gate
    from manyclaw.access.gate import Principal as Principal
    from manyclaw.access.throttle import Throttle as Throttle
    from manyclaw.access.tokens import Scope as Scope
    from manyclaw.access.tokens import Token as Token
    from manyclaw.access.tokens import Tokens as Tokens
    from manyclaw.access.tokens import parse_scopes as parse_scopes
    from manyclaw.access.web_sessions import WebSession as WebSession
    from manyclaw.access.web_sessions import WebSessions as WebSessions
    from manyclaw.access.web_sessions import csrf_token as csrf_token
else:
    __getattr__ = lazy(
        __name__,
        {
            "Gate": "gate",
            "Principal": "gate",
            "Scope": "tokens",
            "Throttle": "throttle",
            "Token": "tokens",
            "Tokens": "tokens",
            "WebSession": "web_sessions",
            "WebSessions": "web_sessions",
            "csrf_token": "web_sessions",
            "parse_scopes": "tokens",
        },
    )
