"""A person talks to a tenant's bot on the chat page, through the front door."""

from __future__ import annotations

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.integration.world import World

pytestmark = pytest.mark.e2e


def test_a_person_picks_a_bot_writes_and_reads_the_answer(world: World, page: Page) -> None:
    # Given two tenants' bots
    acme, globex = world.customer(), world.customer()
    # When a person opens the page at one of them and writes
    page.goto(f"{world.stack['front_door']}/chat?bot={acme.username}")
    box = page.get_by_role("textbox", name="Message")
    box.fill("my name is Philomena")
    box.press("Enter")
    # Then the bot's answer appears, without a reload
    log = page.get_by_role("log")
    expect(log).to_contain_text("Philomena", timeout=30_000)
    box.fill("what is my name")
    box.press("Enter")
    expect(log).to_contain_text("what is my name")
    expect(log.locator(".from-bot").last).to_contain_text("Philomena", timeout=30_000)
    # And the other tenant's bot, one click away, knows nothing of it
    page.get_by_role("button", name=globex.username).first.click()
    expect(log).not_to_contain_text("Philomena")
    box.fill("what is my name")
    box.press("Enter")
    expect(log.locator(".from-bot").last).to_be_visible(timeout=30_000)
    expect(log).not_to_contain_text("Philomena")
    world.check_books(acme)


def test_what_is_written_is_shown_as_text(world: World, page: Page) -> None:
    acme = world.customer()
    page.goto(f"{world.stack['front_door']}/chat?bot={acme.username}")
    box = page.get_by_role("textbox", name="Message")
    box.fill("<img src=x onerror=alert(1)> <b>bold</b>")
    box.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("<b>bold</b>")
    assert page.locator("img[src=x]").count() == 0


def test_what_is_said_while_the_page_still_reads_the_chat_stays(world: World, page: Page) -> None:
    # Given a page whose list of messages was made before somebody writes, and comes after it
    acme = world.customer()
    held: list[tuple[Route, APIResponse]] = []
    page.route("**/messages?*", lambda route: route.continue_() if held else held.append((route, route.fetch())))
    page.goto(f"{world.stack['front_door']}/chat?bot={acme.username}")
    box = page.get_by_role("textbox", name="Message")
    expect(box).to_be_enabled()
    page.wait_for_function("document.getElementById('log').textContent === 'Loading…'")
    while not held:
        page.wait_for_timeout(20)
    box.fill("am I still here?")
    box.press("Enter")
    log = page.get_by_role("log")
    expect(log).to_contain_text("am I still here?")
    # When it comes
    for route, response in held:
        with page.expect_event("requestfinished"):
            route.fulfill(response=response)
    page.evaluate("() => new Promise((done) => setTimeout(done, 100))")
    # Then what was written is still shown
    expect(log).to_contain_text("am I still here?")
