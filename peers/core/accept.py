"""Whether the `gguf` package reads a file as we do: python accept.py FILE...

Every tensor must lie in the file and decode to finite numbers (the first and last rows of each), the vocabulary must have as many
tokens as there are embeddings, and merges must make tokens.
"""
import sys

import gguf
import numpy as np


def accept(path):
    reader = gguf.GGUFReader(path)
    fields = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("tokenizer.ggml.")}
    kinds, weights = {}, 0
    for tensor in reader.tensors:
        data = tensor.data.reshape(-1, tensor.data.shape[-1])
        for row in (data[:1], data[-1:]):
            values = gguf.quants.dequantize(row, tensor.tensor_type)
            assert np.isfinite(values).all() and values.any(), tensor.name
        kinds[tensor.tensor_type.name] = kinds.get(tensor.tensor_type.name, 0) + 1
        weights += int(tensor.n_elements)
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    embeddings = next(t for t in reader.tensors if t.name == "token_embd.weight")
    assert len(tokens) == embeddings.shape[1] == len(set(tokens)), (len(tokens), embeddings.shape)
    merges = reader.fields["tokenizer.ggml.merges"].contents() if "tokenizer.ggml.merges" in reader.fields else []
    known = set(tokens)
    assert all(merge.replace(" ", "") in known for merge in merges)
    print(f"{path}: {fields['general.architecture']}, {len(reader.tensors)} tensors {kinds}, {weights / 1e6:.1f} M weights, "
          f"{len(tokens)} tokens, {len(merges)} merges")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        accept(name)
