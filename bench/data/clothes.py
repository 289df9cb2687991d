"""Pictures of clothes through an image network.

Pictures: the 10,000 test images of Fashion-MNIST (MIT; `npm run demo` or `npm run site` once puts them into the
cache), 28 x 28, grey on black. Label: the kind of garment, one of 10.
Network: that of emoji.py, which never saw such pictures, 1,280 dimensions.
"""

import gzip
from pathlib import Path

import numpy as np
from cache import FOLDER, save, shuffled
from emoji import SIDE, embed
from PIL import Image

SOURCE = FOLDER.parent / "fashion-mnist"


def values(name, header):
    """The bytes of an IDX file after its header, which may be compressed."""
    path = SOURCE / name
    data = path.read_bytes() if path.exists() else gzip.decompress(Path(f"{path}.gz").read_bytes())
    return np.frombuffer(data, dtype=np.uint8, offset=header)


def pixels(image):
    picture = Image.fromarray(image).convert("RGB")
    scaled = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
    return (scaled.transpose(2, 0, 1) - 127) / 128


if __name__ == "__main__":
    images = values("t10k-images-idx3-ubyte", 16).reshape(-1, 28, 28)
    labels = values("t10k-labels-idx1-ubyte", 8)
    rows = shuffled(range(len(images)))
    save("clothes", embed([images[row] for row in rows], pixels), [int(labels[row]) for row in rows])
