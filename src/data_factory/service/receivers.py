"""Who is told by HTTP, at an address that somebody else has given: no redirect is followed, and no address inside a
network is reached unless that is allowed.

The address that was checked is the one that is connected to: a name that means another one later gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

import httpx
import msgspec

from data_factory.engine.webhooks import Attempt, retry_after
from data_factory.model.records import JobExecutionRecord

MAX_PORT: Final = 65535

TIMEOUT_S: Final = 15.0
"""How long an attempt may take in all."""

_NAT64: Final = ip_network("64:ff9b::/96")
_NOT_ALLOWED: Final = "its address is private or reserved, which this server does not call"

Address = IPv4Address | IPv6Address


class Outbound(msgspec.Struct, frozen=True):
    """What the server tells others by itself: how a job execution is shown, and whether private addresses may be
    called. Without `present` it tells nobody anything."""

    present: Callable[[JobExecutionRecord], Mapping[str, Any]] | None = None
    allow_private: bool = False


class Unreachable(Exception):
    """It could not be sent; the message says why, for whoever gave the address."""


class Receivers:
    """Sends to receivers."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._http: httpx.AsyncClient | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, now: int) -> Attempt:
        """Send a body; how that went."""
        began = time.monotonic()

        def gone(**how: Any) -> Attempt:
            return Attempt(at=now, milliseconds=round((time.monotonic() - began) * 1000), **how)

        try:
            async with asyncio.timeout(TIMEOUT_S):
                status, wait = await self._post(httpx.URL(url), headers, body)
        except (TimeoutError, httpx.TimeoutException):
            return gone(error=f"no answer within {TIMEOUT_S:g} seconds")
        except Unreachable as error:
            return gone(error=str(error))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return gone(error=f"it could not be sent: {str(error)[:300] or type(error).__name__}")
        return gone(status=status, retry_after=wait)

    async def close(self) -> None:
        """Close what is open."""
        if self._http is not None:
            await self._http.aclose()

    async def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> tuple[int, int]:
        addresses = [one for one in await _resolved(url.host) if may_be_called(one, self._allow_private)]
        if not addresses:
            raise Unreachable(_NOT_ALLOWED)
        for last, address in zip((*addresses[1:], None), addresses, strict=True):
            try:
                return await self._post_to(address, url, headers, body)
            except httpx.ConnectError:
                if last is None:
                    raise
        raise AssertionError("the last address returns or raises")

    async def _post_to(
        self, address: Address, url: httpx.URL, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, int]:
        if self._http is None:  # a connection is not used again: two hosts may share an address, not a certificate
            limits = httpx.Limits(max_keepalive_connections=0)
            verify = httpx.create_ssl_context()  # of the environment nothing is taken but whom to trust
            self._http = httpx.AsyncClient(
                verify=verify, trust_env=False, follow_redirects=False, timeout=TIMEOUT_S, limits=limits
            )
        request = self._http.build_request(
            "POST",
            url.copy_with(host=str(address)),
            headers={**headers, "host": url.netloc.decode(), "content-type": "application/json"},
            content=body,
            extensions={"sni_hostname": url.raw_host.decode()},
        )
        response = await self._http.send(request, stream=True)
        await response.aclose()  # what it says besides is for nobody
        return response.status_code, retry_after(response.headers.get("retry-after", ""))


def host_of(url: str) -> str:
    """The host and the port of an address: who shares them is one receiver.

    >>> host_of("https://Example.com/a"), host_of("http://[::1]:8080/")
    ('example.com:443', '[::1]:8080')
    """
    parsed = httpx.URL(url)
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    return f"{host}:{parsed.port or (443 if parsed.scheme == 'https' else 80)}"


def complaint_about(url: str, allow_private: bool) -> str | None:
    """What is wrong with an address, as far as it can be told without looking up its name.

    >>> complaint_about("https://example.com/x", False)
    >>> complaint_about("http://10.1.2.3/", False)
    'its address is private or reserved, which this server does not call'
    >>> complaint_about("https://example.com:65536/", False)
    'has a port above 65535'
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return "is not an address"
    if not parsed.host:
        return "has no host"
    if (parsed.port or 0) > MAX_PORT:
        return f"has a port above {MAX_PORT}"
    try:
        address = ip_address(parsed.host)
    except ValueError:
        return None
    return None if may_be_called(address, allow_private) else _NOT_ALLOWED


def may_be_called(address: Address, allow_private: bool) -> bool:
    """Whether an address may be called: one of the internet, or any other if that is allowed, but never link-local
    ones, where clouds keep the credentials of their machines.

    >>> [may_be_called(ip_address(one), False) for one in ("93.184.215.14", "127.0.0.1", "::ffff:10.0.0.1", "fe80::1")]
    [True, False, False, False]
    >>> [may_be_called(ip_address(one), True) for one in ("127.0.0.1", "169.254.169.254", "::ffff:169.254.169.254")]
    [True, False, False]
    """
    inner = _inside(address)
    if inner is not None:
        return may_be_called(inner, allow_private)
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return allow_private or (address.is_global and not address.is_reserved)


def _inside(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


async def _resolved(host: str) -> list[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("its host is not known") from None
    return list(dict.fromkeys(ip_address(one[4][0]) for one in found))
