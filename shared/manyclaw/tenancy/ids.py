"""Tenant ids: the one border where a name becomes a tenant."""

from __future__ import annotations

import re
from typing import NewType

from manyclaw.errors import BadInput

TenantId = NewType("TenantId", str)
"""An id that passed :func:`tenant_id`. It can hold no ``/`` or ``#``, so no tenant's prefix is another's."""

_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def tenant_id(value: object) -> TenantId:
    """``value`` as a tenant id.

    Raises
    ------
    BadInput
        It does not match ``^[a-z0-9][a-z0-9-]{0,31}$``.
    """
    if not isinstance(value, str) or not _PATTERN.fullmatch(value):
        raise BadInput(
            f"{str(value)[:64]!r} is not a tenant id.",
            hint="Use 1 to 32 lower-case letters, digits and hyphens, beginning with a letter or digit.",
        )
    return TenantId(value)
