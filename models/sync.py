"""Synchronization: tables, worker task and menu, if the deployment has the module enabled."""

if "sync" in (globals().get("deployment_settings") or {}).get("modules", {}):
    from s3sync.app import attach

    s3sync_app = attach(globals())

    from s3sync.admin.menu import add_menu

    add_menu(s3sync_app)
