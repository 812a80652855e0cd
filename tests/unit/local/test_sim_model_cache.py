"""The simulated model's prompt cache: what is read, written and plain, as Anthropic accounts for it."""

from typing import Any

from local.model.blocks import request_blocks
from local.model.cache import CacheUse, PromptCache

EPHEMERAL = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def block(text: str, mark: dict[str, str] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": text, **({"cache_control": mark} if mark else {})}


def tokens(count: int, letter: str = "x") -> str:
    return letter * (4 * count)


def spend(cache: PromptCache, *said: dict[str, Any], system: Any = None, key: str = "k", model: str = "m") -> CacheUse:
    request = {"system": system or [], "messages": [{"role": "user", "content": list(said)}]}
    return cache.use(key, model, request_blocks(request))


def test_given_the_same_prefix_then_what_was_written_is_read() -> None:
    cache = PromptCache(min_tokens=0)
    system = [block(tokens(100), EPHEMERAL)]
    assert spend(cache, block(tokens(10)), system=system) == CacheUse(10, 0, 100, 0)
    assert spend(cache, block(tokens(20)), system=system) == CacheUse(20, 100, 0, 0)


def test_given_a_growing_conversation_then_each_turn_reads_the_turn_before() -> None:
    cache = PromptCache(min_tokens=0)
    system = [block(tokens(100), EPHEMERAL)]
    first, second = block(tokens(10, "a")), block(tokens(5, "b"))
    assert spend(cache, {**first, "cache_control": EPHEMERAL}, system=system) == CacheUse(0, 0, 110, 0)
    grown = spend(cache, first, {**second, "cache_control": EPHEMERAL}, block(tokens(3)), system=system)
    assert grown == CacheUse(3, 110, 5, 0)


def test_given_a_changed_block_then_only_the_prefix_before_it_is_read() -> None:
    cache = PromptCache(min_tokens=0)
    system = [block(tokens(100), EPHEMERAL)]
    spend(cache, block(tokens(10, "a"), EPHEMERAL), system=system)
    assert spend(cache, block(tokens(10, "b"), EPHEMERAL), system=system) == CacheUse(0, 100, 10, 0)
    assert spend(cache, block("y"), system=[block(tokens(99), EPHEMERAL)]) == CacheUse(1, 0, 99, 0)


def test_given_another_key_or_model_then_nothing_is_shared() -> None:
    cache = PromptCache(min_tokens=0)
    for key, model in (("a", "m"), ("b", "m"), ("a", "n")):
        assert spend(cache, block(tokens(9), EPHEMERAL), key=key, model=model).read == 0


def test_given_both_lifetimes_then_writes_are_split_and_expire_apart() -> None:
    clock = Clock()
    cache = PromptCache(min_tokens=0, clock=clock)
    system, said = [block(tokens(100), HOUR)], block(tokens(10), EPHEMERAL)
    assert spend(cache, said, system=system) == CacheUse(0, 0, 10, 100)
    clock.now = 301
    assert spend(cache, said, system=system) == CacheUse(0, 100, 10, 0)
    clock.now += 3_599
    assert spend(cache, said, system=system).read == 100
    clock.now += 3_601
    assert spend(cache, said, system=system).read == 0


def test_given_reads_then_an_entry_lives_on() -> None:
    clock = Clock()
    cache = PromptCache(min_tokens=0, clock=clock)
    said = block(tokens(10), EPHEMERAL)
    for _ in range(5):
        spend(cache, said)
        clock.now += 299
    assert spend(cache, said).read == 10


def test_given_more_than_twenty_blocks_since_the_last_entry_then_it_is_not_found() -> None:
    for between, read in ((18, 10), (19, 0)):
        cache = PromptCache(min_tokens=0)
        first = block(tokens(10))
        spend(cache, {**first, "cache_control": EPHEMERAL})
        more = [block(tokens(1)) for _ in range(between)]
        assert spend(cache, first, *more, block(tokens(1), EPHEMERAL)).read == read


def test_given_a_short_prefix_then_it_is_not_cached() -> None:
    cache = PromptCache(min_tokens=1024)
    for count, written in ((1023, 0), (1024, 1024)):
        assert spend(cache, block(tokens(count), EPHEMERAL)) == CacheUse(count - written, 0, written, 0)


def test_given_no_breakpoint_then_all_is_plain_input() -> None:
    cache = PromptCache(min_tokens=0)
    spend(cache, block(tokens(10)))
    assert spend(cache, block(tokens(10))) == CacheUse(10, 0, 0, 0)
