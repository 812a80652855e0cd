"""The dashboard in Chromium: sign in, the API's numbers, the quota's bar, sign out, another tenant's page refused.

``MANYCLAW_SCREENSHOTS=docs/images`` also writes the documentation's pictures.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from manyclaw import audit
from manyclaw.billing import Allowance, Limits, set_limits
from manyclaw.telegram import Bot, dashboard_address, offer_dashboard
from manyclaw.tenancy import save_overlay
from tests.integration.spending import spend_days
from tests.integration.test_api import Api, api, token
from tests.integration.world import Customer, Person, World

pytestmark = pytest.mark.e2e

OWNER = 4711
MODELS = ("claude-haiku-4-5", "claude-sonnet-4-6")


@pytest.fixture(scope="module")
def acme(shared_world: World) -> Customer:
    """A tenant with a month and a half behind it, limits, and an owner."""
    customer = shared_world.customer(f"owners: [{OWNER}]\n")
    operator = shared_world.operator
    operator.table.merge(f"TENANT#{customer.id}", {"display_name": "Acme Restaurants"})
    spend_days(customer.scope, operator.gateway, 45, models=MODELS, users=13)
    limits = Allowance(tokens_per_day=5_000_000, cost_per_day_usd=Decimal(3), requests_per_minute=60)
    set_limits(operator.table, customer.scope, Limits(tenant=limits))
    return customer


def door(world: World) -> str:
    return f"{world.stack['front_door']}/dashboard"


def sign_in(page: Page, world: World, secret: str) -> None:
    page.goto(door(world))
    page.get_by_label("API token").fill(secret)
    page.get_by_role("button", name="Sign in").click()


def exact(page: Page, selector: str) -> str:
    """The exact amount that an element shows rounded."""
    value = page.locator(f"{selector} data").first.get_attribute("value")
    assert value is not None
    return value


def photograph(page: Page, name: str) -> None:
    folder = os.environ.get("MANYCLAW_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def check_numbers(page: Page, ask: Api, tenant: str) -> None:
    """What the page shows is what the API says, to the last digit."""
    today = datetime.now(UTC).date()
    path = f"/v1/tenants/{tenant}/usage?from={today.replace(day=1)}&to={today}&group_by="
    for kind, table, rows in (
        ("day", "#days", 31),
        ("model", "#by-model", 9),
        ("user", "#by-user", 10),
        ("source", "#by-source", 9),
    ):
        answer: Any = ask.json(path + kind)
        assert exact(page, "#total-cost") == answer["totals"]["cost"]
        assert exact(page, "#total-requests") == str(answer["totals"]["requests"])
        assert exact(page, "#total-tokens") == str(answer["totals"]["tokens"]["total"])
        for row in answer["rows"][:rows] if kind != "day" else answer["rows"]:
            assert exact(page, f'{table} tr[data-key="{row["key"]}"] .cost') == row["cost"]
    for quota in ask.json(f"/v1/tenants/{tenant}/quota")["quota"]:
        assert exact(page, f"#quota-{quota['name']} .used") == quota["used"]
        assert exact(page, f"#quota-{quota['name']} .left") == quota["remaining"]


def test_an_owner_signs_in_reads_the_apis_numbers_and_signs_out(world: World, page: Page, acme: Customer) -> None:
    # Given an owner with a token
    ask = api(world, acme.id)
    sign_in(page, world, ask.token)
    # Then their page has the API's numbers
    expect(page).to_have_url(f"{door(world)}/t/{acme.id}")
    expect(page.get_by_role("heading", name="Acme Restaurants")).to_be_visible()
    check_numbers(page, ask, acme.id)
    # and the quota's bar is as long as the quota is used
    quota = {row["name"]: row for row in ask.json(f"/v1/tenants/{acme.id}/quota")["quota"]}["tokens_per_day"]
    filled = 100 * int(quota["used"]) / int(quota["limit"])
    bar = page.get_by_role("progressbar", name="Tokens today")
    assert float(bar.get_attribute("aria-valuenow") or -1) == pytest.approx(filled, abs=0.06)
    whole, fill = bar.bounding_box(), bar.locator(".fill").bounding_box()
    assert whole is not None
    assert fill is not None
    assert fill["width"] / whole["width"] * 100 == pytest.approx(filled, abs=0.5)
    expect(page.locator("#quota-tokens_per_day time")).to_have_text("00:00 UTC")
    expect(page.locator("#projection")).to_contain_text("month")
    # and the numbers behind the chart can be read, and the month before
    page.get_by_text("The numbers as a table").click()
    expect(page.locator("#days tbody tr").first).to_be_visible()
    page.get_by_label("Month").get_by_role("link").first.click()
    expect(page.locator("#projection")).to_contain_text("the month is over")
    # When they sign out, the session itself has ended, and not only here
    cookies = page.context.cookies()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{door(world)}/sign-in")
    assert page.context.cookies() == []
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.goto(f"{door(world)}/t/{acme.id}")
    expect(page).to_have_url(f"{door(world)}/sign-in")


def test_another_tenants_page_is_refused_like_one_that_is_not_there(
    world: World, browser: Browser, acme: Customer
) -> None:
    globex = world.customer()
    page = browser.new_context().new_page()
    sign_in(page, world, token(world, globex.id))
    expect(page).to_have_url(f"{door(world)}/t/{globex.id}")
    texts = []
    for tenant in (acme.id, "t-0000000000"):
        for path in (tenant, f"{tenant}/usage.csv"):
            response = page.goto(f"{door(world)}/t/{path}")
            assert response is not None
            assert response.status == 404
            texts.append(page.content().replace(tenant, "X"))
    assert texts[:2] == texts[2:]
    response = page.goto(f"{door(world)}/operator")
    assert response is not None
    assert response.status == 404
    page.context.close()


def test_a_wrong_token_and_one_without_the_right_are_told_so(world: World, browser: Browser, acme: Customer) -> None:
    page = browser.new_context().new_page()
    for secret, said in (
        (f"tk_{acme.id}_" + "0" * 32, "not valid"),
        ("nonsense", "not valid"),
        (token(world, acme.id, "config:write"), "usage:read"),
    ):
        sign_in(page, world, secret)
        expect(page.get_by_role("alert")).to_contain_text(said)
    page.context.close()


def test_revoking_the_token_ends_its_sessions(world: World, page: Page) -> None:
    customer = world.customer()
    sign_in(page, world, token(world, customer.id))
    expect(page).to_have_url(f"{door(world)}/t/{customer.id}")
    expect(page.get_by_text("Nothing was used in")).to_be_visible()
    world.operator.tokens.revoke_all(customer.id)
    page.reload()
    expect(page).to_have_url(f"{door(world)}/sign-in")


def test_the_operator_sees_all_tenants(world: World, page: Page, acme: Customer) -> None:
    ask = api(world, None)
    sign_in(page, world, ask.token)
    expect(page).to_have_url(f"{door(world)}/operator")
    row = page.locator(f'tr[data-key="{acme.id}"]')
    while row.count() == 0:
        page.get_by_role("link", name="Next page").click()
    cost = ask.json(f"/v1/tenants/{acme.id}/usage")["totals"]["cost"]
    assert exact(page, f'tr[data-key="{acme.id}"] .cost') == cost
    row.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"/dashboard/t/{acme.id}"))
    assert exact(page, "#total-cost") == cost


def signed(user: int, bot_token: str, age: int = 5) -> str:
    """initData as Telegram makes it."""
    fields = {"auth_date": str(int(time.time()) - age), "query_id": "AAF", "user": json.dumps({"id": user})}
    lines = "\n".join(f"{name}={fields[name]}" for name in sorted(fields))
    key = hmac.new(b"WebAppData", bot_token.encode(), hashlib.sha256).digest()
    return urlencode({**fields, "hash": hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()})


def open_mini_app(page: Page, world: World, tenant: str, init_data: str) -> None:
    theme = json.dumps({"bg_color": "#17212b"})
    hash_ = f"tgWebAppData={quote(init_data)}&tgWebAppVersion=8.0&tgWebAppThemeParams={quote(theme)}"
    page.goto("about:blank")
    page.goto(f"{door(world)}/app/{tenant}#{hash_}")


def test_an_owner_opens_the_mini_app_from_telegram(world: World, page: Page, acme: Customer) -> None:
    open_mini_app(page, world, acme.id, signed(OWNER, acme.token))
    # Then they are in, in Telegram's colours, and the address holds nothing any more
    expect(page).to_have_url(f"{door(world)}/t/{acme.id}")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    check_numbers(page, api(world, acme.id), acme.id)
    # and when they are taken off the list, they are out
    text = f"model: {MODELS[0]}\nowners: []\n"
    operator = world.operator
    save_overlay(acme.scope, text, operator.gateway, operator.tools)
    page.reload()
    expect(page).to_have_url(f"{door(world)}/sign-in")
    save_overlay(acme.scope, f"model: {MODELS[0]}\nowners: [{OWNER}]\n", operator.gateway, operator.tools)


def test_the_audit_log_is_the_owners_and_the_operators(world: World, page: Page, browser: Browser) -> None:
    # Given an owner who has come through Telegram
    customer = world.customer(f"owners: [{OWNER}]\n")
    open_mini_app(page, world, customer.id, signed(OWNER, customer.token))
    expect(page).to_have_url(f"{door(world)}/t/{customer.id}")
    log = customer.scope.audit
    world.until("the sign-in to be sealed", lambda: audit.page(log, audit.Filter("sign_in"), 1).entries)
    # Then they see that, and can look for one kind
    page.get_by_role("link", name="Audit log").click()
    newest = page.locator("#entries tbody tr").first
    expect(newest).to_contain_text("sign_in")
    expect(newest).to_contain_text(f"telegram:{OWNER}")
    page.get_by_label("About").select_option("pairing")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#entries tbody tr")).to_have_count(2)
    photograph(page, "audit")
    # and a token needs the scope for it, while the operator sees this log and another of its own
    other = browser.new_context().new_page()
    sign_in(other, world, token(world, customer.id))
    other.goto(f"{door(world)}/t/{customer.id}/audit")
    expect(other.get_by_text("lacks the scope audit:read")).to_be_visible()
    other.context.clear_cookies()
    sign_in(other, world, api(world, None).token)
    other.goto(f"{door(world)}/t/{customer.id}/audit")
    expect(other.locator("#entries tbody tr").first).to_be_visible()
    other.goto(f"{door(world)}/audit")
    expect(other.locator("#entries")).to_contain_text("token.create")
    other.context.close()


def test_nobody_else_opens_the_mini_app(world: World, browser: Browser, acme: Customer) -> None:
    globex = world.customer(f"owners: [{OWNER}]\n")
    page = browser.new_context().new_page()
    for init_data in (
        signed(OWNER + 1, acme.token),
        signed(OWNER, globex.token),
        signed(OWNER, acme.token, age=4_000),
        signed(OWNER, acme.token).replace("AAF", "AAG"),
    ):
        open_mini_app(page, world, acme.id, init_data)
        expect(page.get_by_role("alert")).to_be_visible()
        assert page.context.cookies() == []
    page.goto(f"{door(world)}/app/{acme.id}")
    expect(page.get_by_role("alert")).to_contain_text("menu of your bot")
    page.context.close()


def test_the_bots_menu_button_opens_it_for_the_owner_alone(world: World, page: Page) -> None:
    # Given a bot whose owner is Ann, who has written to it
    ann, boris = 1001, "Boris"
    customer = world.customer(f"owners: [{ann}, 1]\n")
    world.ask(customer, Person(ann, "Ann"), "hello")
    bot = Bot(world.stack["telegram_api_url"], customer.token)
    address = dashboard_address(world.stack["front_door"], customer.id)
    notes = offer_dashboard(bot, [ann, 1], address)
    assert len(notes) == 1, "nobody with the id 1 has written to the bot"
    # When she opens the menu of the bot
    page.goto(f"{world.stack['front_door']}/chat?bot={customer.username}")
    page.get_by_label("You are").select_option("Ann")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Dashboard").click()
    # Then she is in
    expect(opened.value).to_have_url(f"{door(world)}/t/{customer.id}")
    expect(opened.value.locator("#total-requests")).to_contain_text("1")
    # and Boris has no such button
    page.get_by_label("You are").select_option(boris)
    expect(page.get_by_placeholder("Write as Boris")).to_be_visible()
    expect(page.get_by_role("button", name="Dashboard")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("kind", "width"), [("wide", 1180), ("phone", 390)])
def test_pages_fit_light_and_dark_wide_and_narrow(
    world: World, browser: Browser, acme: Customer, kind: str, width: int, scheme: Any
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, device_scale_factor=2 if kind == "phone" else 1
    )
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    sign_in(page, world, token(world, acme.id, "usage:read", "audit:read"))
    expect(page.get_by_role("heading", name="Acme Restaurants")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width, "nothing sticks out"
    assert page.locator(f"svg.chart.{'narrow' if kind == 'phone' else 'wide'}").is_visible()
    assert all(url.startswith(world.stack["front_door"]) for url in requests), "nothing from elsewhere"
    assert page.evaluate(_CONTRAST) >= 4.5
    photograph(page, f"dashboard-{kind}-{scheme}")
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width, "nothing sticks out"
    assert page.evaluate(_CONTRAST) >= 4.5
    photograph(page, f"audit-{kind}-{scheme}")
    context.close()


_CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let least = 21;
  for (const element of document.querySelectorAll("body *:not(svg):not(svg *)")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest("[aria-hidden=true]")) continue;
    const [one, two] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    least = Math.min(least, (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05));
  }
  return least;
}"""
