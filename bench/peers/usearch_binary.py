"""usearch over binary codes: its exact search of a matrix, or an HNSW index with the variant `hnsw`."""

import numpy as np
import usearch
from serve import serve
from usearch.index import Index, MetricKind, search as search_matrix

EXPANSION = 64


def exact(codes):
    def search(queries, k, threads):
        found = search_matrix(codes, queries, k, MetricKind.Hamming, exact=True, threads=threads)
        return np.atleast_2d(found.distances), np.atleast_2d(found.keys)

    return search, ""


def hnsw(codes, bits):
    index = Index(ndim=bits, metric=MetricKind.Hamming, dtype="b1", expansion_search=EXPANSION)
    index.add(np.arange(len(codes)), codes)

    def search(queries, k, threads):
        found = index.search(queries, k, threads=threads)
        return np.atleast_2d(found.distances), np.atleast_2d(found.keys)

    return search, f"connectivity {index.connectivity}, expansion {index.expansion_add} and {EXPANSION}"


def load(codes, bits, variant):
    return hnsw(codes, bits) if variant == "hnsw" else exact(codes)


serve(usearch.__version__, load)
