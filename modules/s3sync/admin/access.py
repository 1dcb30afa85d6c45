"""Who may see and change the configuration."""
from __future__ import annotations

from typing import Any

#: Names of the administrators' role: Eden's, web2py's customary one
ADMIN_ROLES = ("Administrator", "ADMIN", "admin")


def is_administrator(auth: Any) -> bool:
    """Is an administrator logged in?"""
    if not auth.is_logged_in():
        return False
    if hasattr(auth, "s3_has_role"):        # Eden knows its roles by uid
        return bool(auth.s3_has_role("ADMIN"))
    return any(auth.has_membership(role=role) for role in ADMIN_ROLES)
