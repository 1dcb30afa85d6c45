# -*- coding: utf-8 -*-
"""The first run of a new site: roles and the first administrator."""
ROLES = (
    ("Administrator", "System Administrator - can access & make changes to any data"),
    ("Authenticated", "Authenticated - all logged-in users"),
    ("Anonymous", "Unauthenticated users"),
    ("Editor", "Editor - can access & make changes to any unprotected data"),
)

if db(db.auth_group.id > 0).isempty():
    for role, description in ROLES:      # Administrator gets id 1
        db.auth_group.insert(role=role, description=description)
    admin_id = db.auth_user.insert(
        first_name="Admin", last_name="User", email="admin@example.com",
        password=db.auth_user.password.validate("testing")[0])
    db.auth_membership.insert(user_id=admin_id, group_id=ADMIN)
    db.commit()
