"""What PyTorch (cuBLAS, its attention, its softmax) takes on this host's GPU at shapes of our shaders.

python3 torch_peers.py > torch.csv      # kernel, shape, microseconds: median, least, most

Twenty calls in a CUDA graph, fifteen replays: as with `retrobench gpu`, whatever cache holds the operands keeps them.
"""

import statistics

import torch
import torch.nn.functional as F

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
CALLS, REPLAYS = 20, 15
QWEN, LLAMA = "r1-distill-qwen-1.5b", "r1-distill-llama-8b"


def bench(kernel, shape, call):
    """One line, or what PyTorch has against it."""
    try:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                call()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(CALLS):
                call()
        graph.replay()
        torch.cuda.synchronize()
        times = []
        for _ in range(REPLAYS):
            start, end = torch.cuda.Event(True), torch.cuda.Event(True)
            start.record()
            graph.replay()
            end.record()
            torch.cuda.synchronize()
            times.append(1e3 * start.elapsed_time(end) / CALLS)
        print(f"{kernel},{shape},{statistics.median(times):.2f},{min(times):.2f},{max(times):.2f}", flush=True)
    except RuntimeError as error:
        print(f"{kernel},{shape},not available: {str(error).splitlines()[0]}", flush=True)


def normal(*size, dtype=torch.float32):
    return torch.randn(*size, device="cuda", dtype=dtype)


def products():
    prefill = {
        "stories260k/ffn-up-prefill": (64, 172, 64),
        f"{QWEN}/attn-k-prefill": (128, 256, 1536),
        f"{QWEN}/ffn-up-slice": (64, 2240, 1536),
        "square-1024": (1024, 1024, 1024),
        f"{QWEN}/attn-q-prefill-2048": (2048, 1536, 1536),
        f"{QWEN}/ffn-down-prefill": (512, 1536, 8960),
        f"{LLAMA}/ffn-down-prefill": (512, 4096, 14336),
        f"{QWEN}/ffn-down-batch": (8, 1536, 8960),
    }
    for shape, (m, n, k) in prefill.items():
        a, b = normal(m, k, dtype=torch.float16), normal(k, n, dtype=torch.float16)
        bench("gemm_f16", shape, lambda: torch.mm(a, b, out_dtype=torch.float32))
        a, b = normal(m, k), normal(k, n)
        bench("gemm_f32", shape, lambda: torch.mm(a, b))
    for shape, (n, k) in {"attn-k": (256, 1536), "ffn-down": (1536, 8960)}.items():
        for dtype, kernel in ((torch.float32, "gemv_f32"), (torch.bfloat16, "gemv_bf16")):
            w, x = normal(n, k, dtype=dtype), normal(k, dtype=dtype)
            bench(kernel, f"{QWEN}/{shape}", lambda: torch.mv(w, x))


def attention():
    prompts = {f"{QWEN}/prefill-128": (128, 12, 2), f"{QWEN}/prefill-512": (512, 12, 2), f"{LLAMA}/prefill-512": (512, 32, 8)}
    for shape, (tokens, heads, kv_heads) in prompts.items():
        for dtype, kernel in ((torch.float16, "attention_prefill_f16"), (torch.float32, "attention_prefill")):
            q = normal(1, heads, tokens, 128, dtype=dtype)
            k, v = (normal(1, kv_heads, tokens, 128, dtype=dtype) for _ in range(2))
            bench(kernel, shape, lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True))
    for shape, (tokens, heads, kv_heads) in {f"{QWEN}/t1024": (1024, 12, 2), f"{LLAMA}/t4096": (4096, 32, 8)}.items():
        q = normal(1, heads, 1, 128)
        k, v = (normal(1, kv_heads, tokens, 128) for _ in range(2))
        bench("attention_decode", shape, lambda: F.scaled_dot_product_attention(q, k, v, enable_gqa=True))


def rows():
    for shape, (m, n) in {"attention-t1024": (12, 1024), "prefill-512": (6144, 512), "prefill-4096-one-head": (4096, 4096)}.items():
        x = normal(m, n)
        bench("softmax", f"{QWEN}/{shape}", lambda: torch.softmax(x, -1))
    for shape, m in {"decode": 1, "prefill-512": 512}.items():
        x, delta, w = normal(m, 1536), normal(m, 1536), normal(1536)
        bench("rmsnorm", f"{QWEN}/{shape}", lambda: F.rms_norm(x + delta, (1536,), w, 1e-5))


if __name__ == "__main__":
    print("kernel,shape,median_us,least_us,most_us")
    products()
    attention()
    rows()
