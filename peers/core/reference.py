"""Logits of a GGUF model of architecture llama, qwen2 or deepseek2 in f64, as the papers define them: the oracle of the inference
core, which shares no code with it.

    python reference.py FILE --tokens 1,5,9 [--greedy N] [--i8]

Every token is recomputed over the whole prompt, without a cache, attention is expanded (no absorbed MLA), experts run one by one.
Sources: llama: arXiv 2302.13971; grouped queries: 2305.13245; rotary positions: 2104.09864; YaRN: 2309.00071; MLA and experts:
2405.04434 (DeepSeek-V2), sigmoid gate with bias and groups: 2412.19437 (DeepSeek-V3); names and keys: gguf's constants.
"""
import argparse
import json
import sys

import gguf
import numpy as np


class Rounding(np.ndarray):
    """A matrix before which activations become i8, 32 to a scale, as integer kernels have them."""

    def __rmatmul__(self, x):
        blocks = np.asarray(x).reshape(*x.shape[:-1], -1, 32)
        scale = np.abs(blocks).max(-1, keepdims=True) / 127
        scale[scale == 0] = 1
        return (np.round(blocks / scale) * scale).reshape(x.shape) @ np.asarray(self)


class Model:
    """Metadata and dequantized tensors of a file. `i8`: activations become i8 before matrices in Q8_0."""

    def __init__(self, path, i8=False):
        self.i8 = i8
        reader = gguf.GGUFReader(path)
        self.fields = {key: field.contents() for key, field in reader.fields.items()}
        self.arch = self.fields["general.architecture"]
        self.tensors = {t.name: t for t in reader.tensors}

    def get(self, key, default=None):
        return self.fields.get(f"{self.arch}.{key}", default)

    def need(self, key):
        return self.fields[f"{self.arch}.{key}"]

    def has(self, name):
        return name in self.tensors

    def w(self, name):
        """A tensor as numbers, outermost dimension first."""
        tensor = self.tensors[name]
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        values = values.reshape(tensor.shape[::-1]).astype(np.float64)
        # Rows of embeddings are looked up, and absorbed matrices are f32 in the core.
        product = not name.endswith(("token_embd.weight", "attn_k_b.weight", "attn_v_b.weight"))
        rounds = self.i8 and product and tensor.tensor_type == gguf.GGMLQuantizationType.Q8_0
        return values.view(Rounding) if rounds else values


