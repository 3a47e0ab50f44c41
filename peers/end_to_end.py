#!/usr/bin/env python3
"""Whole models beside llama.cpp: a prompt and then tokens one by one, by `retrobench generate` and by llama.cpp, in turns.

    pip install llama-cpp-python          # from source, so that it is compiled for this processor
    cargo build --release && python3 peers/end_to_end.py [--model r1-distill-qwen-1.5b] [--dtypes q8_0,q4_0] [--threads 1,2]

The model is synthetic (`retrobench synth`): real sizes, seeded weights. llama.cpp is given as many prompt tokens as retrobench
counted. Printed are medians over the rounds, tokens/s, and ours over theirs of each round.
"""
import argparse
import re
import statistics
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ROOT / "target" / "release" / "retrobench"
PROMPT = re.compile(r"prompt of (\d+) tokens in .*\(([\d.e+]+) tokens/s\)")
TEXT = re.compile(r"native: (\d+) tokens in [^:]*: ([\d.e+]+) tokens/s")


def ours(binary, model, prompt, steps, threads):
    command = [binary, "generate", "--model", model, "--prompt", prompt, "--steps", str(steps), "--threads", str(threads)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    count, prefill = PROMPT.search(said).groups()
    return int(count), float(prefill), float(TEXT.search(said).group(2))


def theirs(llama, count, steps):
    llama.reset()
    vocab = llama.n_vocab()
    tokens = [(7 * i + 1) % vocab for i in range(count)]
    begun = time.perf_counter()
    llama.eval(tokens)
    prefill = count / (time.perf_counter() - begun)
    begun = time.perf_counter()
    for _ in range(steps - 1):
        llama.eval([llama.sample(temp=0.0)])
    return prefill, (steps - 1) / (time.perf_counter() - begun)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=OURS)
    parser.add_argument("--model", default="r1-distill-qwen-1.5b")
    parser.add_argument("--dtypes", default="q8_0,q4_0")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--prompt-words", type=int, default=512)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=ROOT / "target" / "models")
    args = parser.parse_args()
    from llama_cpp import Llama

    args.folder.mkdir(parents=True, exist_ok=True)
    prompt = " ".join(["a"] * args.prompt_words)
    print("| weights | threads | prompt: ours, llama.cpp | ratio | text: ours, llama.cpp | ratio |\n|---|---|---|---|---|---|")
    for dtype in args.dtypes.split(","):
        file = args.folder / f"{args.model}-{dtype}.gguf"
        if not file.exists():
            subprocess.run([args.binary, "synth", "--model", args.model, "--dtype", dtype, "--out", file], check=True)
        for threads in map(int, args.threads.split(",")):
            rows = []
            for _ in range(args.rounds):
                count, prefill, text = ours(args.binary, file, prompt, args.steps, threads)
                llama = Llama(str(file), n_ctx=count + args.steps, n_batch=512, n_threads=threads, n_threads_batch=threads, verbose=False)
                rows.append((prefill, text, *theirs(llama, count, args.steps)))
                del llama
            prefill, text, their_prefill, their_text = map(statistics.median, zip(*rows))
            ratios = [statistics.median(r[i] / r[i + 2] for r in rows) for i in (0, 1)]
            print(
                f"| {dtype} | {threads} | {prefill:.1f}, {their_prefill:.1f} | {ratios[0]:.2f} "
                f"| {text:.1f}, {their_text:.1f} | {ratios[1]:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
