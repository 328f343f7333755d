from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import cast, get_args

import pytest

from radvlm.errors import EgressError
from radvlm.io.egress import Agreement, Way, check, is_local, refusal, strictest
from radvlm.records import Access

CLOSED: tuple[Access, ...] = ("credentialed", "private", cast(Access, "something new"))
AGREED = Agreement(True, True, True, "data protection officer", date(2026, 1, 1))
ELSEWHERE = "https://api.example.com/v1"


@pytest.mark.parametrize("way", get_args(Way))
def test_open_data_may_go_anywhere(way: Way) -> None:
    check("open", way, ELSEWHERE)


@pytest.mark.parametrize("access", CLOSED)
@pytest.mark.parametrize("way", ["endpoint", "judge"])
@pytest.mark.parametrize(
    "here",
    ["http://localhost:8000/v1", "http://127.0.0.1", "127.8.9.1:80", "http://[::1]:1/", "::1"],
)
def test_closed_data_may_go_to_this_machine(access: Access, way: Way, here: str) -> None:
    check(access, way, here)


@pytest.mark.parametrize("access", CLOSED)
@pytest.mark.parametrize("way", ["tracker", "hub", "page"])
def test_closed_data_is_never_shared(access: Access, way: Way) -> None:
    for destination in (ELSEWHERE, "http://localhost", "report.html"):
        with pytest.raises(EgressError, match="never"):
            check(access, way, destination, local_hosts=["api.example.com"], agreement=AGREED)


@pytest.mark.parametrize("access", CLOSED)
@pytest.mark.parametrize(
    "destination",
    [
        ELSEWHERE,
        "http://localhost.example.com",
        "http://localhost@example.com/",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1.example.com",
        "http://128.0.0.1",
        "http://0.0.0.0",
        "http://2130706433",
        "http://example.com\\@localhost",
        "http://example.com#@localhost",
        "http://[::ffff:8.8.8.8]",
        "",
        "http://",
    ],
)
def test_closed_data_does_not_leave(access: Access, destination: str) -> None:
    with pytest.raises(EgressError):
        check(access, "endpoint", destination, local_hosts=["llm.hospital.example"])


def test_a_host_listed_as_local_is_local_as_a_whole_only() -> None:
    hosts = ["GPU1.hospital.example:8000", "10.0.0.5"]
    check("private", "judge", "https://gpu1.hospital.example/v1", local_hosts=hosts)
    check("private", "judge", "10.0.0.5:80", local_hosts=hosts)
    with pytest.raises(EgressError):
        check("private", "judge", "https://x.gpu1.hospital.example", local_hosts=hosts)


def test_a_refusal_says_why_and_is_empty_where_data_may_go() -> None:
    for way in get_args(Way):
        assert refusal("open", way, ELSEWHERE) == ""
    assert refusal("private", "page", "x.html") == "private data never goes to a page"
    assert (
        refusal("credentialed", "tracker", "wandb") == "credentialed data never goes to a tracker"
    )
    assert refusal("private", "endpoint", "http://localhost") == ""
    assert "may not leave" in refusal("private", "endpoint", ELSEWHERE)
    assert refusal("private", "endpoint", "http://") == "destination names no host"


def test_an_agreement_opens_endpoints_only_if_complete() -> None:
    check("credentialed", "judge", ELSEWHERE, agreement=AGREED)
    for lacking in (
        replace(AGREED, zero_retention=False),
        replace(AGREED, no_training=False),
        replace(AGREED, no_human_review=False),
    ):
        with pytest.raises(EgressError, match="the agreement lacks"):
            check("credentialed", "endpoint", ELSEWHERE, agreement=lacking)
    with pytest.raises(EgressError, match="confirmed_by"):
        check("private", "endpoint", ELSEWHERE, agreement=replace(AGREED, confirmed_by=" "))


@pytest.mark.parametrize("url", ["http://api.example.com/v1", "api.example.com:443", "//a.com"])
def test_under_an_agreement_nothing_goes_unencrypted(url: str) -> None:
    with pytest.raises(EgressError, match="unencrypted"):
        check("credentialed", "endpoint", url, agreement=AGREED)
    check("open", "endpoint", url)


def test_the_refusal_points_to_the_notice_of_physionet() -> None:
    with pytest.raises(EgressError, match="PhysioNet read its notice of 24 September 2025"):
        check("credentialed", "endpoint", ELSEWHERE)


def test_local_is_loopback_or_listed() -> None:
    assert is_local("http://127.0.0.1:8000/v1") and is_local("https://n7/v1", ["N7:8000"])
    assert not is_local(ELSEWHERE, ["example.com"])


def test_the_message_holds_no_key() -> None:
    with pytest.raises(EgressError) as caught:
        check("private", "endpoint", "https://user:hunter2@example.com/?key=hunter2")
    assert "hunter2" not in str(caught.value)


def test_the_strictest_class_wins_and_unknown_is_private() -> None:
    assert strictest(["open", "open"]) == "open"
    assert strictest(["open", "credentialed"]) == "credentialed"
    assert strictest(["private", "credentialed"]) == "private"
    assert strictest(["open", cast(Access, "Open")]) == "private"
    assert strictest([]) == "open"