def norm(x, gain, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * gain


def silu(x):
    return x / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def frequencies(model, width):
    """Radians that each pair of a head turns by from one position to the next."""
    base = model.get("rope.freq_base", 10000.0)
    plain = base ** (-np.arange(0, width, 2) / width)
    if model.has("rope_freqs.weight"):
        return plain / model.w("rope_freqs.weight")
    if model.get("rope.scaling.type") != "yarn":
        return plain
    factor, trained = model.need("rope.scaling.factor"), model.need("rope.scaling.original_context_length")

    def pair(turns):
        return width * np.log(trained / (turns * 2 * np.pi)) / (2 * np.log(base))

    low = max(np.floor(pair(model.get("rope.scaling.yarn_beta_fast", 32.0))), 0)
    high = min(np.ceil(pair(model.get("rope.scaling.yarn_beta_slow", 1.0))), width - 1)
    slowed = np.clip((np.arange(width // 2) - low) / max(high - low, 0.001), 0, 1)
    return plain / factor * slowed + plain * (1 - slowed)


def rotate(x, freq, halves):
    """x [time, heads, width]; pairs are the two halves of a head (qwen2) or neighbours."""
    angle = np.arange(x.shape[0])[:, None, None] * freq
    cos, sin = np.cos(angle), np.sin(angle)
    half = x.shape[-1] // 2
    first, second = (slice(0, half), slice(half, None)) if halves else (slice(0, None, 2), slice(1, None, 2))
    y = np.empty_like(x)
    y[..., first] = x[..., first] * cos - x[..., second] * sin
    y[..., second] = x[..., first] * sin + x[..., second] * cos
    return y


def attend(q, k, v, scale):
    """Causal attention of [time, heads, width] each; k and v may have fewer heads, each serving as many queries in a row."""
    t, heads, _ = q.shape
    k, v = (np.repeat(a, heads // a.shape[1], axis=1) for a in (k, v))
    scores = np.einsum("ihd,jhd->hij", q, k) * scale
    scores = np.where(np.tril(np.ones((t, t), bool)), scores, -np.inf)
    return np.einsum("hij,jhd->ihd", softmax(scores), v).reshape(t, -1)


def attention_grouped(model, p, h):
    heads = model.need("attention.head_count")
    kv_heads = model.get("attention.head_count_kv", heads)
    width = model.get("attention.key_length", model.need("embedding_length") // heads)

    def project(name, n):
        y = h @ model.w(f"{p}{name}.weight").T
        if model.has(f"{p}{name}.bias"):
            y = y + model.w(f"{p}{name}.bias")
        return y.reshape(len(h), n, -1)

    freq, halves = frequencies(model, model.get("rope.dimension_count", width)), model.arch == "qwen2"
    q, k = (rotate(project(name, n), freq, halves) for name, n in (("attn_q", heads), ("attn_k", kv_heads)))
    # YaRN grows sines and cosines by 0.1 ln factor + 1: queries and keys both.
    m = 1 + 0.1 * np.log(model.need("rope.scaling.factor")) if model.get("rope.scaling.type") == "yarn" else 1
    return attend(q * m, k * m, project("attn_v", kv_heads), width**-0.5) @ model.w(p + "attn_output.weight").T


def attention_latent(model, p, h):
    heads, latent, rope = (model.need(k) for k in ("attention.head_count", "attention.kv_lora_rank", "rope.dimension_count"))
    key = model.get("attention.key_length_mla", model.need("attention.key_length"))
    value = model.get("attention.value_length_mla", model.need("attention.value_length"))
    plain, eps, t = key - rope, model.need("attention.layer_norm_rms_epsilon"), len(h)
    if model.has(p + "attn_q_a.weight"):
        low = norm(h @ model.w(p + "attn_q_a.weight").T, model.w(p + "attn_q_a_norm.weight"), eps)
        q = low @ model.w(p + "attn_q_b.weight").T
    else:
        q = h @ model.w(p + "attn_q.weight").T
    q = q.reshape(t, heads, key)
    down = h @ model.w(p + "attn_kv_a_mqa.weight").T
    c = norm(down[:, :latent], model.w(p + "attn_kv_a_norm.weight"), eps)
    if model.has(p + "attn_kv_b.weight"):
        kv = (c @ model.w(p + "attn_kv_b.weight").T).reshape(t, heads, plain + value)
        k, v = kv[..., :plain], kv[..., plain:]
    else:  # keys' part transposed: [head, latent, plain]; values' [head, value, latent]
        k = np.einsum("tc,hcp->thp", c, model.w(p + "attn_k_b.weight"))
        v = np.einsum("tc,hvc->thv", c, model.w(p + "attn_v_b.weight"))
    freq = frequencies(model, rope)
    q_rope = rotate(q[..., plain:], freq, False)
    k_rope = rotate(down[:, None, latent:], freq, False)
    q = np.concatenate([q[..., :plain], q_rope], -1)
    k = np.concatenate([k, np.repeat(k_rope, heads, 1)], -1)
    # DeepSeek's YaRN grows sines and cosines by mscale over mscale_all_dim, which are equal (V2-Lite 0.707, V3 1.0): by 1. It
    # sharpens all of the score instead, not the rotated part alone; the file holds 0.1 times mscale_all_dim.
    m = 1 + model.get("rope.scaling.yarn_log_multiplier", 0.0) * np.log(model.get("rope.scaling.factor", 1.0))
    return attend(q, k, v, key**-0.5 * m * m) @ model.w(p + "attn_output.weight").T


def swiglu(x, gate, up, down):
    return (silu(x @ gate.T) * (x @ up.T)) @ down.T


def experts(model, p, h, gaps):
    """The chosen experts' sum. `gaps` takes how near each choice was to another: a tie would make a test of rounding."""
    scores = h @ model.w(p + "ffn_gate_inp.weight").T
    scores = softmax(scores) if model.get("expert_gating_func", 1) == 1 else 1 / (1 + np.exp(-scores))
    biased = scores + (model.w(p + "exp_probs_b.bias") if model.has(p + "exp_probs_b.bias") else 0)
    groups, kept = model.get("expert_group_count", 1), model.get("expert_group_used_count", 1)
    used = model.need("expert_used_count")
    gate, up, down = (model.w(f"{p}ffn_{n}_exps.weight") for n in ("gate", "up", "down"))
    y = np.zeros_like(h)
    for t, x in enumerate(h):
        choice = biased[t].copy()
        if groups > 1:
            grouped = choice.reshape(groups, -1)
            best_two = np.sort(grouped)[:, -2:].sum(-1)
            order = np.argsort(-best_two, kind="stable")
            gaps.append(best_two[order[kept - 1]] - best_two[order[kept]])
            grouped[order[kept:]] = -np.inf
        order = np.argsort(-choice, kind="stable")
        if np.isfinite(choice[order[min(used, len(order) - 1)]]):
            gaps.append(choice[order[used - 1]] - choice[order[used]])
        chosen = order[:used]
        weights = scores[t][chosen]
        if model.get("expert_weights_norm", False):
            weights = weights / weights.sum()
        weights = weights * model.get("expert_weights_scale", 1.0)
        for e, weight in zip(chosen, weights):
            y[t] += weight * swiglu(x, gate[e], up[e], down[e])
    shared = [model.w(f"{p}ffn_{n}_shexp.weight") for n in ("gate", "up", "down")]
    return y + swiglu(h, *shared)


def logits(model, tokens, gaps=None):
    """Logits [time, vocab] after each token."""
    eps, gaps = model.need("attention.layer_norm_rms_epsilon"), [] if gaps is None else gaps
    attention = attention_latent if model.arch == "deepseek2" else attention_grouped
    x = model.w("token_embd.weight")[tokens]
    for layer in range(model.need("block_count")):
        p = f"blk.{layer}."
        x = x + attention(model, p, norm(x, model.w(p + "attn_norm.weight"), eps))
        h = norm(x, model.w(p + "ffn_norm.weight"), eps)
        if model.has(p + "ffn_gate_inp.weight"):
            x = x + experts(model, p, h, gaps)
        else:
            x = x + swiglu(h, *(model.w(f"{p}ffn_{n}.weight") for n in ("gate", "up", "down")))
    head = "output.weight" if model.has("output.weight") else "token_embd.weight"
    return norm(x, model.w("output_norm.weight"), eps) @ model.w(head).T


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--tokens", required=True, help="ids of the prompt, with commas")
    parser.add_argument("--greedy", type=int, default=0, help="go on for so many tokens, the likeliest each time")
    parser.add_argument("--i8", action="store_true", help="activations become i8 before matrices in Q8_0")
    args = parser.parse_args()
    model = Model(args.file, args.i8)
    tokens = [int(t) for t in args.tokens.split(",")]
    for _ in range(args.greedy):
        tokens.append(int(logits(model, tokens)[-1].argmax()))
    json.dump({"tokens": tokens, "logits": logits(model, tokens).tolist()}, sys.stdout)


if __name__ == "__main__":
    main()
