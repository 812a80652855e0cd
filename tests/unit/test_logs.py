"""No secret in a log line, an error or a repr, whatever library it comes from."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from manyclaw.errors import BadInput
from manyclaw.logs import UnexpectedError, configure_logging, fields, guarded, redact
from manyclaw.telegram import Bot, TelegramUnavailable

ROOT = Path(__file__).resolve().parents[2]
BOT_TOKEN = "7712345678:AAF-b3xY_0123456789abcdefghijklmnop"
ANTHROPIC_KEY = "sk-ant-api03-abcDEF_123-456"
WEBHOOK_SECRET = "q7Xv0dJp-3nB_4sKf9Lm2Tz8RyWc1Ue6Ho5Ai0GgQbE"
SECRETS = {
    "bot token": BOT_TOKEN,
    "Anthropic key": ANTHROPIC_KEY,
    "API token": "tk_customer-acme_0123456789abcdef0123456789abcdef",
    "operator token": "op_0123456789abcdef0123456789abcdef",
    "AWS key id": "ASIAIOSFODNN7EXAMPLE",
}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the product's logger writes."""
    logger = configure_logging()
    stream = io.StringIO()
    handler = next(each for each in logger.handlers if getattr(each, "of_manyclaw", False))
    before = handler.setStream(stream)  # type: ignore[attr-defined]
    yield stream
    handler.setStream(before or sys.stderr)  # type: ignore[attr-defined]


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_what_looks_like_a_secret_is_redacted_wherever_it_stands(secret: str) -> None:
    for text in (
        secret,
        f"https://api.telegram.org/bot{secret}/getMe",
        f"'{secret}'",
        json.dumps({"a": secret}),
        f"({secret})",
    ):
        assert secret not in redact(text)
        assert "[redacted]" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "X-Telegram-Bot-Api-Secret-Token: {}",
        "{{'x-telegram-bot-api-secret-token': '{}'}}",
        '{{"secret_token": "{}"}}',
        '{{\\"secret_token\\": \\"{}\\"}}',
        "('authorization_token', '{}')",
        "x-api-key={}",
        "(b'x-api-key', b'{}')",
        "Authorization: Bearer {}",
        "https://s3.amazonaws.com/x?X-Amz-Security-Token={}&a=b",
        "SessionToken='{}'",
        "'SecretAccessKey': '{}'",
        "Cookie: {}; a=b",
        "set-cookie: {}; Path=/",
        "password={}",
        "tgWebAppData={}",
    ],
)
def test_what_is_named_like_a_secret_is_redacted(text: str) -> None:
    assert WEBHOOK_SECRET not in redact(text.format(WEBHOOK_SECRET))


def test_plain_lines_stay_as_they_are() -> None:
    for text in ("turn customer-acme 7712345678-12 delivered", '{"tokens": 12, "input_tokens": 3}', "cookies are set"):
        assert redact(text) == text


def test_exceptions_of_libraries_are_logged_without_what_they_hold(lines: io.StringIO) -> None:
    # Given errors that real libraries raise with the URL in them
    log = logging.getLogger("manyclaw.test")
    url = f"http://127.0.0.1:9/bot{BOT_TOKEN}/getMe"
    for retries in (False, 0):
        try:
            urllib3.PoolManager().request("GET", url, retries=retries, headers={"x-api-key": ANTHROPIC_KEY})
        except urllib3.exceptions.HTTPError as error:
            log.exception("failed", extra=fields(error=str(error), what=repr(error)))
    try:
        raise ValueError(f"headers were {{'X-Telegram-Bot-Api-Secret-Token': '{WEBHOOK_SECRET}'}}")
    except ValueError:
        log.exception("failed")
    written = lines.getvalue()
    assert "MaxRetryError" in written
    assert "Traceback" in written
    assert not [each for each in (BOT_TOKEN, ANTHROPIC_KEY, WEBHOOK_SECRET) if each in written]


