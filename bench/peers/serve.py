"""What the peers of the hamming bench have in common: they answer lines, see bench/lib/peer.mjs.

Usage of each: PEER.py CODES.npy QUERIES.npy BITS K [VARIANT]
"""

import gc
import json
import sys
import time

import numpy as np


def serve(version, load):
    """load(codes, bits, variant) returns (search(queries, k, threads) -> (distances, rows), settings)."""
    codes, queries, bits, k = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    variant = sys.argv[5] if len(sys.argv) > 5 else ""
    for line in sys.stdin:
        command, *words = line.split()
        if command == "hello":
            answer = {"version": version}
        elif command == "load":
            search, settings = load(np.load(codes), bits, variant)
            asked = np.load(queries)
            gc.collect()
            answer = {"settings": settings}
        else:
            start, count, threads = (int(word) for word in words[:3])
            size = 1 if words[3] == "single" else count
            calls = [asked[i : i + size] for i in range(start, start + count, size)]
            started = time.perf_counter()
            hits = [search(call, k, threads) for call in calls]
            answer = {"seconds": time.perf_counter() - started}
            if words[4] == "hits":
                found = [row_hits(d, r) for distances, rows in hits for d, r in zip(distances, rows)]
                answer["distances"], answer["rows"] = ([query[i] for query in found] for i in (0, 1))
        print(json.dumps(answer), flush=True)


def row_hits(distances, rows):
    """As lists, without the places that were left empty."""
    there = np.asarray(rows).astype(np.int64) >= 0
    return np.asarray(distances)[there].astype(int).tolist(), np.asarray(rows)[there].astype(int).tolist()
