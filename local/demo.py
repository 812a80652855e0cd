"""`python -m local.demo`: two customers' bots at work on the embedded stack, and proof that neither knows the other.

One person talks to both bots, each in a fresh chat, and tells each a secret word of its own. The updates go the whole
way: the simulated Telegram posts them to the webhook, they pass the queue and the agent, and the answer comes back by
sendMessage. Then the money is counted (each tenant's day counters against what the model served) and the isolation is
checked (no word of one tenant in any model request of the other; the one's session is refused the other's data).
Exit code 0 only if all of it held.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import typer
import urllib3

from cli.context import Operator
from cli.health import health
from cli.stage import ROOT, load_stage, local_stage, stack_file
from local.demo_checks import Spent, refused_reads, served_by_model, strangers_words
from local.seed.plant import SEED_TENANTS
from manyclaw.billing import usage_by_day
from manyclaw.errors import ManyclawError, Misconfigured, NotFound, Unavailable
from manyclaw.telegram import load_pairing
from manyclaw.tenancy import TenantScope, load_overlay

ANSWER_SECONDS = 60.0
_WORDS = ("saffron", "walrus", "meridian", "obsidian", "lantern", "juniper", "cobalt", "harvest", "pelican", "quartz")


@dataclass
class Actor:
    """A tenant in the demo: its bot, its secret word, the day counters before, and what was said."""

    scope: TenantScope
    name: str
    username: str
    word: str
    before: Spent
    prompt: str = ""
    said: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    @property
    def tenant(self) -> str:
        return self.scope.tenant

    @property
    def texts(self) -> set[str]:
        """What is this tenant's alone to know: its prompt's lines, what was said to it, its word."""
        lines = {line.strip() for line in self.prompt.splitlines()}
        return {text for text in lines | set(self.said) | {self.word} if len(text) > 5}


class Simulators:
    """The two simulators' control routes."""

    def __init__(self, telegram: str, model: str) -> None:
        self._telegram = telegram
        self._model = model

    def say(self, bot: str, chat: int, text: str) -> int:
        """A person's message; gives its message id."""
        body = {"bot": bot, "text": text, "from": {"id": chat, "first_name": "Dana"}}
        return int(_call("POST", f"{self._telegram}/_sim/chats/{chat}/messages", body)["message_id"])

    def answers_after(self, bot: str, chat: int, message_id: int) -> list[str]:
        """What the bot has said since."""
        found = _call("GET", f"{self._telegram}/_sim/chats/{chat}/messages?bot={bot}")["messages"]
        return [each["text"] for each in found if each["from_bot"] and each["message_id"] > message_id]

    def model_calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Every call that the model has served after number ``since``."""
        found: list[dict[str, Any]] = _call("GET", f"{self._model}/_sim/log?since={since}")
        return found


def _call(method: str, url: str, body: dict[str, Any] | None = None) -> Any:
    try:
        answer = urllib3.request(method, url, json=body, retries=False, timeout=10.0)
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"{url} did not answer ({type(error).__name__}).") from None
    if answer.status != 200:
        raise Unavailable(f"{url} answered {answer.status}: {answer.data[:200].decode(errors='replace')}")
    return json.loads(answer.data)


@contextmanager
def running_stack() -> Iterator[dict[str, Any]]:
    """The embedded stack: the one that runs, or one that is started for the demo and stopped after it."""
    mine = not _is_up()
    if mine:
        typer.echo("The stack is not up; starting it …")
        subprocess.run([sys.executable, "-m", "local.dev", "--detach"], cwd=ROOT, check=True)
    try:
        yield stack_file()
    finally:
        if mine:
            subprocess.run([sys.executable, "-m", "local.dev", "--down"], cwd=ROOT, check=False)


def _is_up() -> bool:
    try:
        return health(load_stage("local")) == "ok"
    except NotFound:
        return False


def cast_actors(operator: Operator) -> list[Actor]:
    """The two sample tenants with a word each. Raises ``NotFound`` or ``Misconfigured`` when one cannot take part."""
    words = secrets.SystemRandom().sample(_WORDS, len(SEED_TENANTS))
    actors = []
    for wanted, word in zip(SEED_TENANTS, words, strict=True):
        tenant = operator.registry.get(wanted.tenant)
        scope = operator.scopes.open(tenant.tenant)
        pairing = load_pairing(scope)
        if tenant.status != "active" or pairing is None:
            raise Misconfigured(
                f"Tenant {tenant.tenant} is {tenant.status} and {'paired' if pairing else 'not paired'}.",
                hint="The demo needs it active and paired with a bot of the simulated Telegram.",
            )
        spelled = f"{word}-{secrets.token_hex(3)}"
        prompt = load_overlay(scope, operator.gateway, operator.tools_of(scope)).overlay.system_prompt
        name = tenant.display_name or tenant.tenant
        actors.append(Actor(scope, name, pairing.username, spelled, _spent(scope), prompt))
    return actors


def _spent(scope: TenantScope) -> Spent:
    """The sum of the tenant's counters of yesterday and today (UTC): the demo may run over midnight."""
    today = datetime.now(UTC).date()
    days = usage_by_day(scope, today - timedelta(days=1), today)
    spent = Spent()
    for day in days:
        spent += Spent(day.requests, day.tokens, day.cost_usd)
    return spent


