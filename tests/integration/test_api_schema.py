"""The OpenAPI document held against the deployed function by schemathesis: no 5xx, and nothing undocumented."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.integration.test_api import token
from tests.integration.world import Customer, World

pytestmark = pytest.mark.integration

EXAMPLES = 15
_BEYOND_A_SCHEMA = [positive_data_acceptance]
"""That a cursor is one of ours, a period not upside down, an ETag the present one: no schema can say so."""


@pytest.fixture(scope="module")
def tenant(shared_world: World) -> Customer:
    return shared_world.customer()


@pytest.fixture(scope="module")
def tokens(shared_world: World, tenant: Customer) -> dict[str, str]:
    scopes = ("usage:read", "config:write", "cron:write", "audit:read")
    return {"tenant": token(shared_world, tenant.id, *scopes), "operator": token(shared_world, None)}


@pytest.fixture(scope="module")
def document(shared_world: World) -> Any:
    return schemathesis.openapi.from_url(f"{shared_world.stack['front_door']}/v1/openapi.json")


def _operations(document: Any) -> list[Any]:
    return [result.ok() for result in document.get_all_operations()]


def _try(operation: Any, bearer: str, tenant: str) -> set[int]:
    """Requests of every kind, good and bad; gives the statuses that came back."""
    seen: set[int] = set()

    # the phases that only explain or shrink would repeat requests for nothing
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
    )
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        if case.path_parameters and len(seen) != 1:  # mostly the tenant itself: the rest is 404 and says little
            case.path_parameters["tenant"] = tenant
            if "job" in case.path_parameters:
                case.path_parameters["job"] = "friday-digest"
        response = case.call(headers={"Authorization": f"Bearer {bearer}"})
        seen.add(response.status_code)
        case.validate_response(response, excluded_checks=_BEYOND_A_SCHEMA)

    check()
    return seen


def test_no_request_ends_in_an_error_of_ours(document: Any, tokens: dict[str, str], tenant: Customer) -> None:
    operations = _operations(document)
    assert len(operations) >= 8
    for operation in operations:
        bearer = tokens["operator" if "operator" in operation.path else "tenant"]
        seen = _try(operation, bearer, tenant.id)
        assert max(seen) < 500, operation.label
        assert min(seen) < 300 or operation.method.upper() == "PUT", (operation.label, seen)
