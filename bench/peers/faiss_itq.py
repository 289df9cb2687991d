"""faiss's ITQMatrix, one thread.

Usage: faiss_itq.py TRAIN.npy VALIDATION.npy
Prints one JSON line: seconds (of train alone), validationLoss (l2 of rows at norm sqrt(bits)).
"""

import json
import sys
import time

import faiss
import numpy as np


def rows(path):
    x = np.load(path).astype(np.float32)
    return x * (x.shape[1] ** 0.5 / np.linalg.norm(x, axis=1, keepdims=True))


faiss.omp_set_num_threads(1)
train, validation = rows(sys.argv[1]), rows(sys.argv[2])
itq = faiss.ITQMatrix(train.shape[1])
start = time.perf_counter()
itq.train(train)
seconds = time.perf_counter() - start
z = itq.apply(validation)
print(json.dumps({"seconds": seconds, "validationLoss": float(np.mean((np.abs(z) - 1) ** 2))}))
