"""`data-factory store rotate-secrets`: the former key of the secrets is not needed any more."""

from __future__ import annotations

from pathlib import Path

from data_factory.service.vault import new_key
from tests.api.factory import made
from tests.cli.conftest import CommandLine
from tests.running import running_server


def test_a_server_on_the_new_key_alone_has_all_its_secrets(tmp_path: Path, stranger: CommandLine) -> None:
    data = tmp_path / "data"
    with running_server(data) as server:
        with server.client() as api:
            made(api.post("/variables", json={"key": "token", "value": "s3cret", "secret": True}))
        refused = stranger("store", "rotate-secrets", "--data-dir", str(data), code=2)
        assert "is in use" in refused.err
    keys, new = data / "secret-key", new_key()
    keys.write_text(f"{new}\n{keys.read_text()}")
    rotated = stranger("store", "rotate-secrets", "--data-dir", str(data), "--json")
    assert rotated.json == {"secrets": 1}
    assert "throw them away" in rotated.err
    with running_server(data, DATA_FACTORY_SECRET_KEY=new) as server:
        assert server.stop() == 0
