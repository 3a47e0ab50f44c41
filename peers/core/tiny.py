"""Writes tiny random models of every architecture with the `gguf` package, and their logits by reference.py: the test data of the
inference core.

    pip install -r requirements.txt
    python tiny.py ../../kernels/tests/data/core

Together they have every branch: grouped queries of both rotary orders, biases, tied and untied heads, frequency factors; MLA with
and without a low-rank query, with the keys' and values' matrix whole and split; dense layers and experts with both gates; YaRN.
Widths keep DeepSeek's ratios (latent : key : rotary = 8 : 2 : 1).
"""
import json
import sys
from pathlib import Path

import gguf
import numpy as np

import reference

VOCAB, DIM, HEADS, CONTEXT, EPS = 64, 32, 4, 256, 1e-5
PROMPT = [1, 17, 5, 42, 63, 9, 9, 30, 2, 55, 28, 11]
TYPE = gguf.GGMLQuantizationType


class Tiny:
    """A file being written; matrices are stored as `kind`, vectors as f32."""

    def __init__(self, path, arch, kind, seed):
        self.path, self.kind, self.rng = path, kind, np.random.default_rng(seed)
        self.out = gguf.GGUFWriter(path, arch)
        self.out.add_name(path.stem)
        self.out.add_context_length(CONTEXT)
        self.out.add_embedding_length(DIM)
        self.out.add_head_count(HEADS)
        self.out.add_layer_norm_rms_eps(EPS)
        self.out.add_vocab_size(VOCAB)

    def matrix(self, name, *shape, scale=1.0, kind=None):
        values = (self.rng.standard_normal(shape) * scale * shape[-1] ** -0.5).astype(np.float32)
        kind = self.kind if kind is None else kind
        self.out.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    def gain(self, name, width):
        self.out.add_tensor(name, (1 + 0.2 * self.rng.standard_normal(width)).astype(np.float32))

    def vector(self, name, values):
        self.out.add_tensor(name, np.asarray(values, np.float32))

    def ends(self, tied):
        self.matrix("token_embd.weight", VOCAB, DIM, scale=DIM**0.5)
        self.gain("output_norm.weight", DIM)
        if not tied:
            self.matrix("output.weight", VOCAB, DIM, scale=3)

    def ffn(self, p, width, suffix=""):
        self.matrix(f"{p}ffn_gate{suffix}.weight", width, DIM)
        self.matrix(f"{p}ffn_up{suffix}.weight", width, DIM)
        self.matrix(f"{p}ffn_down{suffix}.weight", DIM, width)

    def finish(self):
        self.out.write_header_to_file()
        self.out.write_kv_data_to_file()
        self.out.write_tensors_to_file()
        self.out.close()


