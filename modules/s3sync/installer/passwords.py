"""Stored passwords when the module leaves: Eden's own module can only read clear text.

The application itself turns them back, in a shell of web2py's: it alone knows its database.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import InstallError
from .application import Application
from .manifest import Manifest

#: before the script's answer in what the shell prints
MARK = "s3sync-passwords:"

SCRIPT = f"""\
import json
from s3sync.takeover.passwords import decrypt_all
s3sync_app.serve()
print("{MARK}" + json.dumps(decrypt_all(db, s3sync_app.vault)))
"""

#: seconds; the first start of a large application takes its time
PATIENCE = 300


def needed(application: Application) -> bool:
    """Is there another module to return to, and were passwords encrypted here?"""
    manifest = Manifest.read(application)
    replaced = manifest is not None and "controllers/sync.py" in manifest.files and manifest.files["controllers/sync.py"].replaced
    return bool(replaced) and (application.folder / "private/s3sync.key").exists()


def turn_back(application: Application, python: str = sys.executable) -> tuple[int, list[str]]:
    """Decrypt all; their number, and the repositories whose passwords are lost. Raises InstallError if that cannot be done.

    Parameters
    ----------
    python : the interpreter that the application's web2py runs with
    """
    root = application.folder.parent.parent
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "passwords.py"
        script.write_text(SCRIPT, encoding="utf-8")
        # a path means what it means to who typed it; its links stay as they are: a virtual environment's is one
        interpreter = os.path.abspath(python) if os.path.dirname(python) else python
        command = [interpreter, "web2py.py", "-S", application.folder.name, "-M", "-R", str(script)]
        try:
            done = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True,
                                  text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InstallError(f"the stored passwords could not be turned back into clear text: {error}", hint=_hint()) from error
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            count, lost = json.loads(line[len(MARK):])
            return int(count), list(lost)
    said = (done.stderr or done.stdout).strip().splitlines()
    raise InstallError("the stored passwords could not be turned back into clear text"
                       + (f": {said[-1]}" if said else ""), hint=_hint())


def _hint() -> str:
    return ("Nothing was changed. Name the Python that web2py runs with by --python, or go on without by --keep-encrypted: "
            "then the passwords of the repositories have to be typed again")
