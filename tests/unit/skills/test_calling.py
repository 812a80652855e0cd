"""The agent's side of a call: what may go wrong between it and the function."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from manyclaw.errors import BadInput, Conflict, Unavailable
from manyclaw.skills import Caller, Installed, calling
from manyclaw.skills.calling import _Scratch
from tests.skills import bundle

SKILL = Installed("probe", "Tries.", "v", (), ())
SCOPE = cast("Any", SimpleNamespace(tenant="acme"))


class FakeLambda:
    """Gives or raises one outcome after the other, and notes what it was asked."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[dict[str, Any]] = []

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        self.asked.append({**arguments, "Payload": json.loads(arguments["Payload"])})
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return {"Payload": io.BytesIO(outcome)} if isinstance(outcome, bytes) else outcome


class Store:
    """One scratch folder; ``conflicts`` writes of it fail first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, conflicts: int = 0) -> None:
        self.kept = _Scratch()
        self.conflicts = conflicts
        monkeypatch.setattr(calling, "load_bundle", lambda scope, skill: bundle("pass", parameters="n: int = 0"))
        monkeypatch.setattr(calling, "_read", lambda scope, skill: self.kept)
        monkeypatch.setattr(calling, "_write", self.write)

    def write(self, scope: Any, skill: Any, before: _Scratch, answer: Any, call: str) -> None:
        if self.conflicts:
            self.conflicts -= 1
            raise Conflict("changed")
        self.kept = _Scratch("e", answer.scratch, {**before.calls, call: answer.text})


def _caller(fake: FakeLambda) -> Caller:
    clients = cast("Any", SimpleNamespace(impatient=lambda service, seconds: fake))
    settings = cast("Any", SimpleNamespace(skills_function="skills"))
    return Caller(clients, settings, sleep=lambda seconds: None)


def _answer(**values: Any) -> bytes:
    return json.dumps({"text": "", "error": "", "scratch": None, "log": "", "facts": {}, **values}).encode()


def test_the_call_goes_to_the_tenants_environment_with_all_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    Store(monkeypatch)
    fake = FakeLambda(_answer(text="x"))
    assert _caller(fake).call(SCOPE, SKILL, "probe", {"n": "3"}, "c").text == "x"
    (asked,) = fake.asked
    assert (asked["FunctionName"], asked["TenantId"]) == ("skills", "acme")
    assert asked["Payload"]["tenant"] == "acme"
    assert asked["Payload"]["arguments"] == {"n": 3}
    assert sorted(asked["Payload"]) == ["arguments", "files", "scratch", "secrets", "skill", "tenant", "tool"]


def test_arguments_that_do_not_fit_are_the_models_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    Store(monkeypatch)
    fake = FakeLambda()
    with pytest.raises(BadInput, match="n: "):
        _caller(fake).call(SCOPE, SKILL, "probe", {"n": "many"}, "c")
    assert fake.asked == []


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ({"FunctionError": "Unhandled", "Payload": io.BytesIO(b"{}")}, "broke its environment"),
        (ReadTimeoutError(endpoint_url="x"), "no answer in time"),
        (b"no json", "cannot be read"),
        (b"[]", "cannot be read"),
        (b'{"text": 5}', "cannot be read"),
        (json.dumps({"text": "x", "scratch": "x" * 5_000_000}).encode(), "cannot be read"),
    ],
)
def test_what_the_environment_does_is_the_tools_failure(
    monkeypatch: pytest.MonkeyPatch, outcome: Any, said: str
) -> None:
    store = Store(monkeypatch)
    answer = _caller(FakeLambda(outcome)).call(SCOPE, SKILL, "probe", {}, "c")
    assert said in answer.error
    assert store.kept == _Scratch()


def test_a_busy_platform_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    Store(monkeypatch)
    busy = ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
    with pytest.raises(Unavailable):
        _caller(FakeLambda(busy)).call(SCOPE, SKILL, "probe", {}, "c")


def test_a_folder_that_changed_meanwhile_is_worked_on_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(monkeypatch, conflicts=2)
    fake = FakeLambda(*[_answer(text="x", scratch="eA==")] * 3)
    assert _caller(fake).call(SCOPE, SKILL, "probe", {}, "c").text == "x"
    assert (len(fake.asked), store.kept.calls) == (3, {"c": "x"})
    # And one that always changes is given up with a sentence
    store.conflicts = 99
    fake = FakeLambda(*[_answer(text="x", scratch="eA==")] * 5)
    assert "busy" in _caller(fake).call(SCOPE, SKILL, "probe", {}, "d").error


def test_a_failed_call_and_a_trial_keep_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(monkeypatch)
    failed = FakeLambda(_answer(error="no", scratch="eA=="))
    assert _caller(failed).call(SCOPE, SKILL, "probe", {}, "c").error == "no"
    trial = FakeLambda(_answer(text="x", scratch="eA=="))
    assert _caller(trial).call(SCOPE, SKILL, "probe", {}, "c", keep=False).text == "x"
    assert store.kept == _Scratch()
