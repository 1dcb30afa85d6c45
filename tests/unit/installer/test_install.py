"""Installing, upgrading, uninstalling, refusing."""
from __future__ import annotations

import os
import py_compile
from pathlib import Path

import pytest

from s3sync.errors import InstallError
from s3sync.installer import Application, Payload, install, uninstall

from .conftest import NEW, OLD, fill, tree


def contents(appdir: Path, files: dict[str, str]) -> dict[str, str]:
    return {name: (appdir / name).read_text() for name in files}


def test_install_puts_every_file_in_place_and_uninstall_restores_byte_for_byte(appdir: Path, old: Payload) -> None:
    before = tree(appdir)
    plan = install(Application(appdir), old)
    assert contents(appdir, OLD) == OLD
    assert {step.path: step.action for step in plan.steps}["controllers/sync.py"] == "replace"
    assert {step.path: step.action for step in plan.steps}["static/s3sync/s3sync.css"] == "new"
    assert (appdir / "views/sync/dataset.html").read_text() == "Eden's, not replaced\n"
    py_compile.compile(str(appdir / "modules/s3sync/__init__.py"))      # as a running web2py leaves it
    assert uninstall(Application(appdir)) is not None
    assert tree(appdir) == before


def test_dry_run_changes_nothing(appdir: Path, old: Payload) -> None:
    before = tree(appdir)
    assert len(install(Application(appdir), old, dry_run=True).changes) == len(OLD)
    assert tree(appdir) == before
    install(Application(appdir), old)
    installed = tree(appdir)
    plan = uninstall(Application(appdir), dry_run=True)
    assert plan and len(plan.steps) == len(OLD)
    assert tree(appdir) == installed


def test_both_are_safe_to_repeat(appdir: Path, old: Payload) -> None:
    before = tree(appdir)
    install(Application(appdir), old)
    installed = tree(appdir)
    assert install(Application(appdir), old).changes == []
    assert tree(appdir) == installed
    uninstall(Application(appdir))
    assert uninstall(Application(appdir)) is None
    assert tree(appdir) == before


def test_upgrade_brings_the_new_version_and_uninstall_still_restores_the_first_state(
        appdir: Path, old: Payload, new: Payload) -> None:
    before = tree(appdir)
    install(Application(appdir), old)
    plan = install(Application(appdir), new)
    assert contents(appdir, NEW) == NEW
    assert not (appdir / "modules/s3sync/old/gone.py").exists()
    assert {step.path: step.action for step in plan.changes} == {
        "controllers/sync.py": "update", "modules/s3sync/__init__.py": "update", "modules/s3sync/engine/run.py": "new",
        "views/sync/log.html": "new", "modules/s3sync/old/gone.py": "remove"}
    uninstall(Application(appdir))
    assert tree(appdir) == before


def test_folders_of_the_application_that_were_missing_go_again(tmp_path: Path, old: Payload) -> None:
    appdir = fill(tmp_path / "applications" / "bare", {"models/db.py": "", "controllers/default.py": ""})
    before = tree(appdir)
    install(Application(appdir), old)
    uninstall(Application(appdir))
    assert tree(appdir) == before


def test_installing_over_folders_copied_by_hand_works(appdir: Path, old: Payload, new: Payload) -> None:
    fill(appdir, OLD)
    before = tree(appdir)
    install(Application(appdir), new)
    assert contents(appdir, NEW) == NEW
    uninstall(Application(appdir))
    assert tree(appdir) == before


@pytest.mark.parametrize("path", ["controllers/sync.py", "modules/s3sync/__init__.py"])
def test_edited_files_stop_install_and_uninstall(appdir: Path, old: Payload, new: Payload, path: str) -> None:
    install(Application(appdir), old)
    (appdir / path).write_text("# improved by the deployment\n")
    edited = tree(appdir)
    with pytest.raises(InstallError, match=f"{path}.*--keep-edited"):
        install(Application(appdir), new)
    with pytest.raises(InstallError, match=f"{path}.*--keep-edited"):
        uninstall(Application(appdir))
    assert tree(appdir) == edited


