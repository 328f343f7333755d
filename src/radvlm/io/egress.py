"""The one check before every way out: data stays where its agreement says.

Access is inherited by every derived file and checkpoint (``strictest``). Open data may go
anywhere; other data stays on this machine or on hosts a person has listed as local, and reaches a
model or judge elsewhere only under an agreement and encrypted. Trackers, hubs and shared pages
never see it. For data from PhysioNet see its notice of 24 September 2025 on online services.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args
from urllib.parse import urlsplit

from radvlm.errors import EgressError
from radvlm.records import ACCESS_ORDER, Access

Way = Literal["endpoint", "judge", "tracker", "hub", "page"]
_UNDER_AGREEMENT: frozenset[Way] = frozenset({"endpoint", "judge"})


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the operator of an endpoint has promised in writing, and who confirmed it when.

    All three promises have to be true for credentialed data (PhysioNet's terms on third-party
    services).
    """

    zero_retention: bool
    no_training: bool
    no_human_review: bool
    confirmed_by: str
    date: date


def check(
    access: Access,
    way: Way,
    destination: str,
    *,
    local_hosts: Sequence[str] = (),
    agreement: Agreement | None = None,
) -> None:
    """Return where data of this access class may go to ``destination``, and raise otherwise.

    Args:
        access: the strictest class of what would be sent; anything unknown counts as private.
        way: what kind of way out it is.
        destination: a URL or ``host:port``; for a page, its path.
        local_hosts: hosts a person has declared to be under their own control.
        agreement: for endpoints and judges elsewhere.

    Raises:
        EgressError: the data has to stay; the message names neither keys nor data.
    """
    if way not in get_args(Way):
        raise EgressError(f"unknown way out {way!r}", remedy=f"Known: {', '.join(get_args(Way))}")
    if access == "open":
        return
    if way not in _UNDER_AGREEMENT:
        raise EgressError(
            f"{access} data never goes to a {way}", remedy="Use open data, or keep the result here"
        )
    if is_local(destination, local_hosts):
        return
    host = _host(destination)
    if agreement is None:
        raise EgressError(
            f"{access} data may not leave to this {way}",
            host,
            "Use a local host, or record an agreement with its operator; for data from PhysioNet "
            "read its notice of 24 September 2025 first",
        )
    _check_agreement(agreement, host)
    if not destination.lower().startswith("https://"):
        raise EgressError(f"{access} data would go there unencrypted", host, "Use https")


def refusal(access: Access, way: Way, destination: str) -> str:
    """Why ``check`` refuses, in a few words that a page can show; empty where the data may go."""
    try:
        check(access, way, destination)
    except EgressError as error:
        return error.what
    return ""


def is_local(destination: str, local_hosts: Sequence[str] = ()) -> bool:
    """Whether a URL or ``host:port`` is this machine, or a host declared as under own control.

    Raises:
        EgressError: it names no host.
    """
    host = _host(destination)
    return _is_loopback(host) or host in {_host(local) for local in local_hosts}


def strictest(accesses: Iterable[Access]) -> Access:
    """The most closed of some classes; an unknown class is private, and none at all is open."""
    rank = {access: number for number, access in enumerate(ACCESS_ORDER)}
    worst = max((rank.get(access, len(rank) - 1) for access in accesses), default=0)
    return ACCESS_ORDER[worst]


def _check_agreement(agreement: Agreement, host: str) -> None:
    promises = ("zero_retention", "no_training", "no_human_review")
    missing = [name for name in promises if getattr(agreement, name) is not True]
    missing += [] if agreement.confirmed_by.strip() else ["confirmed_by"]
    if missing:
        raise EgressError(
            f"the agreement lacks {', '.join(missing)}", host, "Have it confirmed in writing"
        )


def _host(destination: str) -> str:
    """The host of a URL or ``host:port``, in lower case and without a trailing dot."""
    text = destination if "//" in destination else f"//{destination}"
    if destination.count(":") > 1 and "//" not in destination and "[" not in destination:
        text = f"//[{destination}]"
    try:
        host = urlsplit(text).hostname or ""
    except ValueError:
        host = ""
    if not host or "\\" in destination:
        raise EgressError("destination names no host", remedy="Give a URL such as http://host:port")
    return host.rstrip(".")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
