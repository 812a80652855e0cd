"""The Friday digest as its owner and its readers see it: wanted in the chat, switched on and run in the dashboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_dashboard import sign_in
from tests.integration.test_api import token
from tests.integration.world import Person, World

pytestmark = pytest.mark.e2e


def _write(page: Page, text: str) -> None:
    """Write on the chat page and wait for the next answer."""
    answers = page.get_by_role("log").locator(".from-bot")
    before = answers.count()
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("textbox", name="Message").press("Enter")
    expect(answers).to_have_count(before + 1, timeout=30_000)


def test_the_friday_digest_is_switched_on_run_now_and_read_in_the_chat(
    world: World, page: Page, browser: Browser
) -> None:
    # Given a bot to which two people have spoken; one of them wants no digest
    acme, bob = world.customer(), Person.new("Bob")
    acme_page = f"{world.stack['front_door']}/chat?bot={acme.username}"
    page.goto(acme_page)
    _write(page, "we meet at the lighthouse on Monday")
    world.ask(acme, bob, "hello")
    world.ask(acme, bob, "/digest off")
    # When the owner signs in and opens the schedules
    dashboard = browser.new_context().new_page()
    sign_in(dashboard, world, token(world, acme.id, "usage:read", "cron:write"))
    dashboard.get_by_role("link", name="Schedules").click()
    expect(dashboard.get_by_role("heading", name="Schedules")).to_be_visible()
    digest = dashboard.locator('tr[data-key="friday-digest"]')
    expect(digest.locator(".state")).to_have_text("off")
    # And switches the digest on, and runs it
    digest.get_by_role("button", name="Switch on").click()
    expect(digest.locator(".state")).to_have_text("on")
    digest.get_by_role("button", name="Run now").click()
    # Then it is read in the chat, made of what was said there
    expect(page.get_by_role("log").locator(".from-bot")).to_have_count(2, timeout=30_000)
    asked = str(world.model_calls(acme)[-1]["request"]["messages"])
    assert "lighthouse" in asked
    assert "Friday digest" in asked
    # And the page shows the run and what it cost
    world.until("the agents to be done", lambda: not world.agents())
    dashboard.reload()
    expect(digest.locator(".last")).to_contain_text("done")
    # And who wanted none got none, while who wants one again is told when it comes
    assert len(world.answers(acme, bob.id)) == 2
    _write(page, "/digest on")
    expect(page.get_by_role("log").locator(".from-bot").last).to_contain_text("This chat gets the digest")
    # And a digest that is switched off again stays off for all
    digest.get_by_role("button", name="Switch off").click()
    expect(digest.locator(".state")).to_have_text("off")
    dashboard.context.close()