def converse(simulators: Simulators, actors: list[Actor]) -> None:
    """The same person writes the same three messages to each bot, with another word; both bots work at once."""
    chat = secrets.randbelow(10**9) + 10**9
    lines: tuple[Callable[[Actor], str], ...] = (
        lambda actor: f"Hello {actor.name}, who are you?",
        lambda actor: f"Remember that my secret word is {actor.word}.",
        lambda actor: "Which secret word did I tell you? Please recall it.",
    )
    with ThreadPoolExecutor(len(actors)) as pool:
        for line in lines:
            texts = [line(actor) for actor in actors]
            answers = pool.map(_exchange, [simulators] * len(actors), actors, [chat] * len(actors), texts)
            for actor, text, answer in zip(actors, texts, answers, strict=True):
                actor.said.append(text)
                actor.answers.append(answer)
                typer.echo(f"\n  {typer.style(actor.tenant, fg='cyan')}  Dana: {text}")
                typer.echo(f"  {'':{len(actor.tenant)}}  @{actor.username}: {answer}")


def _exchange(simulators: Simulators, actor: Actor, chat: int, text: str) -> str:
    message_id = simulators.say(actor.username, chat, text)
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        answers = simulators.answers_after(actor.username, chat, message_id)
        if answers:
            return " ".join(answers)
        time.sleep(0.02)
    raise Unavailable(f"@{actor.username} did not answer within {ANSWER_SECONDS:.0f} s.")


def prove(operator: Operator, actors: list[Actor], calls: list[dict[str, Any]]) -> list[str]:
    """Print what was used and check everything; gives what did not hold."""
    failures: list[str] = []

    def check(claim: str, problems: list[str]) -> None:
        typer.echo(f"  {typer.style('FAILED', fg='red') if problems else typer.style('ok', fg='green')}  {claim}")
        failures.extend(f"{claim}: {problem}" for problem in problems)

    typer.echo("\nUsage of this run")
    for actor in actors:
        used, served = _spent(actor.scope) - actor.before, served_by_model(calls, actor.username, operator.gateway)
        typer.echo(f"  {actor.tenant:<16} {used}")
        wrong = [] if used == served and used.requests else [f"the counters say {used}, the model served {served}"]
        check(f"{actor.tenant}'s counters equal what the model served", wrong)
    typer.echo("\nIsolation")
    for actor, other in zip(actors, reversed(actors), strict=True):
        recalled = actor.answers[-1]
        check(f"{actor.tenant}'s bot knew its word", [] if actor.word in recalled else [f"it said {recalled!r}"])
        spoken = " ".join(actor.answers)
        check(f"… and not {other.tenant}'s", [f"it said {spoken!r}"] if other.word in spoken else [])
        found = strangers_words(calls, actor.username, other.texts - actor.texts)
        check(f"no text of {other.tenant} is in a model request of {actor.tenant}", found)
        check(f"{actor.tenant}'s session is refused {other.tenant}'s data", refused_reads(actor.scope, other.scope))
    return failures


def run(stack: dict[str, Any]) -> list[str]:
    """The whole demo on a running stack; gives what did not hold."""
    if not (stack["telegram_is_simulated"] and stack["anthropic_is_simulated"]):
        raise Misconfigured(
            "The demo needs both simulators, and this stack talks to other servers.",
            hint="Run it without TELEGRAM_API_URL, ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY, "
            "or beside it: MANYCLAW_STATE=.manyclaw-demo MANYCLAW_PORT=8788 make demo.",
        )
    operator = Operator(local_stage(stack))
    simulators = Simulators(str(stack["telegram_api_url"]), str(stack["anthropic_base_url"]))
    actors = cast_actors(operator)
    last = max((call["n"] for call in simulators.model_calls()), default=0)
    typer.echo("Conversation (the same person, two bots)")
    converse(simulators, actors)
    return prove(operator, actors, simulators.model_calls(last))


def main() -> int:
    """The command; its exit code."""
    started = time.monotonic()
    try:
        with running_stack() as stack:
            failures = run(stack)
    except ManyclawError as error:
        failures = [str(error)]
    except subprocess.CalledProcessError:
        failures = ["the stack did not start"]
    for failure in failures:
        typer.echo(f"{typer.style('error:', fg='red', bold=True)} {failure}", err=True)
    if not failures:
        typer.echo(f"\nAll of it held ({time.monotonic() - started:.1f} s).")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
