"""Stored secrets and the pages: they can be replaced and removed there, never seen."""
from __future__ import annotations

from ..errors import SecretError
from ..secrets import Vault, mask


def readable(vault: Vault, stored: str | None) -> str:
    """The clear text of a stored value; "" for none, or if it cannot be read (`problem` says why)."""
    try:
        return vault.decrypt(stored)
    except SecretError:
        return ""


def problem(vault: Vault, stored: str | None) -> str:
    """What is wrong with a stored secret, for the administrator; "" if nothing is."""
    try:
        vault.decrypt(stored)
    except SecretError as error:
        return error.message
    return ""


def shown_proxy(vault: Vault, stored: str | None) -> str:
    """A stored proxy address for the page, its password masked."""
    return mask(readable(vault, stored))


def stored_proxy(vault: Vault, url: str | None) -> str | None:
    """A proxy address as it is stored: encrypted if it holds a password."""
    if not url:
        return None
    return vault.encrypt(url) if mask(url) != url else url
