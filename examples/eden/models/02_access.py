# -*- coding: utf-8 -*-
"""Who may do what, and the menus."""
may_edit = is_admin or (bool(auth.user) and auth.has_membership(role="Editor"))


def require_module(name):
    """404 for a module that is not enabled, 403 for one this user may not see."""
    module = deployment_settings.modules.get(name)
    if module is None:
        raise HTTP(404, T("Page not found"))
    if module.restricted and not auth.user:
        redirect(URL("default", "user", args="login", vars={"_next": URL(args=request.args, vars=request.get_vars)}))
    if module.access == "|1|" and not is_admin:
        raise HTTP(403, T("Insufficient Privileges"))


def entry(label, controller, function="index"):
    active = request.controller == controller and function in ("index", request.function)
    return (label, active, URL(controller, function), [])


response.menu = [entry(T("Home"), "default")]
if auth.user:
    response.menu += [
        entry(T("Organizations"), "org", "organisation"),
        entry(T("Offices"), "org", "office"),
        entry(T("Locations"), "gis", "location"),
        entry(T("Airports"), "transport", "airport"),
    ]
if is_admin:
    response.menu.append(
        (T("Administration"), request.controller == "admin", URL("admin", "index"), [
            (T("Users"), request.function == "user" and request.controller == "admin", URL("admin", "user"), []),
            (T("Roles"), request.function == "group", URL("admin", "group"), []),
        ]))