def yarn(m):
    m.out.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    m.out.add_rope_scaling_factor(4.0)
    m.out.add_rope_scaling_orig_ctx_len(CONTEXT // 4)


def grouped(path, arch, kind, seed, tied, layers=2, kv_heads=2, ffn=64, longer=False):
    """llama or qwen2; `longer` with YaRN."""
    m, head = Tiny(path, arch, kind, seed), DIM // HEADS
    m.out.add_block_count(layers)
    m.out.add_feed_forward_length(ffn)
    m.out.add_head_count_kv(kv_heads)
    m.out.add_rope_freq_base(10000.0 if arch == "qwen2" else 500000.0)
    m.out.add_rope_dimension_count(head)
    if longer:
        yarn(m)
    m.ends(tied)
    if arch == "llama":
        m.vector("rope_freqs.weight", [1.0, 1.0, 3.5, 8.0])
    for i in range(layers):
        p = f"blk.{i}."
        m.gain(p + "attn_norm.weight", DIM)
        m.gain(p + "ffn_norm.weight", DIM)
        for name, n in (("attn_q", HEADS), ("attn_k", kv_heads), ("attn_v", kv_heads)):
            m.matrix(f"{p}{name}.weight", n * head, DIM, scale=2)
            if arch == "qwen2":
                m.vector(f"{p}{name}.bias", m.rng.standard_normal(n * head) * 0.5)
        m.matrix(p + "attn_output.weight", DIM, HEADS * head)
        m.ffn(p, ffn)
    m.finish()


def latent(path, kind, seed, layers, dense, rank, q_rank, split, experts, used, groups, kept, sigmoid, scale, expert_ffn=32, ffn=64):
    """deepseek2: V2-Lite's way (direct query, softmax gate) or V3's (low-rank query, sigmoid gate with bias and groups)."""
    m, rope, plain, value = Tiny(path, "deepseek2", kind, seed), rank // 8, rank // 4, rank // 4
    m.out.add_block_count(layers)
    m.out.add_feed_forward_length(ffn)
    m.out.add_leading_dense_block_count(dense)
    m.out.add_kv_lora_rank(rank)
    if q_rank:
        m.out.add_q_lora_rank(q_rank)
    if split:  # as files since 2025: the cache is one head of latents
        m.out.add_head_count_kv(1)
        m.out.add_key_length(rank + rope)
        m.out.add_value_length(rank)
        m.out.add_key_length_mla(plain + rope)
        m.out.add_value_length_mla(value)
    else:
        m.out.add_head_count_kv(HEADS)
        m.out.add_key_length(plain + rope)
        m.out.add_value_length(value)
    m.out.add_rope_dimension_count(rope)
    m.out.add_rope_freq_base(10000.0)
    yarn(m)
    m.out.add_rope_scaling_yarn_log_mul(0.1 if q_rank else 0.0707)
    m.out.add_expert_count(experts)
    m.out.add_expert_used_count(used)
    m.out.add_expert_shared_count(1 if q_rank else 2)
    m.out.add_expert_feed_forward_length(expert_ffn)
    m.out.add_expert_weights_scale(scale)
    m.out.add_expert_weights_norm(sigmoid)
    m.out.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID if sigmoid else gguf.ExpertGatingFuncType.SOFTMAX)
    if groups > 1:
        m.out.add_expert_group_count(groups)
        m.out.add_expert_group_used_count(kept)
    m.ends(tied=False)
    for i in range(layers):
        p = f"blk.{i}."
        m.gain(p + "attn_norm.weight", DIM)
        m.gain(p + "ffn_norm.weight", DIM)
        if q_rank:
            m.matrix(p + "attn_q_a.weight", q_rank, DIM)
            m.gain(p + "attn_q_a_norm.weight", q_rank)
            m.matrix(p + "attn_q_b.weight", HEADS * (plain + rope), q_rank, scale=2)
        else:
            m.matrix(p + "attn_q.weight", HEADS * (plain + rope), DIM, scale=2)
        m.matrix(p + "attn_kv_a_mqa.weight", rank + rope, DIM)
        m.gain(p + "attn_kv_a_norm.weight", rank)
        if split:
            m.matrix(p + "attn_k_b.weight", HEADS, rank, plain)
            m.matrix(p + "attn_v_b.weight", HEADS, value, rank)
        else:
            m.matrix(p + "attn_kv_b.weight", HEADS * (plain + value), rank)
        m.matrix(p + "attn_output.weight", DIM, HEADS * value)
        if i < dense:
            m.ffn(p, ffn)
            continue
        m.matrix(p + "ffn_gate_inp.weight", experts, DIM, scale=2, kind=TYPE.F32)
        if sigmoid:
            m.vector(p + "exp_probs_b.bias", m.rng.standard_normal(experts) * 0.2)
        m.matrix(p + "ffn_gate_exps.weight", experts, expert_ffn, DIM)
        m.matrix(p + "ffn_up_exps.weight", experts, expert_ffn, DIM)
        m.matrix(p + "ffn_down_exps.weight", experts, DIM, expert_ffn)
        m.ffn(p, expert_ffn * (1 if q_rank else 2), "_shexp")
    m.finish()


def accept(path):
    """Writes the reference's logits beside the file, unless a gate is so near a tie that rounding would decide it."""
    gaps = []
    values = reference.logits(reference.Model(path), PROMPT, gaps)
    assert np.isfinite(values).all() and values.std() > 0.3, path
    if min(gaps, default=1) < 2e-3:
        return False
    rounded = [[float(f"{v:.7g}") for v in row] for row in values]
    path.with_suffix(".logits.json").write_text(json.dumps({"tokens": PROMPT, "logits": rounded}) + "\n")
    print(f"{path.name}: {path.stat().st_size} bytes, logits' deviation {values.std():.2f}, nearest gate {min(gaps, default=1):.1e}")
    return True


def long(path):
    """Logits of a model after a text longer than its context, beside the file: positions beyond 4096, an f32's exact products."""
    tokens = [i * 7 % VOCAB for i in range(4200)]
    last = [float(f"{v:.7g}") for v in reference.logits(reference.Model(path), tokens)[-1]]
    path.with_suffix(".long.logits.json").write_text(json.dumps({"tokens": tokens, "logits": [last]}) + "\n")


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    lite = dict(layers=2, dense=1, rank=64, q_rank=0, split=False, experts=8, used=6, groups=1, kept=1, sigmoid=False, scale=1.0)
    v3 = dict(layers=2, dense=1, rank=128, q_rank=64, split=True, experts=32, used=8, groups=8, kept=4, sigmoid=True, scale=2.5)
    for name, write in {
        "llama": lambda path, seed: grouped(path, "llama", TYPE.F32, seed, tied=False),
        "qwen2": lambda path, seed: grouped(path, "qwen2", TYPE.F16, seed, tied=True),
        "qwen2-yarn": lambda path, seed: grouped(path, "qwen2", TYPE.F16, seed, tied=True, layers=1, longer=True),
        "deepseek2-lite": lambda path, seed: latent(path, TYPE.BF16, seed, **lite),
        "deepseek2-v3": lambda path, seed: latent(path, TYPE.Q8_0, seed, **v3),
    }.items():
        path = folder / f"{name}.gguf"
        for seed in range(1, 1000):
            write(path, seed)
            if accept(path):
                break
        else:
            sys.exit(f"{path}: every gate is near a tie")
    long(folder / "llama.gguf")


if __name__ == "__main__":
    main()
