"""The OpenAPI document held against the deployed function by schemathesis: no 5xx, and nothing undocumented."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.integration.test_api import token
from tests.integration.world import Customer, World

pytestmark = pytest.mark.integration

EXAMPLES = 15


@pytest.fixture(scope="module")
def tenant(shared_world: World) -> Customer:
    return shared_world.customer()


@pytest.fixture(scope="module")
def tokens(shared_world: World, tenant: Customer) -> dict[str, str]:
    scopes = ("usage:read", "config:write")
    return {"tenant": token(shared_world, tenant.id, *scopes), "operator": token(shared_world, None)}


@pytest.fixture(scope="module")
def document(shared_world: World) -> Any:
    return schemathesis.openapi.from_url(f"{shared_world.stack['front_door']}/v1/openapi.json")


def _operations(document: Any) -> list[Any]:
    return [result.ok() for result in document.get_all_operations()]


def test_no_request_ends_in_an_error_of_ours(document: Any, tokens: dict[str, str], tenant: Customer) -> None:
    operations = _operations(document)
    assert len(operations) >= 8
    for operation in operations:
        strategy = operation.as_strategy()
        bearer = tokens["operator" if "operator" in operation.path else "tenant"]
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
        @given(case=strategy)
        def check(case: Any, bearer: str = bearer, seen: set[int] = seen) -> None:
            if "tenant" in (case.path_parameters or {}):
                case.path_parameters["tenant"] = tenant.id
            response = case.call(headers={"Authorization": f"Bearer {bearer}"})
            seen.add(response.status_code)
            case.validate_response(response, excluded_checks=EXCLUDED)

        check()
        assert max(seen) < 500, operation.label


EXCLUDED: list[Any] = []
