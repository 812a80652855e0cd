"""Who asks: the bearer token of a request, judged before anything else of it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from functions.api.acting import acting_of
from functions.api.problems import check_may_see, no_such_tenant
from functions.api.runtime import runtime
from manyclaw.access import Principal, Scope
from manyclaw.errors import BadInput, Forbidden, Refused
from manyclaw.tenancy import Tenant, TenantId

_bearer = HTTPBearer(
    auto_error=False, description="An API token: `tk_{tenant}_{32 hex}`, or an operator's `op_{32 hex}`."
)


def source_of(request: Request) -> str:
    """The caller's address as the HTTP API saw it; headers about it are the caller's own words."""
    return request.client.host if request.client else ""


def principal(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """Who asks. Raises ``Refused``, ``Throttled``."""
    if credentials is None:
        raise Refused("An API token is needed.", hint="Send it as `Authorization: Bearer tk_…`.")
    who = runtime().gate.identify(credentials.credentials, source_of(request))
    acting_of(request).token(who)
    return who


PrincipalParameter = Annotated[Principal, Depends(principal)]
TenantPath = Annotated[str, Path(description="The tenant's id.", max_length=64, examples=["customer-acme"])]


def visible(tenant: TenantPath, who: PrincipalParameter) -> Principal:
    """Who asks, if the tenant is any of their business. Raises ``NotFound``."""
    check_may_see(who, tenant)
    return who


def with_scope(scope: Scope) -> Callable[..., TenantId]:
    """A dependency that gives the tenant of the path to one who has ``scope`` there.

    A tenant's token is proof enough that the tenant is there: its tokens end before it does. For an operator's the
    registry is asked.
    """

    def found(tenant: TenantPath, who: Annotated[Principal, Depends(visible)]) -> TenantId:
        who.need(scope)
        return who.tenant or tenant_row(tenant).tenant

    return found


def any_token(tenant: TenantPath, _: Annotated[Principal, Depends(visible)]) -> Tenant:
    """The tenant of the path, for one who may see it. Raises ``NotFound``."""
    return tenant_row(tenant)


def tenant_row(tenant: str) -> Tenant:
    """The registry's row; an id that cannot be is a tenant that is not there. Raises ``NotFound``."""
    from manyclaw.errors import NotFound

    try:
        return runtime().registry.get(tenant)
    except (BadInput, NotFound):
        raise no_such_tenant(tenant) from None


def operator(who: PrincipalParameter) -> Principal:
    """Raises ``Forbidden`` for a tenant's token."""
    if not who.is_operator:
        raise Forbidden("This needs an operator's token.")
    return who


UsageOf = Annotated[TenantId, Depends(with_scope(Scope.USAGE_READ))]
ConfigOf = Annotated[TenantId, Depends(with_scope(Scope.CONFIG_WRITE))]
AnythingOf = Annotated[Tenant, Depends(any_token)]
