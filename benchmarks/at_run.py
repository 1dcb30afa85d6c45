"""Runs in the client site's shell: synchronises with the other site, in this process, with a clock around it.

`arguments`: task {resource_name, mode, components}, times (how often), profile (file for cProfile's figures, or None).
Answers with seconds (of each time), cpu (seconds of this process), peak_kb, and for the last time status, message and
the columns of sync_run_task.
"""
import time

task = arguments["task"]
if db((db.sync_task.resource_name == task["resource_name"]) & (db.sync_task.mode == task["mode"])).isempty():
    db(db.sync_task.id > 0).delete()
    db.sync_task.insert(repository_id=arguments["repository_id"], **task)
    db.commit()

profiler = None
if arguments.get("profile"):
    import cProfile
    profiler = cProfile.Profile(time.process_time)

seconds = []
cpu = time.process_time()
for _ in range(arguments["times"]):
    began = time.perf_counter()
    if profiler:
        profiler.enable()
    status = s3sync_app.synchronize(arguments["repository_id"], 1, True)
    if profiler:
        profiler.disable()
    seconds.append(time.perf_counter() - began)
cpu = time.process_time() - cpu
if profiler:
    profiler.dump_stats(arguments["profile"])

with open("/proc/self/status") as source:
    peak_kb = next(int(line.split()[1]) for line in source if line.startswith("VmHWM"))
run = db(db.sync_run.id > 0).select(orderby=~db.sync_run.id, limitby=(0, 1)).first()
steps = db(db.sync_run_task.run_id == run.id).select()
counted = ("records", "created", "updated", "unchanged", "waiting", "rejected", "conflicts", "bytes", "seconds")
answer = {
    "status": status,
    "message": "; ".join(step.message or "" for step in steps) or run.message or "",
    "seconds": seconds,
    "cpu": cpu,
    "peak_kb": peak_kb,
    "step": {name: sum(step[name] or 0 for step in steps) for name in counted},
}
