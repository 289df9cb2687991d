"""Where the data sets are kept, and in which form."""

import subprocess
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "bench"


def fetched(name, command):
    """The folder NAME of the cache, in which COMMAND ran once."""
    folder = FOLDER / name
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (folder / "complete").touch()
    return folder


def shuffled(items, count=None):
    """COUNT of the items (default: all), drawn by a fixed seed: the order in which the bench wants rows."""
    order = np.random.default_rng(1).permutation(len(items))
    return [items[i] for i in order[:count]]


def save(name, vectors, labels):
    """Writes NAME-vectors.npy and NAME-labels.npy; classes are numbered in the order of their names."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    vectors = np.ascontiguousarray(vectors, dtype="<f4")
    classes, numbers = np.unique(labels, return_inverse=True)
    np.save(FOLDER / f"{name}-labels.npy", numbers.astype("<i4"))
    # The vectors get their name last and whole: by them the bench sees that the set is there.
    np.save(FOLDER / f"{name}-unfinished.npy", vectors)
    (FOLDER / f"{name}-unfinished.npy").rename(FOLDER / f"{name}-vectors.npy")
    print(f"{name}: {vectors.shape[0]} x {vectors.shape[1]}, {len(classes)} classes")
