"""The schedule of a repository."""
from __future__ import annotations

import json
import re
from typing import Any

import pytest
from furnishing import add_job, pages, row, text
from visitor import Visitor


class TestSchedule:
    def test_the_job_is_what_eden_would_make(self, site: Any, admin: Visitor, repository: int) -> None:
        answer = add_job(admin, repository, start_time="2027-01-31T06:30", stop_time="2027-12-31T00:00", repeats="12",
                         period="6", period_unit="hours", timeout="90", timeout_unit="minutes", retry_failed="3")
        assert answer.url.endswith("/job") and "has been saved" in text(answer)
        job = row(site, "scheduler_task", id=row(site, "sync_job", repository_id=repository)["scheduler_task_id"])
        assert (job["application_name"], job["function_name"], job["status"], job["enabled"]) == (
            "eden/default", "sync_synchronize", "QUEUED", "T")
        assert json.loads(job["args"]) == [repository] and json.loads(job["vars"]) == {"user_id": 1}
        assert (job["repeats"], job["period"], job["timeout"], job["retry_failed"]) == (12, 21600, 5400, 3)
        assert job["start_time"] == job["next_run_time"] == "2027-01-31 06:30:00"
        assert job["stop_time"] == "2027-12-31 00:00:00"
        assert "Every 6 hours" in text(answer) and "2027-01-31 06:30" in text(answer) and "0 of 12" in text(answer)

    def test_without_limit_by_default(self, site: Any, admin: Visitor, repository: int) -> None:
        add_job(admin, repository)
        job = row(site, "scheduler_task", id=row(site, "sync_job", repository_id=repository)["scheduler_task_id"])
        assert job["repeats"] == 0 and job["stop_time"] is None

    @pytest.mark.parametrize("values, message", [
        ({"start_time": ""}, "Enter a date and time"),
        ({"start_time": "tomorrow"}, "Enter a date and time like"),
        ({"start_time": "2027-01-02T00:00", "stop_time": "2027-01-01T00:00"}, "stop after it starts"),
        ({"start_time": "2020-01-01T00:00", "stop_time": "2020-01-02T00:00"}, "This time is over"),
        ({"repeats": "-1"}, "whole number"),
        ({"repeats": "many"}, "whole number"),
        ({"period": "0"}, "whole number"),
        ({"period": "1", "period_unit": "years"}, "whole number"),
        ({"retry_failed": "-2"}, "whole number"),
        ({"cronline": "every night"}, "This is no cron line"),
        ({"cronline": "61 2 * * *"}, "This is no cron line"),
        ({"cronline": "0 2 * * 1#2"}, "worker does not understand this cron line")])
    def test_what_is_wrong_is_said(self, site: Any, admin: Visitor, repository: int, values: dict[str, str],
                                   message: str) -> None:
        answer = add_job(admin, repository, **values)
        assert "Nothing was saved" in text(answer) and message in text(answer)
        assert row(site, "sync_job", repository_id=repository) is None

    def test_changing_leaves_the_plan_alone(self, site: Any, admin: Visitor, repository: int) -> None:
        """The time of the next run changes only with the start or the period."""
        add_job(admin, repository, start_time="2026-01-01T00:00")
        job = row(site, "sync_job", repository_id=repository)["scheduler_task_id"]
        site.shell("db(db.scheduler_task.id == arguments).update(next_run_time='2030-05-05 05:05:05', times_run=7)", job)
        address = f"/sync/repository/{repository}/job/{job}"
        admin.send(address, "sync_job", enabled=None)
        stored = row(site, "scheduler_task", id=job)
        assert (stored["enabled"], stored["next_run_time"], stored["times_run"]) == ("F", "2030-05-05 05:05:05", 7)
        admin.send(address, "sync_job", enabled="on", period="3", period_unit="hours")
        assert row(site, "scheduler_task", id=job)["next_run_time"] < "2030"

    def test_a_job_that_failed_can_be_reset(self, site: Any, admin: Visitor, repository: int) -> None:
        add_job(admin, repository)
        job = row(site, "sync_job", repository_id=repository)["scheduler_task_id"]
        address = f"/sync/repository/{repository}/job"
        assert "Reset…" not in text(admin.get(address))
        assert "only a job that failed" in text(admin.send(f"{address}/{job}/reset", "sync_job_reset"))
        site.shell("db(db.scheduler_task.id == arguments).update(status='FAILED', times_failed=4)", job)
        assert "Failed" in text(admin.get(address)) and "Reset…" in text(admin.get(address))
        assert "has been reset" in text(admin.send(f"{address}/{job}/reset", "sync_job_reset"))
        stored = row(site, "scheduler_task", id=job)
        assert (stored["status"], stored["times_failed"]) == ("QUEUED", 0)

    def test_deleting(self, site: Any, admin: Visitor, repository: int) -> None:
        add_job(admin, repository)
        job = row(site, "sync_job", repository_id=repository)["scheduler_task_id"]
        assert "has been deleted" in text(admin.send(f"/sync/repository/{repository}/job/{job}/delete", "sync_job_delete"))
        assert row(site, "scheduler_task", id=job) is None
        assert "No job is planned" in text(admin.get(f"/sync/repository/{repository}/job"))

    def test_in_words_with_the_next_five_times(self, site: Any, admin: Visitor, repository: int) -> None:
        site.shell("db(db.sync_repository.id == arguments).update(allowed_hours='mon-fri 20:00-06:00')", repository)
        answer = add_job(admin, repository, start_time="2040-01-02T19:50", period="10", period_unit="minutes")     # a Monday
        assert "Every 10 minutes, Monday to Friday 20:00 to 06:00" in text(answer)
        found = re.findall(r"<li>(2040-[^<]*)</li>", answer.text)
        assert found == [f"2040-01-02 20:{minute}0" for minute in range(5)]

    def test_by_a_cron_line(self, site: Any, admin: Visitor, repository: int) -> None:
        answer = add_job(admin, repository, start_time="2040-01-02T02:30", cronline=" 30 2  * * mon-fri ")
        assert "Monday to Friday at 02:30" in text(answer)
        assert re.findall(r"<li>(2040-[^<]*)</li>", answer.text) == [
            f"2040-01-0{day} 02:30" for day in (2, 3, 4, 5, 6)]                     # its start is one of its times
        job = of(site, repository)
        assert (job["cronline"], job["next_run_time"], job["period"]) == ("30 2 * * mon-fri", "2040-01-02 02:30:00", 600)
        admin.send(f"/sync/repository/{repository}/job/{job['id']}", "sync_job", cronline="0 12 * * *")
        assert of(site, repository)["next_run_time"] == "2040-01-02 12:00:00"
        admin.send(f"/sync/repository/{repository}/job/{job['id']}", "sync_job", cronline="")
        assert (of(site, repository)["cronline"], of(site, repository)["next_run_time"]) == (None, "2040-01-02 02:30:00")

    @pytest.mark.parametrize("status, result, trace, shown", [
        ("COMPLETED", '"success"', None, "Success"), ("COMPLETED", '"warning"', None, "Warning"),
        ("COMPLETED", '"fatal"', None, "Error"), ("COMPLETED", "null", None, "Completed"),
        ("FAILED", None, "Traceback\n  somewhere\nValueError: <b>no</b>", "Failed ValueError: <b>no</b>"),
        ("TIMEOUT", None, None, "Took too long"), ("RUNNING", None, None, "Running")])
    def test_the_last_run_and_its_result(self, site: Any, admin: Visitor, repository: int, status: str, result: str,
                                         trace: str, shown: str) -> None:
        """A job that was performed has not always succeeded."""
        add_job(admin, repository)
        site.shell("db.scheduler_run.insert(start_time='2026-01-01 10:00:00', **arguments)",
                   {"task_id": of(site, repository)["id"], "status": status, "run_result": result, "traceback": trace})
        assert f"2026-01-01 10:00 {shown}" in text(admin.get(f"/sync/repository/{repository}/job"))

    def test_pausing_one(self, site: Any, admin: Visitor, repository: int) -> None:
        add_job(admin, repository)
        address, number = f"/sync/repository/{repository}/job", of(site, repository)["id"]
        answer = admin.send(address, "sync_job_action", pause=number)
        assert "The job is paused" in text(answer) and "none, until it is resumed" in text(answer)
        assert of(site, repository)["enabled"] == "F"
        answer = admin.send(address, "sync_job_action", resume=number)
        assert of(site, repository)["enabled"] == "T" and "Waiting for its time" in text(answer)

    def test_the_job_of_another_repository_is_left_alone(self, site: Any, admin: Visitor, repository: int, shared: int) -> None:
        add_job(admin, repository)
        answer = admin.send(f"/sync/repository/{repository}/job", "sync_job_action", pause=of(site, shared)["id"])
        assert "there is no such job" in text(answer) and of(site, shared)["enabled"] == "T"

    def test_run_now(self, site: Any, admin: Visitor, furnished: int) -> None:
        """Also what is paused: as if somebody had pressed Synchronize Now."""
        address, number = f"/sync/repository/{furnished}/job", of(site, furnished)["id"]
        admin.send(address, "sync_job_action", pause=number)
        answer = admin.send(address, "sync_job_action", run=number)
        assert answer.url.endswith("/now") and "waiting for a worker, but none is running" in text(answer)
        queued, = site.sql("SELECT * FROM scheduler_task WHERE args = ? AND id <> ?", [json.dumps([furnished]), number])
        assert json.loads(queued["vars"])["manual"] is True

    def test_no_worker(self, admin: Visitor, repository: int) -> None:
        assert "python web2py.py -K eden -Q" in add_job(admin, repository).text

    def test_jobs_of_eden_go_on_unchanged(self, site: Any, admin: Visitor, repository: int) -> None:
        """Shown, paused and changed without a look at what Eden never sets."""
        number = site.shell("""
import datetime
job = db.scheduler_task.insert(application_name="eden/default", task_name="0c1a9f0e-7a52-4f4e-8a52-0c1a9f0e7a52",
    function_name="sync_synchronize", args=str([arguments]), vars='{"user_id": 1}', start_time="2020-05-01 10:20:30",
    next_run_time="2040-05-01 10:20:30", repeats=0, period=1200, timeout=600, retry_failed=None, times_run=777,
    cronline=None, prevent_drift=None, sync_output=None, times_failed=None, assigned_worker_name="gone#1")
db.sync_job.insert(repository_id=arguments, scheduler_task_id=job)
answer = job
""", repository)
        before = of(site, repository)
        address = f"/sync/repository/{repository}/job"
        page = text(admin.get(address))
        assert "Every 20 minutes" in page and "2040-05-01 10:20" in page and "10 minutes" in page
        answer = admin.send(f"{address}/{number}", "sync_job")
        assert "has been saved" in text(answer)
        after = of(site, repository)
        assert {name: after[name] for name in after.keys() if after[name] != before[name]} == {"retry_failed": 0}


