"""Remote MCP servers: their tokens, and how they stand in a request to the model."""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.mcp.connector import BETA as BETA
    from manyclaw.mcp.connector import Toolset as Toolset
    from manyclaw.mcp.connector import connected as connected
    from manyclaw.mcp.connector import is_about_mcp as is_about_mcp
    from manyclaw.mcp.connector import mcp_uses as mcp_uses
    from manyclaw.mcp.connector import toolsets as toolsets
    from manyclaw.mcp.connector import without_servers as without_servers
    from manyclaw.mcp.listing import list_tools as list_tools
    from manyclaw.mcp.tokens import MCP_ROW as MCP_ROW
    from manyclaw.mcp.tokens import StoredToken as StoredToken
    from manyclaw.mcp.tokens import forget_token as forget_token
    from manyclaw.mcp.tokens import forget_tokens as forget_tokens
    from manyclaw.mcp.tokens import list_tokens as list_tokens
    from manyclaw.mcp.tokens import read_token as read_token
    from manyclaw.mcp.tokens import store_token as store_token
else:
    __getattr__ = lazy(
        __name__,
        {
            "BETA": "connector",
            "MCP_ROW": "tokens",
            "StoredToken": "tokens",
            "Toolset": "connector",
            "connected": "connector",
            "forget_token": "tokens",
            "forget_tokens": "tokens",
            "is_about_mcp": "connector",
            "list_tokens": "tokens",
            "list_tools": "listing",
            "mcp_uses": "connector",
            "read_token": "tokens",
            "store_token": "tokens",
            "toolsets": "connector",
            "without_servers": "connector",
        },
    )
