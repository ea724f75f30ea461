"""How secrets are kept: encrypted with AES-256-GCM, by a key that is not in the database.

What is kept says by which key it was encrypted (not which key that is), and is bound to the account and to the key of
the variable: in another row of the database it is worth nothing.

>>> vault = Vault(parse_key(new_key()))
>>> vault.unseal(vault.seal("account", "token", "s3cret"), "account", "token")
's3cret'
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data_factory.model.errors import NoSecretKey, SecretUnreadable
from data_factory.model.records import SecretRecord
from data_factory.model.variables import Mask

KEY_FILE: Final = "secret-key"
ENVIRONMENT: Final = "DATA_FACTORY_SECRET_KEY"

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class UnusableSecretKey(Exception):
    """The key of the secrets is not one, or not that of the secrets that are there; the message says what to do."""


class Vault:
    """Encrypts secrets with the first of its keys, and decrypts what any of them has encrypted. Without a key it does
    neither, and says so."""

    def __init__(self, *keys: bytes) -> None:
        self._ciphers = {_name(key): AESGCM(key) for key in keys}
        self._fingerprint = hmac.digest(keys[0], b"fingerprint", "sha256") if keys else b""
        self._name = _name(keys[0]) if keys else ""
        self._cipher = self._ciphers.get(self._name)

    @property
    def seals_with(self) -> str:
        """The name of the key that it encrypts with, with which all begins that it seals; empty without a key."""
        return self._name

    def seal(self, account_id: str, key: str, secret: str) -> str:
        """A secret as it is kept, for the variable with this key.

        Raises:
            NoSecretKey: there is no key to encrypt it with.
        """
        if self._cipher is None:
            raise NoSecretKey
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), _place(account_id, key))
        return f"{self._name}.{b64encode(nonce + sealed).decode()}"

    def unseal(self, sealed: str, account_id: str, key: str) -> str:
        """What was sealed.

        Raises:
            SecretUnreadable: it was sealed with another key, or for another variable, or was changed since.
        """
        name, _, text = sealed.partition(".")
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise SecretUnreadable(f"The secret {key!r} was encrypted with another key than this server has.")
        data = b64decode(text)
        try:
            return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _place(account_id, key)).decode()
        except InvalidTag:
            raise SecretUnreadable(f"The secret {key!r} was changed in the database, and cannot be read.") from None

    def mask(self, secrets: Iterable[SecretRecord]) -> Mask:
        """What takes these secrets out of what is to be kept.

        Raises:
            SecretUnreadable: one of them cannot be read.
        """
        return Mask([self.unseal(one.value, one.account_id, one.key) for one in secrets])

    def fingerprint(self, text: str) -> str:
        """A fingerprint that tells nobody without the key what it is of.

        Raises:
            NoSecretKey: there is no key.
        """
        if self._cipher is None:
            raise NoSecretKey
        return hmac.digest(self._fingerprint, text.encode(), hashlib.sha256).hex()


def new_key() -> str:
    """A new key, as text: 32 bytes in Base64."""
    return b64encode(os.urandom(_KEY_BYTES)).decode()


def parse_keys(text: str) -> list[bytes]:
    """Keys from their text, one or several with spaces, commas or line ends between them: the first one encrypts.

    Raises:
        UnusableSecretKey: one of them is not 32 bytes in Base64, or there is none.
    """
    return [parse_key(key) for key in re.split(r"[\s,]+", text.strip(" \t\r\n,"))]


def parse_key(text: str) -> bytes:
    """A key from its text.

    Raises:
        UnusableSecretKey: it is not 32 bytes in Base64.
    """
    try:
        key = b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise UnusableSecretKey(
            f"{ENVIRONMENT} is not a key: it must be {_KEY_BYTES} bytes in Base64, as `openssl rand -base64 32` prints."
        )
    return key


def keys_in(directory: Path) -> list[bytes]:
    """The keys that are kept in a directory: one, unless somebody replaces it. The first time, one is made, which only
    its owner can read.

    Raises:
        UnusableSecretKey: what is kept there is not a key.
        OSError: it can be neither read nor made.
    """
    path = directory / KEY_FILE
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(new_key() + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    try:
        return parse_keys(path.read_text(encoding="ascii"))
    except (UnusableSecretKey, UnicodeDecodeError):
        raise UnusableSecretKey(f"{path} has no key in it: put the one back that was there.") from None


def _name(key: bytes) -> str:
    return hmac.digest(key, b"name", "sha256").hex()[:8]


def _place(account_id: str, key: str) -> bytes:
    return f"{account_id}\n{key}".encode()