class TestStanding:
    """What the lists of repositories say of the next run."""

    @pytest.fixture
    def named(self, site: Any, admin: Visitor, repository: int) -> int:
        """A repository with a job, and a name that stands nowhere else."""
        add_job(admin, repository, start_time="2040-01-02T19:50")
        site.shell("db(db.sync_repository.id == arguments).update(name='Standing %s' % arguments)", repository)
        return repository

    @pytest.mark.parametrize("values, shown", [
        ({"retry_failed": 1}, "2040-01-02 19:50"), ({"next_run_time": "2026-01-01 10:00:00"}, "overdue since 2026-01-01 10:00"),
        ({"next_run_time": "2026-01-01 10:00:00", "status": "RUNNING"}, ""), ({"enabled": False}, "–"),
        ({"status": "FAILED"}, "– a job has stopped"), ({"status": "TIMEOUT", "enabled": False}, "–")])
    def test_the_next_run(self, site: Any, admin: Visitor, named: int, values: dict[str, Any], shown: str) -> None:
        site.shell("db(db.scheduler_task.id == arguments[0]).update(**arguments[1])", [of(site, named)["id"], values])
        for address in ("/sync/index", "/sync/repository"):
            line = text(admin.get(address)).partition(f"Open Standing {named} ")[2].partition(" Open ")[0]
            assert f"none yet {shown}" in line, line
            assert ("overdue" in line) == ("overdue" in shown) and ("stopped" in line) == ("stopped" in shown)


