# -*- coding: utf-8 -*-
"""Site administration: users and roles."""
require_module("admin")


def index():
    return dict()


def user():
    """All users with their roles; a new one, a new password, roles to give."""
    response.view = "admin/users.html"
    table = db.auth_user
    form = SQLFORM(table, request.args(0), fields=["first_name", "last_name", "email", "password"], showid=False,
                   submit_button=T("Save"))
    if form.process().accepted:
        session.flash = T("User saved")
        redirect(URL("user"))
    roles = {}
    members = db(db.auth_membership.group_id == db.auth_group.id)
    for row in members.select(db.auth_membership.user_id, db.auth_group.role):
        roles.setdefault(row.auth_membership.user_id, []).append(row.auth_group.role)
    return dict(form=form, users=db(table.id > 0).select(orderby=table.email), roles=roles)


def group():
    """All roles; who has one."""
    response.view = "admin/roles.html"
    form = SQLFORM(db.auth_membership, submit_button=T("Give role"))
    if form.process().accepted:
        session.flash = T("Role given")
        redirect(URL("group"))
    new = SQLFORM(db.auth_group, submit_button=T("Add role"))
    if new.process(formname="new").accepted:
        session.flash = T("Role added")
        redirect(URL("group"))
    return dict(form=form, new=new, roles=db(db.auth_group.id > 0).select(orderby=db.auth_group.id))
