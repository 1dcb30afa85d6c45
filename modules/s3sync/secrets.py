"""Keeping passwords: encrypted in the database, masked wherever a URL is shown.

The key is a file of the application (``private/s3sync.key``), never in the database, so that a copy of the database
alone opens nothing. Values written before there was encryption stay readable until they are saved again.
"""
from __future__ import annotations

import logging
import os
import re
import stat
import tempfile
import time
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from .errors import SecretError

__all__ = ["Vault", "mask"]

log = logging.getLogger(__name__)

PREFIX: Final = "s3sync1:"
HASHED: Final = "pbkdf2("          # how web2py's CRYPT marks a value that cannot be turned back
TYPE_AGAIN: Final = "Type the passwords of the repositories again"
KEY_LENGTH: Final = 44             # characters of a Fernet key: 32 bytes in base64

# Greedy up to the last "@": a password typed with a raw "@" or "/" must not be shown in part.
USERINFO: Final = re.compile(r"//([^\s@/?#:]*):\S*@")


def mask(url: str) -> str:
    """`url` without its password, to be shown: ``http://user:***@host``."""
    return USERINFO.sub(r"//\1:***@", url or "")


class Vault:
    """Encrypts and decrypts the passwords of one application.

    Parameters
    ----------
    folder
        Where the key lives, ``<application>/private``. Made, like the key, at the first `encrypt`.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder) / "s3sync.key"

    def __repr__(self) -> str:
        return f"<Vault {self.path}>"

    def encrypt(self, text: str | None) -> str:
        """The token to store for `text`; nothing stays nothing."""
        if not text:
            return ""
        if not os.path.exists(self.path):
            self._make_key()
        token = self._seal(text)
        if token is None:
            raise SecretError(f"{self.path} is no key",
                              hint=f"Restore it from a backup. If there is none, remove it and: {TYPE_AGAIN}")
        return PREFIX + token

    def decrypt(self, stored: str | None) -> str:
        """The clear text of a stored value.

        Values without our prefix were stored in clear text by Eden and are returned as they are.

        Raises
        ------
        SecretError
            The value was made with another key, is damaged, or was hashed and so cannot be turned back.
        """
        if not stored:
            return ""
        if stored.startswith(HASHED):
            raise SecretError("it was stored as a hash", hint=TYPE_AGAIN)
        if not self.is_encrypted(stored):
            return stored
        if not os.path.exists(self.path):
            raise SecretError(f"the key {self.path} is missing",
                              hint=f"Restore it from a backup. If there is none: {TYPE_AGAIN}")
        text = self._open(stored[len(PREFIX):])
        if text is None:
            raise SecretError(f"the key {self.path} is not the one it was stored with",
                              hint=f"Restore that key from a backup. If there is none: {TYPE_AGAIN}")
        return text

    @staticmethod
    def is_encrypted(stored: str | None) -> bool:
        """Whether a stored value is a token of a vault (any vault)."""
        return bool(stored) and str(stored).startswith(PREFIX)

    def warning(self) -> str:
        """What an administrator should know about the key file: empty if nothing."""
        try:
            mode = self.path.stat().st_mode
        except OSError:
            return ""
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            return f"Other users of this machine can read {self.path}: chmod 600 {self.path}"
        return ""

    # The key is a local variable only of methods that raise nothing: error tickets show the variables of the others.

    def _seal(self, text: str) -> str | None:
        key = self._key()
        try:
            return Fernet(key).encrypt(text.encode("utf-8")).decode("ascii")
        except ValueError:
            return None

    def _open(self, token: str) -> str | None:
        key = self._key()
        try:
            return Fernet(key).decrypt(token.encode("utf-8")).decode("utf-8")
        except (InvalidToken, ValueError):
            return None

    def _key(self) -> bytes:
        # Read each time: another process may have restored or replaced the file since.
        key = b""
        for wait in (0.01, 0.1, 0.5, 0.0):
            key = self._read()
            if len(key) >= KEY_LENGTH:
                break
            time.sleep(wait)        # a process on a file system without hard links is just writing it
        warning = self.warning()
        if warning:
            log.warning(warning)
        return key

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes().strip()
        except OSError as problem:
            reason = problem.strerror
        raise SecretError(f"{self.path}: {reason}", hint="The web server's user must own it")

    def _make_key(self) -> None:
        """Make the key file, unless another process does so at the same moment."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Written completely under another name and then linked: nobody ever sees half a key, and only one wins.
            handle, draft = tempfile.mkstemp(prefix=".s3sync-", suffix=".key", dir=self.path.parent)   # mode 600
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(Fernet.generate_key())
                    file.flush()
                    os.fsync(file.fileno())
                self._put(draft)
            finally:
                os.unlink(draft)
            return
        except OSError as problem:
            reason = problem.strerror
        raise SecretError(f"cannot make {self.path}: {reason}",
                          hint="The web server's user must be allowed to write there")

    def _put(self, draft: str) -> None:
        try:
            os.link(draft, self.path)
        except FileExistsError:
            return
        except OSError:             # a file system without hard links
            try:
                handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                return
            with os.fdopen(handle, "wb") as file:
                file.write(Path(draft).read_bytes())
                file.flush()
                os.fsync(file.fileno())