def test_keep_edited_keeps_a_copy_and_goes_on(appdir: Path, old: Payload, new: Payload) -> None:
    before = tree(appdir)
    install(Application(appdir), old)
    (appdir / "controllers/sync.py").write_text("# mine, 1\n")
    install(Application(appdir), new, keep_edited=True)
    assert contents(appdir, NEW) == NEW
    (appdir / "controllers/sync.py").write_text("# mine, 2\n")
    plan = uninstall(Application(appdir), keep_edited=True)
    assert plan and "private/s3sync-install/edited/2/controllers/sync.py" in plan.notes[0]
    kept = {path: entry for path, entry in tree(appdir).items() if not path.startswith("private/s3sync-install")}
    assert kept == before
    copies = appdir / "private/s3sync-install/edited"
    assert (copies / "1/controllers/sync.py").read_text() == "# mine, 1\n"
    assert (copies / "2/controllers/sync.py").read_text() == "# mine, 2\n"


def test_a_lost_installed_file_is_put_back(appdir: Path, old: Payload) -> None:
    install(Application(appdir), old)
    (appdir / "modules/s3sync/__init__.py").unlink()
    install(Application(appdir), old)
    assert contents(appdir, OLD) == OLD


def test_a_damaged_original_stops_uninstall(appdir: Path, old: Payload) -> None:
    install(Application(appdir), old)
    (appdir / "private/s3sync-install/backup/controllers/sync.py").write_text("damaged")
    installed = tree(appdir)
    with pytest.raises(InstallError, match="controllers/sync.py"):
        uninstall(Application(appdir))
    assert tree(appdir) == installed


def test_folders_that_are_no_application_are_refused(tmp_path: Path, appdir: Path) -> None:
    with pytest.raises(InstallError, match="is no folder"):
        Application(tmp_path / "nowhere")
    with pytest.raises(InstallError, match="no folder models and no controllers"):
        Application(appdir.parent)
    elsewhere = fill(tmp_path / "eden", {"models/db.py": "", "controllers/default.py": ""})
    with pytest.raises(InstallError, match="within web2py"):
        Application(elsewhere)


@pytest.mark.parametrize("link", ["modules/s3sync", "modules", "private", "controllers/sync.py",
                                  "private/s3sync-install"])
def test_links_that_lead_elsewhere_are_refused(appdir: Path, old: Payload, tmp_path: Path, link: str) -> None:
    place = appdir / link
    elsewhere = tmp_path / "elsewhere"
    if place.exists():
        os.rename(place, elsewhere)
    else:
        elsewhere.mkdir()
    place.symlink_to(elsewhere)
    before, outside = tree(appdir), tree(tmp_path)
    with pytest.raises(InstallError, match="symbolic link"):
        install(Application(appdir), old)
    assert tree(appdir) == before and tree(tmp_path) == outside


@pytest.mark.parametrize("path", ["controllers/sync.py", "static/s3sync"])
def test_a_folder_where_a_file_belongs_and_the_reverse_are_refused(appdir: Path, old: Payload, path: str) -> None:
    if path.endswith(".py"):
        (appdir / path).unlink()
        (appdir / path).mkdir()
    else:
        fill(appdir, {path: "a file"})
    before = tree(appdir)
    with pytest.raises(InstallError, match="belongs there"):
        install(Application(appdir), old)
    assert tree(appdir) == before


def test_an_unreadable_manifest_is_named(appdir: Path, old: Payload) -> None:
    install(Application(appdir), old)
    (appdir / "private/s3sync-install/manifest.json").write_text("{")
    with pytest.raises(InstallError, match="manifest.json cannot be read"):
        uninstall(Application(appdir))


def test_two_installers_do_not_work_at_the_same_time(appdir: Path, old: Payload) -> None:
    with Application(appdir).locked(), pytest.raises(InstallError, match="another s3sync command"):
        install(Application(appdir), old)
    install(Application(appdir), old)


def test_only_sources_are_installed(tmp_path: Path, appdir: Path) -> None:
    root = fill(tmp_path / "dirty", OLD)
    py_compile.compile(str(root / "modules/s3sync/__init__.py"))
    fill(root, {"modules/s3sync/.cache/x": "x", "modules/s3sync/y.pyc": "x"})
    assert sorted(Payload.of(root, "1").files) == sorted(OLD)


def test_the_running_package_knows_its_own_files() -> None:
    files = Payload.own().files
    for path in ("controllers/sync.py", "models/sync.py", "modules/s3sync/__init__.py"):
        assert path in files
    assert any(path.startswith("views/sync/") for path in files)
    assert any(path.startswith("static/s3sync/") for path in files)
    assert not any("__pycache__" in path or path.endswith(".pyc") for path in files)
