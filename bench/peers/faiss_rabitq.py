"""faiss's IndexRaBitQ after a random rotation, queries not quantized, of rows at norm 1.

Usage: faiss_rabitq.py VECTORS.npy QUERIES SCORES
The first QUERIES rows ask, the others are searched. Writes minus half the estimated squared distance of every pair to
SCORES, float32, queries x rows, and prints one JSON line: bytes (per code, with what stands beside it).
"""

import json
import sys

import faiss
import numpy as np

x = np.load(sys.argv[1]).astype(np.float32)
x /= np.linalg.norm(x, axis=1, keepdims=True)
queries, rows = x[: int(sys.argv[2])], x[int(sys.argv[2]) :]
rotation = faiss.RandomRotationMatrix(x.shape[1], x.shape[1])
rotation.init(1)
rabitq = faiss.IndexRaBitQ(x.shape[1], faiss.METRIC_L2)
rabitq.qb = 0
index = faiss.IndexPreTransform(rotation, rabitq)
index.train(rows)
index.add(rows)
distances, found = index.search(queries, len(rows))
scores = np.empty((len(queries), len(rows)), np.float32)
np.put_along_axis(scores, found, -distances / 2, axis=1)
scores.tofile(sys.argv[3])
print(json.dumps({"bytes": rabitq.code_size}))