class TestLimits:
    @pytest.mark.parametrize("values, stored", [
        ({"allowed_hours": "Mon-Fri 20:00-6:00;sat 0:00-24:00", "bandwidth": " 64 "},
         ("mon-fri 20:00-06:00; sat 00:00-24:00", 64)),
        ({"allowed_hours": "", "bandwidth": ""}, (None, None))])
    def test_they_are_stored(self, site: Any, admin: Visitor, repository: int, values: dict[str, str], stored: Any) -> None:
        answer = admin.send(f"/sync/repository/{repository}/job", "sync_limits", **values)
        assert "have been saved" in text(answer)
        found = row(site, "sync_repository", id=repository)
        assert (found["allowed_hours"], found["bandwidth"]) == stored

    @pytest.mark.parametrize("values, message", [
        ({"allowed_hours": "at night"}, "'at night' is no time like mon-fri 20:00-06:00"),
        ({"allowed_hours": "mon 25:00-26:00"}, "25:00 is no time of day"),
        ({"bandwidth": "0"}, "kilobytes per second"), ({"bandwidth": "-5"}, "kilobytes per second"),
        ({"bandwidth": "fast"}, "kilobytes per second"), ({"bandwidth": "1.5"}, "kilobytes per second")])
    def test_what_is_wrong_is_said(self, site: Any, admin: Visitor, repository: int, values: dict[str, str],
                                   message: str) -> None:
        answer = admin.send(f"/sync/repository/{repository}/job", "sync_limits", **values)
        assert "Nothing was saved" in text(answer) and message in text(answer)
        found = row(site, "sync_repository", id=repository)
        assert (found["allowed_hours"], found["bandwidth"]) == (None, None)

    def test_a_mistake_that_is_stored_is_told(self, site: Any, admin: Visitor, repository: int) -> None:
        site.shell("db(db.sync_repository.id == arguments).update(allowed_hours='at night')", repository)
        assert "are not understood" in text(admin.get(f"/sync/repository/{repository}/job"))


