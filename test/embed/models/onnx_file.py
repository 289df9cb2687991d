"""Files of networks in the ONNX format (https://onnx.ai), written with the standard library alone.

A file is a protocol buffer. The numbers of the fields below are those of onnx.proto; what a network of the
scripts in this folder does not need is left out.
"""

import struct

FLOAT, INT64 = 1, 7


def _varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number, value):
    """A field of a message: a whole number, a float, or bytes (also texts and messages)."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _message(*fields):
    return b"".join(_field(number, value) for number, value in fields)


def _tensor(name, dims, kind, data):
    return _message(*((1, dim) for dim in dims), (2, kind), (8, name), (9, data))


def _attribute(name, value):
    if isinstance(value, str):
        return _message((1, name), (4, value), (20, 3))
    if isinstance(value, float):
        return _message((1, name), (2, value), (20, 1))
    if isinstance(value, int):
        return _message((1, name), (3, value), (20, 2))
    return _message((1, name), *((8, one) for one in value), (20, 7))


def _value(name, kind, dims):
    shape = _message(*((1, _field(2, dim) if isinstance(dim, str) else _field(1, dim)) for dim in dims))
    return _message((1, name), (2, _field(1, _message((1, kind), (2, shape)))))


class Graph:
    """A network under construction. Methods give the name of what they add."""

    def __init__(self):
        self._parts = []
        self._count = 0

    def input(self, name, kind, *dims):
        self._parts.append((11, _value(name, kind, dims)))
        return name

    def output(self, name, source, *dims):
        """Gives the float values called SOURCE under another name, as a result of the network."""
        self._parts.append((1, _message((1, source), (2, name), (4, "Identity"))))
        self._parts.append((12, _value(name, FLOAT, dims)))

    def weights(self, name, dims, data):
        """Float32 values as little-endian bytes."""
        self._parts.append((5, _tensor(name, dims, FLOAT, data)))
        return name

    def floats(self, *values):
        """A constant: one number, or a list of several."""
        name, dims = self._new("floats"), [len(values)] if len(values) > 1 else []
        return self.weights(name, dims, struct.pack(f"<{len(values)}f", *values))

    def integers(self, *values):
        """A constant list."""
        name = self._new("integers")
        data = struct.pack(f"<{len(values)}q", *values)
        self._parts.append((5, _tensor(name, [len(values)], INT64, data)))
        return name

    def node(self, operator, *inputs, **attributes):
        name = self._new(operator)
        fields = [*((1, one) for one in inputs), (2, name), (4, operator)]
        fields += ((5, _attribute(key, value)) for key, value in attributes.items())
        self._parts.append((1, _message(*fields)))
        return name

    def save(self, path):
        """Of operators as they were in version 20."""
        graph = _message(*self._parts, (2, "network"))
        opset = _message((1, ""), (2, 20))
        path.write_bytes(_message((1, 9), (2, "h2q tests"), (7, graph), (8, opset)))

    def _new(self, kind):
        self._count += 1
        return f"{kind}_{self._count}"
