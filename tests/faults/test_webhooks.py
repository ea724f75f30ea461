"""Webhooks through `kill -9`, and to receivers of which the internet is not what it was a moment before."""

from __future__ import annotations

import datetime
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from data_factory.service.deliveries import LEASE_MS
from data_factory.service.receivers import Receivers
from tests.api.factory import Factory, made, step, told
from tests.faults.test_clocks import OTHER_CLOCK
from tests.receiver import SECRET, Receiver, receiver
from tests.running import Server

NAME = "hooks.example.test"


def test_what_a_killed_server_was_sending_is_sent_after_a_start(tmp_path: Path) -> None:
    """It is killed while it sends: what it says has begun to come, and nobody has answered."""
    settings = {"DATA_FACTORY_ALLOW_PRIVATE_WEBHOOKS": "true"}
    deaf = socket.create_server(("127.0.0.1", 0))
    port = deaf.getsockname()[1]
    with Server(tmp_path / "data", **settings) as server:
        with server.client() as api:
            factory = Factory(api)
            task = factory.task()
            job = factory.job(step(task))
            webhook = {"url": f"http://127.0.0.1:{port}/", "secret": SECRET}
            run = made(api.post("/job_executions", json={"jobId": job["id"], "webhook": webhook}))
            [held] = factory.claim(task, wait=20)
            told(factory.report(held))
            connection, _ = deaf.accept()
            assert connection.recv(4) == b"POST"
            [before] = told(api.get(f"/job_executions/{run['id']}/webhooks"))["data"]
        server.kill()
        connection.close()
        deaf.close()
        server.settings = {**settings, "PYTHONPATH": OTHER_CLOCK, "CLOCK_AHEAD": str(LEASE_MS // 1000 + 1)}
        with receiver(port) as there:
            server.start()
            got = there.next()
        assert got.is_signed_with(SECRET) and got.json["data"]["id"] == run["id"]
        assert got.id == before["id"] and before["attempts"] == []


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that speaks TLS with a certificate of its own, which is trusted here."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "certificate.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    both = tmp_path / "both.pem"
    own = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    both.write_bytes(own + pem.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with receiver(tls=context) as there:
        yield there


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the name means, each time that somebody asks; the system knows all others."""
    answers: list[list[str]] = []
    system = socket.getaddrinfo

    def ask(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if host not in (NAME, NAME.encode(), "other.example.test"):
            return system(host, port, *more, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port or 0)) for one in answers.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    return answers


@pytest.mark.anyio
async def test_the_address_that_was_checked_is_called_by_the_name_that_was_given(
    secure: Receiver, addresses: list[list[str]]
) -> None:
    """The name means another address as soon as it was looked up: that is not asked for again."""
    port = secure.address.rpartition(":")[2]
    receivers = Receivers(allow_private=True)
    addresses += [["169.254.169.254", "127.0.0.1"], ["127.0.0.1"], ["169.254.169.254"]]
    attempt = await receivers.post(f"https://{NAME}:{port}/x", {}, b"{}", 0)
    assert attempt.status == 204, attempt.error
    assert len(addresses) == 2 and secure.next().headers["host"] == f"{NAME}:{port}"
    other = await receivers.post(f"https://other.example.test:{port}/", {}, b"{}", 0)
    assert other.status is None and "certificate" in (other.error or "")
    refused = await receivers.post(f"https://{NAME}:{port}/", {}, b"{}", 0)
    assert refused.error is not None and "private or reserved" in refused.error
    assert secure.received.empty()
    await receivers.close()
