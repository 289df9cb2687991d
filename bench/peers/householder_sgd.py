"""The paper's procedure as a lean PyTorch loop: plain SGD on V from the identity.

Usage: householder_sgd.py TRAIN.npy VALIDATION.npy LOSS EPOCHS FORM [SEED]
FORM is `sequence`, one reflection after the other, or `ut`, U = I - V T V' without a loop over reflections.
Prints one JSON line: seconds (the loop alone), steps, millisecondsPerStep, validationLoss (the lowest).
"""

import json
import sys
import time

import numpy as np
import torch


def rows(path):
    x = torch.from_numpy(np.load(path).astype(np.float32))
    return x * (x.shape[1] ** 0.5 / x.norm(dim=1, keepdim=True))


def sign(z):
    return torch.where(z >= 0, 1.0, -1.0)


LOSSES = {
    "bit-variance": lambda z: (torch.sigmoid(z) * (1 - torch.sigmoid(z))).mean(),
    "l2": lambda z: ((z - sign(z)) ** 2).mean(),
    "l1": lambda z: (z - sign(z)).abs().mean(),
    "min-entropy": lambda z: torch.logsumexp(-z * z, dim=1).mean(),
}


def turn(x, v):
    for unit in (v / v.norm(dim=0)).unbind(1):
        x = torch.addr(x, x @ unit, unit, alpha=-2)
    return x


def apply_sequence(x, v):
    # The reflections act on the fewer rows: those of X, or of the identity for U itself.
    return turn(x, v) if len(x) < len(v) else x @ turn(torch.eye(len(v)), v)


def apply_ut(x, v):
    gram = v.T @ v
    s = torch.triu(gram, 1) + 0.5 * torch.diag(gram.diagonal())
    return x - torch.linalg.solve_triangular(s, x @ v, upper=True, left=False) @ v.T


def main():
    train, validation = rows(sys.argv[1]), rows(sys.argv[2])
    loss, epochs = LOSSES[sys.argv[3]], int(sys.argv[4])
    apply = {"sequence": apply_sequence, "ut": apply_ut}[sys.argv[5]]
    torch.manual_seed(int(sys.argv[6]) if len(sys.argv) > 6 else 0)
    rate = 1.0 if sys.argv[3] == "bit-variance" else 0.1
    v = torch.eye(train.shape[1], requires_grad=True)
    best, steps, start = float("inf"), 0, time.perf_counter()
    for _ in range(epochs):
        for batch in torch.randperm(len(train)).split(128):
            (gradient,) = torch.autograd.grad(loss(apply(train[batch], v)), v)
            with torch.no_grad():
                v -= rate * gradient
            steps += 1
        with torch.no_grad():
            best = min(best, loss(apply(validation, v)).item())
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "steps": steps, "millisecondsPerStep": 1e3 * seconds / steps, "validationLoss": best}))


torch.set_num_threads(1)
main()