def test_the_errors_of_calls_hold_no_secret_and_no_cause() -> None:
    import anthropic

    from manyclaw.agent.model import ModelBusy, ask

    bot = Bot("http://127.0.0.1:9", BOT_TOKEN)
    with pytest.raises(TelegramUnavailable) as failed:
        bot.call("getMe")
    assert BOT_TOKEN not in repr(failed.value) + str(failed.value) + repr(bot)
    assert failed.value.__suppress_context__
    request = {"model": "claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    with pytest.raises(ModelBusy) as busy:
        ask("http://127.0.0.1:9", ANTHROPIC_KEY, request, lambda: 600.0)
    assert ANTHROPIC_KEY not in repr(busy.value)
    assert busy.value.__suppress_context__
    assert ANTHROPIC_KEY not in repr(anthropic.Anthropic(api_key=ANTHROPIC_KEY))


def test_what_libraries_log_themselves_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    # Given a handler on the root logger, as Lambda's runtime puts there, and urllib3 logging all that it does
    root, stream = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(stream)
    root.addHandler(handler)
    ours = logging.getLogger("manyclaw")
    kept, ours.handlers = ours.handlers, []
    library = logging.getLogger("urllib3")
    library.setLevel(logging.DEBUG)
    try:
        configure_logging()
        with pytest.raises(urllib3.exceptions.HTTPError):
            urllib3.PoolManager().request("GET", f"http://127.0.0.1:9/bot{BOT_TOKEN}/getMe", retries=1)
    finally:
        library.setLevel(logging.NOTSET)
        root.removeHandler(handler)
        ours.handlers = kept
    assert "Retrying" in stream.getvalue()
    assert BOT_TOKEN not in stream.getvalue()


def test_an_unforeseen_error_leaves_a_function_by_its_name_alone(lines: io.StringIO) -> None:
    @guarded
    def handler(event: str, context: object) -> str:
        if event == "ours":
            raise BadInput("That is wrong.")
        raise KeyError(f"https://api.telegram.org/bot{BOT_TOKEN}/getMe")

    with pytest.raises(UnexpectedError) as unexpected:
        handler("theirs", None)
    assert str(unexpected.value) == "KeyError"
    assert unexpected.value.__suppress_context__
    assert "KeyError" in lines.getvalue()
    assert BOT_TOKEN not in lines.getvalue()
    with pytest.raises(BadInput):
        handler("ours", None)


def test_every_handler_is_guarded_but_the_one_without_secrets_of_ours() -> None:
    for path in (ROOT / "functions").glob("*/app.py"):
        handler = next(
            node
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef) and node.name == "handler"
        )
        names = [each.id for each in handler.decorator_list if isinstance(each, ast.Name)]
        assert names == ([] if path.parent.name == "skills" else ["guarded"]), path


def test_no_dataclass_shows_a_secret_in_its_repr() -> None:
    words = ("token", "secret", "password", "credential", "api_key", "admin_key")
    shown = []
    for path in [
        *(ROOT / "shared/manyclaw").rglob("*.py"),
        *(ROOT / "functions").rglob("*.py"),
        *(ROOT / "cli").rglob("*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ClassDef) or not any(
                "dataclass" in ast.unparse(each) for each in node.decorator_list
            ):
                continue
            if any("repr=False" in ast.unparse(each) for each in node.decorator_list):
                continue
            for each in node.body:
                if not isinstance(each, ast.AnnAssign) or "repr=False" in ast.unparse(each):
                    continue
                name, kind = ast.unparse(each.target), ast.unparse(each.annotation)
                if any(word in name for word in words) and "str" in kind:
                    shown.append(f"{path.relative_to(ROOT)}: {node.name}.{name}")
    assert sorted(shown) == NO_SECRETS


NO_SECRETS = [
    "shared/manyclaw/access/gate.py: Principal.token_sha256",
    "shared/manyclaw/access/web_sessions.py: WebSession.token_sha256",
    "shared/manyclaw/skills/index.py: Installed.secrets",
    "shared/manyclaw/telegram/intake.py: _Pairing.secret_sha256",
    "shared/manyclaw/tenancy/erasure.py: ErasureReport.secrets",
]
"""Fields that are named like a secret and hold none: hashes, and secrets' names."""
