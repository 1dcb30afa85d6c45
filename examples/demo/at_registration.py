"""Runs in a site's shell: registers the peer, with tasks, and a user for it to log in as.

`arguments`: repository {name, uuid, url, username, password, accept_push}, tasks [{resource_name, mode, components}],
user {email, password, name} or None, permissions {table: [method, …]}. Answers with the id of the repository.
"""
repository = dict(arguments["repository"])
if repository.get("password"):
    repository["password"] = s3sync_app.vault.encrypt(repository["password"])
repository_id = db.sync_repository.insert(**repository)
for task in arguments["tasks"]:
    db.sync_task.insert(repository_id=repository_id, **task)

user = arguments["user"]
if user:
    role = s3sync_app.settings.page_role          # may call the REST endpoints, nothing more
    group_id = auth.id_group(role) or auth.add_group(role, "Peers that synchronize with this site")
    user_id = db.auth_user.insert(first_name=user["name"], last_name="(peer)", email=user["email"],
                                  password=db.auth_user.password.validate(user["password"])[0])
    auth.add_membership(group_id, user_id)
    for table, methods in arguments["permissions"].items():
        for method in methods:
            auth.add_permission(group_id, method, table, 0)

answer = repository_id
