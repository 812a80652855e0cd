"""A chain is made, sealed and shipped; whatever is done to it afterwards is found, and where."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from manyclaw.audit import (
    Filter,
    Verdict,
    chain_pk,
    digest,
    entry_sk,
    page,
    read_head,
    record,
    seal,
    ship,
    verify,
)
from manyclaw.audit.chain import waiting
from manyclaw.audit.entries import canonical
from manyclaw.errors import BadInput, Conflict, Misconfigured
from tests.unit.audit.fakes import Log


def _made(count: int = 6, owner: str = "acme") -> Log:
    """A log in two segments."""
    log = Log(owner)
    for number in range(1, count + 1):
        record(log.inbox, "sign_in", on=f"number:{number}")
        if number in (count // 2, count):
            ship(log.inbox, "bucket", seal(log.inbox))
    return log


def _verify(log: Log) -> Verdict:
    return verify(log.inbox, log.locked)


def _row(seq: int) -> tuple[str, str]:
    return chain_pk("acme"), entry_sk(seq)


def _text(log: Log, seq: int) -> str:
    return str(log.rows[_row(seq)]["entry"]["S"])


def _set(log: Log, seq: int, text: str) -> None:
    log.rows[_row(seq)] = {"pk": {"S": "acme#AUDIT"}, "sk": {"S": entry_sk(seq)}, "entry": {"S": text}}


def _rechain(log: Log, first: int, last: int) -> None:
    """What a clever forger does: everything from ``first`` on agrees with itself again, HEAD included."""
    for seq in range(first, last + 1):
        values = json.loads(_text(log, seq)) | {"prev": digest(_text(log, seq - 1)) if seq > 1 else "0" * 64}
        _set(log, seq, canonical(values))
    head = log.rows[chain_pk("acme"), "HEAD"]
    head["hash"], head["seq"] = {"S": digest(_text(log, last))}, {"N": str(last)}


def test_an_untouched_log_is_intact() -> None:
    found = _verify(_made())
    assert found.intact
    assert (found.entries, found.locked, found.segments, found.waiting) == (6, 6, 2, 0)
    assert found.first_bad is None


def test_an_empty_log_is_intact() -> None:
    assert _verify(Log()).intact


def test_what_waits_is_told_and_is_no_damage() -> None:
    log = _made()
    record(log.inbox, "sign_out")
    assert (_verify(log).intact, _verify(log).waiting) == (True, 1)
    seal(log.inbox)
    found = _verify(log)
    assert (found.intact, found.entries, found.locked) == (True, 7, 6)


def test_each_single_byte_of_an_entry_counts_in_the_table_and_in_the_bucket() -> None:
    log = _made()
    for seq in (1, 3, 6):
        good = _text(log, seq)
        for place in range(len(good)):
            _set(log, seq, good[:place] + chr(ord(good[place]) ^ 1) + good[place + 1 :])
            bad = _verify(log).first_bad
            assert (bad.seq if bad else 0) == seq, (seq, place)
        _set(log, seq, good)
    for versions in log.objects.values():
        good_body = versions[0]["Body"]
        for place in range(len(good_body)):
            versions[0]["Body"] = good_body[:place] + bytes([good_body[place] ^ 1]) + good_body[place + 1 :]
            assert not _verify(log).intact, place
        versions[0]["Body"] = good_body
    assert _verify(log).intact


def _forge(log: Log) -> None:
    _set(log, 2, _text(log, 2).replace("number:2", "number:9"))
    _rechain(log, 3, 6)


def _insert(log: Log) -> None:
    for seq in range(6, 2, -1):
        _set(log, seq + 1, canonical(json.loads(_text(log, seq)) | {"seq": seq + 1}))
    _set(log, 3, canonical(json.loads(_text(log, 2)) | {"seq": 3, "id": "forged"}))
    _rechain(log, 3, 7)


def _delete(log: Log) -> None:
    for seq in range(4, 7):
        _set(log, seq - 1, canonical(json.loads(_text(log, seq)) | {"seq": seq - 1}))
    del log.rows[_row(6)]
    _rechain(log, 3, 5)


def _swap(log: Log) -> None:
    third, fourth = json.loads(_text(log, 3)), json.loads(_text(log, 4))
    _set(log, 3, canonical(fourth | {"seq": 3}))
    _set(log, 4, canonical(third | {"seq": 4}))
    _rechain(log, 3, 6)


def _cut(log: Log) -> None:
    for seq in (5, 6):
        del log.rows[_row(seq)]
    _rechain(log, 4, 4)
    log.rows[chain_pk("acme"), "HEAD"]["shipped"] = {"N": "4"}


def _drop(log: Log) -> None:
    for key in [key for key in log.rows if key[0] == "acme#AUDIT"]:
        del log.rows[key]


def _other(log: Log) -> None:
    for seq in range(1, 7):
        _set(log, seq, canonical(json.loads(_text(log, seq)) | {"owner": "globex"}))
    _rechain(log, 1, 6)


@pytest.mark.parametrize(
    ("harm", "first"), [(_forge, 2), (_insert, 3), (_delete, 3), (_swap, 3), (_cut, 5), (_drop, 1), (_other, 1)]
)
def test_a_forger_who_mends_the_whole_table_is_found_by_the_locked_copies(
    harm: Callable[[Log], None], first: int
) -> None:
    log = _made()
    harm(log)
    bad = _verify(log).first_bad
    assert bad is not None
    assert bad.seq == first


def test_one_row_that_is_gone_is_named() -> None:
    log = _made()
    del log.rows[_row(4)]
    bad = _verify(log).first_bad
    assert bad is not None
    assert (bad.seq, bad.where) == (4, "table")


def test_the_end_that_is_not_shipped_yet_is_held_by_head() -> None:
    log = _made()
    record(log.inbox, "sign_out")
    seal(log.inbox)
    good = _text(log, 7)
    _set(log, 7, good.replace("sign_out", "sign_in"))
    assert (bad := _verify(log).first_bad) is not None
    assert bad.seq == 7
    del log.rows[_row(7)]
    assert (bad := _verify(log).first_bad) is not None
    assert bad.seq == 7


def test_a_segment_that_is_missing_written_over_or_put_in_is_found() -> None:
    log = _made()
    first, second = sorted(log.objects)
    kept = log.objects.pop(first)
    assert (bad := _verify(log).first_bad) is not None
    assert (bad.seq, bad.where) == (1, "bucket")
    log.objects[first] = kept
    log.clients.bucket.put_object(Key=second, Body=b"nothing\n")
    assert (bad := _verify(log).first_bad) is not None
    assert (bad.seq, bad.where) == (4, "bucket")
    log.objects[second].pop()
    assert _verify(log).intact
    log.clients.bucket.put_object(Key="logs/acme/000000000002.jsonl", Body=b"{}\n")
    assert not _verify(log).intact


def test_a_crash_between_the_bucket_and_its_note_is_caught_up() -> None:
    # Given a segment that is there while HEAD does not know it, and a further entry
    log = _made()
    log.rows[chain_pk("acme"), "HEAD"]["shipped"] = {"N": "3"}
    record(log.inbox, "sign_out")
    # When the next one ships, then it goes on behind the segment
    head = ship(log.inbox, "bucket", seal(log.inbox))
    assert (head.seq, head.shipped) == (7, 7)
    assert sorted(log.objects)[-1].endswith("000000000007.jsonl")
    assert _verify(log).intact


def test_a_bucket_that_says_something_else_is_never_taken_up() -> None:
    log = _made()
    log.rows[chain_pk("acme"), "HEAD"]["shipped"] = {"N": "3"}
    _set(log, 5, _text(log, 5).replace("number:5", "number:0"))
    with pytest.raises(Misconfigured, match="differs from the table"):
        ship(log.inbox, "bucket")


def test_what_is_no_entry_stops_nobody() -> None:
    log = Log()
    log.clients.table.put_item(Item={"pk": {"S": "acme#INBOX"}, "sk": {"S": "IN#0"}, "entry": {"S": "garbage"}})
    record(log.inbox, "sign_in")
    assert seal(log.inbox).seq == 2
    assert json.loads(_text(log, 1))["action"] == "audit.unreadable"
    assert "garbage" not in str(log.rows)


def test_a_row_that_stands_in_the_next_entrys_place_is_told_and_loses_nothing() -> None:
    log = _made(2)
    _set(log, 3, canonical({"action": "sign_in", "owner": "acme", "seq": 3, "prev": digest(_text(log, 2))}))
    record(log.inbox, "sign_in")
    with pytest.raises(Conflict, match="after number 2") as refused:
        seal(log.inbox)
    assert "audit verify" in (refused.value.hint or "")
    assert waiting(log.inbox) == 1
    del log.rows[_row(3)]
    assert seal(log.inbox).seq == 3


def test_pages_go_back_in_time_with_filters() -> None:
    log = _made(120)
    found, cursor = [], ""
    while True:
        got = page(log.inbox, Filter(), 50, cursor)
        found += got.entries
        cursor = got.cursor
        if not cursor:
            break
    assert [each["seq"] for each in found] == list(range(120, 0, -1))
    assert [each["seq"] for each in page(log.inbox, Filter(action="sign_in"), 2).entries] == [120, 119]
    assert page(log.inbox, Filter(action="token."), 10).entries == []
    assert page(log.inbox, Filter(first="2999-01-01"), 10).entries == []
    assert len(page(log.inbox, Filter(last="2999-01-01"), 10).entries) == 10
    with pytest.raises(BadInput):
        page(log.inbox, Filter(), 10, "x")


def test_a_hundred_transactions_make_one_chain() -> None:
    log = _made(400)
    assert read_head(log.inbox).seq == 400
    assert _verify(log).intact