class TestPausingEverything:
    def test_every_page_says_so(self, site: Any, admin: Visitor, shared: int) -> None:
        """Asks first; nothing runs until it is resumed."""
        assert not site.sql("SELECT id FROM sync_pause")
        answer = admin.send("/sync/pause", "sync_pause")
        assert "Everything is paused." in text(answer) and site.sql("SELECT user_id FROM sync_pause")[0]["user_id"] == 1
        for address in pages(site, shared):
            assert ("Everything is paused since" in text(admin.get(address))) != address.endswith("/progress"), address
        job = of(site, shared)
        assert "none, everything is paused" in text(admin.get(f"/sync/repository/{shared}/job"))
        assert site.shell("answer = s3sync_app.synchronize(arguments)", shared) == "warning"
        assert row(site, "sync_log", repository_id=shared)["message"].startswith("Not synchronized: the schedules")
        answer = admin.send("/sync/pause", "sync_resume")
        assert "run again" in text(answer) and "Everything is paused" not in text(admin.get("/sync/index"))
        assert tuple(of(site, shared)) == tuple(job)


def of(site: Any, repository: int) -> Any:
    """The row of the repository's only job."""
    return row(site, "scheduler_task", id=row(site, "sync_job", repository_id=repository)["scheduler_task_id"])
