"""A llama in NumPy, forwards and backwards, small enough to be trained on one core: RMSNorm, grouped-query attention with
rotary positions on neighbouring pairs, SwiGLU, embeddings tied to the classifier. All arrays are f32, rows of a weight are its
outputs, as in the file.
"""
import numpy as np

EPS = 1e-5


class Shape:
    dim, layers, heads, kv_heads, ffn, vocab, context, theta = 64, 5, 4, 2, 192, 512, 256, 10000.0
    head = dim // heads


def init(s, rng):
    """Seeded weights: normal, smaller where they feed the residual stream."""
    def normal(rows, cols, scale=1.0):
        return (rng.standard_normal((rows, cols)) * scale * cols**-0.5).astype(np.float32)
    deep = (2 * s.layers) ** -0.5
    w = {"token_embd": (rng.standard_normal((s.vocab, s.dim)) * 0.05).astype(np.float32), "output_norm": np.ones(s.dim, np.float32)}
    for i in range(s.layers):
        w |= {
            f"blk.{i}.attn_norm": np.ones(s.dim, np.float32),
            f"blk.{i}.attn_q": normal(s.heads * s.head, s.dim),
            f"blk.{i}.attn_k": normal(s.kv_heads * s.head, s.dim),
            f"blk.{i}.attn_v": normal(s.kv_heads * s.head, s.dim),
            f"blk.{i}.attn_output": normal(s.dim, s.heads * s.head, deep),
            f"blk.{i}.ffn_norm": np.ones(s.dim, np.float32),
            f"blk.{i}.ffn_gate": normal(s.ffn, s.dim),
            f"blk.{i}.ffn_up": normal(s.ffn, s.dim),
            f"blk.{i}.ffn_down": normal(s.dim, s.ffn, deep),
        }
    return w


def rope_tables(s, n):
    angle = np.arange(n)[:, None] * s.theta ** (-np.arange(0, s.head, 2) / s.head)
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def rotate(x, cos, sin, back=False):
    """x [batch, time, heads, head]: each pair (2i, 2i+1) turned by its position's angle, or turned back."""
    sin = -sin if back else sin
    even, odd = x[..., 0::2], x[..., 1::2]
    c, s = cos[:, None, :], sin[:, None, :]
    y = np.empty_like(x)
    y[..., 0::2], y[..., 1::2] = even * c - odd * s, even * s + odd * c
    return y


def norm(x, gain):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + EPS)
    return x * r * gain, r


def norm_back(dy, x, r, gain):
    dgain = (dy * x * r).reshape(-1, x.shape[-1]).sum(0)
    g = dy * gain
    return r * g - x * (r**3) * (g * x).mean(-1, keepdims=True), dgain


def matmul_back(dy, x, weight):
    """Of y = x weightᵀ: gradients of x and weight."""
    flat = dy.reshape(-1, dy.shape[-1])
    return dy @ weight, flat.T @ x.reshape(-1, x.shape[-1])


def forward(w, s, tokens):
    """Logits [batch, time, vocab] and what the way back needs."""
    b, t = tokens.shape
    cos, sin = rope_tables(s, t)
    hidden = np.triu(np.full((t, t), -np.inf, np.float32), 1)
    group = s.heads // s.kv_heads
    x = w["token_embd"][tokens]
    kept = []
    for i in range(s.layers):
        p = f"blk.{i}."
        h, r1 = norm(x, w[p + "attn_norm"])
        q = rotate((h @ w[p + "attn_q"].T).reshape(b, t, s.heads, s.head), cos, sin)
        k = rotate((h @ w[p + "attn_k"].T).reshape(b, t, s.kv_heads, s.head), cos, sin)
        v = (h @ w[p + "attn_v"].T).reshape(b, t, s.kv_heads, s.head)
        # [batch, kv head, group, time, head] so that one matmul serves all heads
        qh = q.reshape(b, t, s.kv_heads, group, s.head).transpose(0, 2, 3, 1, 4)
        kh, vh = k.transpose(0, 2, 1, 3)[:, :, None], v.transpose(0, 2, 1, 3)[:, :, None]
        a = qh @ kh.swapaxes(-1, -2) * s.head**-0.5 + hidden
        a = np.exp(a - a.max(-1, keepdims=True))
        a /= a.sum(-1, keepdims=True)
        o = (a @ vh).transpose(0, 3, 1, 2, 4).reshape(b, t, s.heads * s.head)
        x1 = x + o @ w[p + "attn_output"].T
        h2, r2 = norm(x1, w[p + "ffn_norm"])
        gate, up = h2 @ w[p + "ffn_gate"].T, h2 @ w[p + "ffn_up"].T
        sig = 1 / (1 + np.exp(-gate))
        act = gate * sig * up
        kept.append((x, r1, h, qh, kh, vh, a, o, x1, r2, h2, gate, up, sig, act))
        x = x1 + act @ w[p + "ffn_down"].T
    y, r = norm(x, w["output_norm"])
    return y @ w["token_embd"].T, (tokens, cos, sin, kept, x, r, y)


