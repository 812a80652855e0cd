"""The shortcut past botocore's parser, held against that parser."""

from __future__ import annotations

import json
from typing import Any

from botocore.parsers import create_parser
from botocore.session import get_session

from manyclaw.aws import _parse_plainly

ITEM = {
    "pk": {"S": "acme#USAGE"},
    "requests": {"N": "7"},
    "cost_usd": {"N": "0.045768"},
    "hold#1": {"M": {"n": {"N": "1"}, "usd": {"N": "0.1"}}},
    "told": {"SS": ["tokens_per_day", "cost_per_day_usd"]},
    "more": {"L": [{"BOOL": True}, {"NULL": True}, {"S": "ü"}]},
}


def _parsed(status: int, body: dict[str, Any], *, plainly: bool) -> Any:
    response: dict[str, Any] = {"status_code": status, "headers": {}, "body": json.dumps(body).encode()}
    found: dict[str, Any] = {}
    if plainly:
        _parse_plainly(response, found)
    shape = get_session().get_service_model("dynamodb").operation_model("Query").output_shape
    assert shape is not None
    return {**create_parser("json").parse(response, shape), **found}


def test_a_querys_answer_is_read_as_botocore_reads_it() -> None:
    last = {"pk": {"S": "acme#USAGE"}, "sk": {"S": "x"}}
    for body in (
        {"Items": [ITEM, {}], "Count": 2, "ScannedCount": 2, "LastEvaluatedKey": last},
        {"Items": [], "Count": 0, "ScannedCount": 0},
    ):
        assert _parsed(200, body, plainly=True) == _parsed(200, body, plainly=False)


def test_a_refusal_stays_one() -> None:
    body = {"__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException", "message": "no"}
    assert _parsed(400, body, plainly=True) == _parsed(400, body, plainly=False)
