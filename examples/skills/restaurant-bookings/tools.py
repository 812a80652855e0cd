"""Tables of the group's restaurants, in a calendar that is one JSON file of the tenant's own."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from manyclaw_skill import ToolError, scratch, tool

VENUES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "venues.json").read_text())
OPEN, LAST = "12:00", "21:30"
STAY = timedelta(hours=2)


@tool
def search_venues(wish: str = "", guests: int = 2) -> str:
    """Restaurants of the group that suit a wish, best first; all of them without one.

    Args:
        wish: What the guest likes, such as fish, vegan or terrace.
        guests: The number of guests.
    """
    words = wish.lower().split()

    def suits(venue: dict[str, Any]) -> int:
        text = f"{venue['name']} {venue['kitchen']} {venue['about']}".lower()
        return sum(word.rstrip("s") in text for word in words)

    found = [venue for venue in VENUES if venue["seats"] >= guests and (not words or suits(venue))]
    if not found:
        return "No restaurant of the group suits that."
    return "\n".join(f"{venue['name']}: {venue['about']}" for venue in sorted(found, key=suits, reverse=True))


@tool
def check_calendar(venue: str, day: str) -> str:
    """The times at which a restaurant has free seats on a day, and how many.

    Args:
        venue: The restaurant's name.
        day: The date as YYYY-MM-DD.
    """
    place, when = _venue(venue), _day(day)
    free = {time: _free(place, when, time) for time in _times()}
    open_times = [f"{time} ({seats})" for time, seats in free.items() if seats > 0]
    said = ", ".join(open_times) or "nothing is free"
    return f"{place['name']} on {when:%A, %Y-%m-%d}: {said}"


@tool
def book_table(venue: str, day: str, time: str, guests: int, name: str) -> str:
    """Book a table and give its number.

    Args:
        venue: The restaurant's name.
        day: The date as YYYY-MM-DD.
        time: The time as HH:MM, on the half hour.
        guests: The number of guests, 1 to 12.
        name: The name for the reservation.
    """
    place, when = _venue(venue), _day(day)
    if time not in _times():
        raise ToolError(f"Tables are given from {OPEN} to {LAST} on the half hour, not at {time}.")
    if not 1 <= guests <= 12:
        raise ToolError("A table is for 1 to 12 guests; larger parties are booked by telephone.")
    free = _free(place, when, time)
    if free < guests:
        raise ToolError(f"{place['name']} has {max(free, 0)} free seats on {day} at {time}, not {guests}.")
    bookings = _bookings()
    number = max((each["number"] for each in bookings), default=100) + 1
    bookings.append(
        {"number": number, "venue": place["name"], "day": day, "time": time, "guests": guests, "name": name}
    )
    (scratch() / "bookings.json").write_text(json.dumps(bookings, indent=1, ensure_ascii=False))
    return f"Booked, number {number}: {place['name']}, {when:%A} {day} {time}, {guests} guests, {name}."


def _bookings() -> list[dict[str, Any]]:
    file = scratch() / "bookings.json"
    return json.loads(file.read_text()) if file.exists() else []


def _venue(name: str) -> dict[str, Any]:
    for venue in VENUES:
        if name.lower() in venue["name"].lower():
            return venue
    raise ToolError(f"There is no restaurant {name!r}; there are {', '.join(each['name'] for each in VENUES)}.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ToolError(f"{text!r} is no date like 2026-11-24.") from None


def _times() -> list[str]:
    now, last = _clock(OPEN), _clock(LAST)
    times = []
    while now <= last:
        times.append(f"{now:%H:%M}")
        now += timedelta(minutes=30)
    return times


def _clock(text: str) -> datetime:
    return datetime.strptime(text, "%H:%M")  # noqa: DTZ007 -- a time of day, nowhere in particular


def _free(venue: dict[str, Any], when: date, time: str) -> int:
    taken = [
        each["guests"]
        for each in _bookings()
        if each["venue"] == venue["name"]
        and each["day"] == when.isoformat()
        and abs(_clock(each["time"]) - _clock(time)) < STAY
    ]
    return int(venue["seats"]) - sum(taken)
