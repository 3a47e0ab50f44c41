"""llama.py's gradients against differences of its loss, in f64: python check_gradients.py"""
import numpy as np

import llama


class Tiny(llama.Shape):
    dim, layers, heads, kv_heads, ffn, vocab = 8, 2, 4, 2, 12, 11
    head = 2


rng = np.random.default_rng(1)
w = {k: v.astype(np.float64) + 0.1 for k, v in llama.init(Tiny, rng).items()}
tokens = rng.integers(0, Tiny.vocab, (3, 7))
_, gradients = llama.loss_and_gradients(w, Tiny, tokens)
worst = 0.0
for name, gradient in gradients.items():
    for _ in range(4):
        at = tuple(rng.integers(0, n) for n in w[name].shape)
        kept, step = w[name][at], 1e-5
        w[name][at] = kept + step
        above, _ = llama.loss_and_gradients(w, Tiny, tokens)
        w[name][at] = kept - step
        below, _ = llama.loss_and_gradients(w, Tiny, tokens)
        w[name][at] = kept
        worst = max(worst, abs((above - below) / (2 * step) - gradient[at]) / (abs(gradient[at]) + 1e-3))
print(f"largest relative difference {worst:.1e}")
assert worst < 1e-4
