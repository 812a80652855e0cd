"""Who a tenant is, what only it can reach, and how its bot is configured."""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.tenancy.documents import InvalidDocument as InvalidDocument
    from manyclaw.tenancy.documents import Problem as Problem
    from manyclaw.tenancy.documents import parse as parse
    from manyclaw.tenancy.erasure import ErasureReport as ErasureReport
    from manyclaw.tenancy.erasure import erase as erase
    from manyclaw.tenancy.gateway import GatewayConfig as GatewayConfig
    from manyclaw.tenancy.gateway import ModelInfo as ModelInfo
    from manyclaw.tenancy.gateway import Rates as Rates
    from manyclaw.tenancy.gateway import parse_gateway_config as parse_gateway_config
    from manyclaw.tenancy.gateway_store import load_gateway_config as load_gateway_config
    from manyclaw.tenancy.gateway_store import read_gateway_config as read_gateway_config
    from manyclaw.tenancy.gateway_store import save_gateway_config as save_gateway_config
    from manyclaw.tenancy.gateway_table import ACCESS_PARTITION as ACCESS_PARTITION
    from manyclaw.tenancy.gateway_table import MEMORY_PARTITION as MEMORY_PARTITION
    from manyclaw.tenancy.gateway_table import GatewayTable as GatewayTable
    from manyclaw.tenancy.gateway_table import held as held
    from manyclaw.tenancy.ids import TenantId as TenantId
    from manyclaw.tenancy.ids import tenant_id as tenant_id
    from manyclaw.tenancy.objects import StoredText as StoredText
    from manyclaw.tenancy.objects import read_text as read_text
    from manyclaw.tenancy.objects import write_text as write_text
    from manyclaw.tenancy.overlay import McpServer as McpServer
    from manyclaw.tenancy.overlay import Overlay as Overlay
    from manyclaw.tenancy.overlay import check_overlay as check_overlay
    from manyclaw.tenancy.overlay import parse_overlay as parse_overlay
    from manyclaw.tenancy.overlay_store import LoadedOverlay as LoadedOverlay
    from manyclaw.tenancy.overlay_store import load_overlay as load_overlay
    from manyclaw.tenancy.overlay_store import read_overlay as read_overlay
    from manyclaw.tenancy.overlay_store import refuse_overlay as refuse_overlay
    from manyclaw.tenancy.overlay_store import replace_overlay as replace_overlay
    from manyclaw.tenancy.overlay_store import save_overlay as save_overlay
    from manyclaw.tenancy.registry import Registry as Registry
    from manyclaw.tenancy.registry import Tenant as Tenant
    from manyclaw.tenancy.registry import TenantPage as TenantPage
    from manyclaw.tenancy.registry import serving_status as serving_status
    from manyclaw.tenancy.registry import utc_now as utc_now
    from manyclaw.tenancy.removal import remove_objects as remove_objects
    from manyclaw.tenancy.removal import remove_rows as remove_rows
    from manyclaw.tenancy.removal import row_keys as row_keys
    from manyclaw.tenancy.removal import strip_rows as strip_rows
    from manyclaw.tenancy.scope import Key as Key
    from manyclaw.tenancy.scope import ScopeFactory as ScopeFactory
    from manyclaw.tenancy.scope import TenantScope as TenantScope
    from manyclaw.tenancy.secrets import TELEGRAM_TOKEN as TELEGRAM_TOKEN
    from manyclaw.tenancy.secrets import TELEGRAM_WEBHOOK_SECRET as TELEGRAM_WEBHOOK_SECRET
    from manyclaw.tenancy.secrets import delete_secret as delete_secret
    from manyclaw.tenancy.secrets import get_secret as get_secret
    from manyclaw.tenancy.secrets import put_secret as put_secret
else:
    __getattr__ = lazy(
        __name__,
        {
            "ACCESS_PARTITION": "gateway_table",
            "MEMORY_PARTITION": "gateway_table",
            "TELEGRAM_TOKEN": "secrets",
            "TELEGRAM_WEBHOOK_SECRET": "secrets",
            "ErasureReport": "erasure",
            "GatewayConfig": "gateway",
            "GatewayTable": "gateway_table",
            "InvalidDocument": "documents",
            "Key": "scope",
            "LoadedOverlay": "overlay_store",
            "McpServer": "overlay",
            "ModelInfo": "gateway",
            "Overlay": "overlay",
            "Problem": "documents",
            "Rates": "gateway",
            "Registry": "registry",
            "ScopeFactory": "scope",
            "StoredText": "objects",
            "Tenant": "registry",
            "TenantId": "ids",
            "TenantPage": "registry",
            "TenantScope": "scope",
            "check_overlay": "overlay",
            "delete_secret": "secrets",
            "erase": "erasure",
            "get_secret": "secrets",
            "held": "gateway_table",
            "load_gateway_config": "gateway_store",
            "load_overlay": "overlay_store",
            "parse": "documents",
            "parse_gateway_config": "gateway",
            "parse_overlay": "overlay",
            "put_secret": "secrets",
            "read_gateway_config": "gateway_store",
            "read_overlay": "overlay_store",
            "refuse_overlay": "overlay_store",
            "replace_overlay": "overlay_store",
            "read_text": "objects",
            "remove_objects": "removal",
            "remove_rows": "removal",
            "row_keys": "removal",
            "save_gateway_config": "gateway_store",
            "save_overlay": "overlay_store",
            "serving_status": "registry",
            "strip_rows": "removal",
            "tenant_id": "ids",
            "utc_now": "registry",
            "write_text": "objects",
        },
    )
