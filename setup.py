"""Everything is in setup.cfg; this adds the files that `s3sync install` copies to the wheel, as s3sync/dropin/."""
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PARTS = ("controllers/sync.py", "models/sync.py", "views/sync", "static/s3sync")


def dropin_files():
    for part in PARTS:
        place = ROOT / part
        for source in [place] if place.is_file() else sorted(place.rglob("*")):
            if source.is_file() and source.suffix != ".pyc" and "__pycache__" not in source.parts:
                yield source, source.relative_to(ROOT)


class BuildWithDropin(build_py):
    def run(self):
        super().run()
        if getattr(self, "editable_mode", False):      # a checkout has them beside modules/
            return
        folder = Path(self.build_lib) / "s3sync" / "dropin"
        shutil.rmtree(folder, ignore_errors=True)
        for source, path in dropin_files():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithDropin})
