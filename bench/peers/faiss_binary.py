"""faiss over binary codes: IndexBinaryFlat, or IndexBinaryMultiHash with the variant `multi-hash`."""

import faiss
from serve import serve


def load(codes, bits, variant):
    settings = ""
    if variant == "multi-hash":
        # Four tables of 16 bits, each looked up in all buckets within one flipped bit.
        index = faiss.IndexBinaryMultiHash(bits, 4, 16)
        index.nflip = 1
        settings = "4 tables of 16 bits, nflip 1"
    else:
        index = faiss.IndexBinaryFlat(bits)
    index.add(codes)

    def search(queries, k, threads):
        faiss.omp_set_num_threads(threads)
        return index.search(queries, k)

    return search, settings


serve(faiss.__version__, load)
