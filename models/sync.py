"""Synchronization: tables, worker task and menu, if the deployment has the module enabled."""

from s3sync.app import attach

s3sync_app = attach(globals())

if s3sync_app is None:
    del s3sync_app
else:
    from s3sync.admin.menu import add_menu

    add_menu(s3sync_app)
