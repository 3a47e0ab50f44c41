"""Trains the embedded model: 278 thousand parameters, one core, 10 to 20 minutes.

    pip install -r requirements.txt
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python train.py --out ../old-machines-278k.gguf

Stories come from grammar.py, pieces of words from sentencepiece, gradients from llama.py. The file is GGUF with q8_0 matrices and
f32 norms. The same seed on the same processor gives the same file. The last lines check that its greedy text, from the weights as
the file has them, is told by the grammar, and write it beside the model for the decoder's tests.
"""
import argparse
import io
import json
import time
from pathlib import Path

import gguf
import numpy as np
import sentencepiece

import grammar
import llama

BOS, EOS = 1, 2
BATCH, WINDOW, PEAK_RATE, WARM_UP = 16, 160, 4e-3, 100


def tokenizer(vocab):
    """A byte-pair tokenizer of sentencepiece, trained on the grammar's text."""
    source = grammar.stories(1)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([next(source) for _ in range(4000)]), model_writer=model, model_type="bpe", vocab_size=vocab,
        byte_fallback=True, character_coverage=1.0, normalization_rule_name="identity", remove_extra_whitespaces=False,
        num_threads=1, minloglevel=2, allow_whitespace_only_pieces=True, split_digits=True)
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def windows(pieces, seed):
    """Batches of tokens; each row begins with a story and goes on with the next ones."""
    source = grammar.stories(seed)
    while True:
        rows = []
        for _ in range(BATCH):
            row = []
            while len(row) <= WINDOW:
                row += [BOS] + pieces.encode(next(source))
            rows.append(row[: WINDOW + 1])
        yield np.array(rows)


def train(s, pieces, steps, seed):
    rng = np.random.default_rng(seed)
    w = llama.init(s, rng)
    first = {k: np.zeros_like(v) for k, v in w.items()}
    second = {k: np.zeros_like(v) for k, v in w.items()}
    batches, began = windows(pieces, seed), time.monotonic()
    for step in range(1, steps + 1):
        loss, g = llama.loss_and_gradients(w, s, next(batches))
        scale = min(1.0, 1.0 / float(np.sqrt(sum((d.astype(np.float64) ** 2).sum() for d in g.values()))))
        rate = PEAK_RATE * min(step / WARM_UP, 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * step / steps)))
        for k, d in g.items():  # AdamW
            d = d * np.float32(scale)
            first[k] += 0.1 * (d - first[k])
            second[k] += 0.05 * (d * d - second[k])
            move = first[k] / (1 - 0.9**step) / (np.sqrt(second[k] / (1 - 0.95**step)) + 1e-8)
            w[k] -= np.float32(rate) * (move + (0.1 * w[k] if w[k].ndim == 2 else 0)).astype(np.float32)
        if step % 50 == 0 or step == 1:
            print(f"step {step}: {loss:.4f} nats a token, {time.monotonic() - began:.0f} s", flush=True)
    return w


def write(path, s, w, pieces):
    """The GGUF file; returns the weights as it holds them."""
    out = gguf.GGUFWriter(path, "llama")
    out.add_name("Old machines, 278K")
    out.add_description("Stories about old machines, trained on text of its own grammar (models/train)")
    out.add_license("MIT OR Apache-2.0")
    out.add_block_count(s.layers)
    out.add_context_length(s.context)
    out.add_embedding_length(s.dim)
    out.add_feed_forward_length(s.ffn)
    out.add_head_count(s.heads)
    out.add_head_count_kv(s.kv_heads)
    out.add_layer_norm_rms_eps(llama.EPS)
    out.add_rope_freq_base(s.theta)
    out.add_rope_dimension_count(s.head)
    out.add_vocab_size(s.vocab)
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    kinds = [(pieces.is_unknown, gguf.TokenType.UNKNOWN), (pieces.is_control, gguf.TokenType.CONTROL),
             (pieces.is_byte, gguf.TokenType.BYTE)]
    ids = range(s.vocab)
    out.add_tokenizer_model("llama")
    out.add_token_list([pieces.id_to_piece(i).encode() for i in ids])
    out.add_token_scores([pieces.get_score(i) for i in ids])
    out.add_token_types([next((kind for test, kind in kinds if test(i)), gguf.TokenType.NORMAL) for i in ids])
    out.add_bos_token_id(BOS)
    out.add_eos_token_id(EOS)
    out.add_unk_token_id(0)
    out.add_add_bos_token(True)
    out.add_add_eos_token(False)
    out.add_add_space_prefix(True)
    stored = {}
    for name, values in w.items():
        kind = gguf.GGMLQuantizationType.Q8_0 if values.ndim == 2 else gguf.GGMLQuantizationType.F32
        data = gguf.quants.quantize(values, kind)
        stored[name] = gguf.quants.dequantize(data, kind).astype(np.float32)
        out.add_tensor(f"{name}.weight", data, raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return stored


def greedy(w, s, prompt, steps):
    """Tokens after the prompt, the likeliest each time, until the next story begins."""
    tokens = list(prompt)
    for _ in range(steps):
        following = int(llama.forward(w, s, np.array([tokens]))[0][0, -1].argmax())
        if following in (BOS, EOS):
            break
        tokens.append(following)
    return tokens[len(prompt):]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=1982)
    args = parser.parse_args()
    s = llama.Shape
    pieces = tokenizer(s.vocab)
    w = train(s, pieces, args.steps, args.seed)
    w = write(args.out, s, w, pieces)
    told = []
    for prompt in ["", "Ada had a Game Boy", "In 1994, Otto"]:
        ids = [BOS] + pieces.encode(prompt)
        text = pieces.decode(ids[1:] + greedy(w, s, ids, 200))
        print(text)
        assert grammar.is_grammatical(text), "this is not told by the grammar: train for longer"
        told.append({"prompt": prompt, "text": text})
    samples = [{"text": t, "ids": pieces.encode(t)} for t in ["", " ", "Hello, world!", "  two  spaces", "Ada é 日本 🙂\n\ttab",
                                                             "In 1982, Mina got a ZX Spectrum.", "▁", "<s>", "\x00\x7f"]]
    args.out.with_suffix(".expected.json").write_text(
        json.dumps({"greedy": told, "tokenizer": samples}, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