def backward(w, s, dlogits, state):
    """Gradients of all weights."""
    tokens, cos, sin, kept, x, r, y = state
    b, t = tokens.shape
    g = {}
    dy, g["token_embd"] = matmul_back(dlogits, y, w["token_embd"])
    dx, g["output_norm"] = norm_back(dy, x, r, w["output_norm"])
    for i in reversed(range(s.layers)):
        p = f"blk.{i}."
        x, r1, h, qh, kh, vh, a, o, x1, r2, h2, gate, up, sig, act = kept[i]
        dact, g[p + "ffn_down"] = matmul_back(dx, act, w[p + "ffn_down"])
        dup = dact * gate * sig
        dgate = dact * up * sig * (1 + gate * (1 - sig))
        d1, g[p + "ffn_gate"] = matmul_back(dgate, h2, w[p + "ffn_gate"])
        d2, g[p + "ffn_up"] = matmul_back(dup, h2, w[p + "ffn_up"])
        back, g[p + "ffn_norm"] = norm_back(d1 + d2, x1, r2, w[p + "ffn_norm"])
        dx = dx + back
        do, g[p + "attn_output"] = matmul_back(dx, o, w[p + "attn_output"])
        do = do.reshape(b, t, s.kv_heads, -1, s.head).transpose(0, 2, 3, 1, 4)
        dv = (a.swapaxes(-1, -2) @ do).sum(2)
        da = do @ vh.swapaxes(-1, -2)
        da = a * (da - (da * a).sum(-1, keepdims=True)) * s.head**-0.5
        dq = (da @ kh).transpose(0, 3, 1, 2, 4).reshape(b, t, s.heads, s.head)
        dk = (da.swapaxes(-1, -2) @ qh).sum(2).transpose(0, 2, 1, 3)
        dv = dv.transpose(0, 2, 1, 3).reshape(b, t, -1)
        dq, dk = rotate(dq, cos, sin, True).reshape(b, t, -1), rotate(dk, cos, sin, True).reshape(b, t, -1)
        total = 0
        for name, d in (("attn_q", dq), ("attn_k", dk), ("attn_v", dv)):
            dh, g[p + name] = matmul_back(d, h, w[p + name])
            total = total + dh
        back, g[p + "attn_norm"] = norm_back(total, x, r1, w[p + "attn_norm"])
        dx = dx + back
    np.add.at(g["token_embd"], tokens, dx)
    return g


def loss_and_gradients(w, s, tokens):
    """Mean cross-entropy of predicting each token from those before it, in nats, and gradients."""
    logits, state = forward(w, s, tokens[:, :-1])
    target = tokens[:, 1:]
    logits -= logits.max(-1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(-1, keepdims=True)
    chosen = np.take_along_axis(logits, target[..., None], -1)
    loss = -np.log(np.maximum(chosen, 1e-30)).mean()
    np.put_along_axis(logits, target[..., None], chosen - 1, -1)
    logits /= target.size
    return float(loss), backward(w, s, logits, state)
