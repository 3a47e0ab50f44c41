"""Byte-pair tokenizers of every family, trained on a few lines with huggingface's `tokenizers`, written as GGUF files without
weights, and what that package makes of difficult texts: the test data of the tokenizers.

    pip install -r requirements.txt
    python vocabularies.py ../../kernels/tests/data/tokenizer

The expressions that split text into words are those of the models' `tokenizer.json`. sentencepiece's tokenizer is tested with the
vocabulary of the built-in model (models/train).
"""
import json
import sys
from pathlib import Path

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
CASED = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗ\u1f59\u1f5b\u1f5d"
    "\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4"
    "\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f"
    "\u2145-\u2149\u214e\u2183\u2184Ⰰ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
)
FAMILIES = {
    "llama-bpe": [CONTRACTIONS + WORDS % r"\p{N}{1,3}"],
    "qwen2": [CONTRACTIONS + WORDS % r"\p{N}"],
    "deepseek-v3": [
        r"\p{N}{1,3}",
        "[一-龥\u3040-\u309f\u30a0-\u30ff]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
        r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    ],
    "deepseek-llm": [
        r"[\r\n]", rf"\s?[{CASED}]+", "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$", "[一-龥\u0800-一\uac00-\ud7ff]+", None,
    ],
}
TEXT = [
    "The machine counted 12345 cycles; the other one needed 678. It's what they'll say, and we'd agree: I'm sure you've seen it.",
    "    def f(x):\n        return x + 1\n\n\nprint(f(41))\t# forty-two\r\n",
    "中文分词与日本語のテキスト、カタカナ、ひらがな。한국어 문장도 있습니다.",
    "Ελληνικά και кириллица, ქართული, עברית, العربية, हिन्दी, ไทย. Straße, naïve café, ﬁne.",
    "THE QUICK BROWN FOX!!! ... (really?) [yes] {no} <tag attr=\"1\"> $100.00 #include <stdio.h> a_b c-d e/f 50% ~!@",
] * 4
CASES = TEXT[:5] + [
    "", " ", "  ", "   x", "x   ", "\n", "\n\n\nx", " \n \n x", "a \n", "\t\tx\t", "\r\n\r\n", "don't DON'T I'LL we'Ve 'tis rock'n'roll",
    "1", "12", "123", "1234", "1234567890", "3.14159", "x1y22z333", "٣٤٥ ½ ² Ⅷ", "é e\u0301 日本 🙂 👩‍👩‍👧", "a\u00a0b\u2003c\u3000d",
    "<|begin|>", "a<|end|>b", "<|begin|><|begin|> x", "<|beg", "<|custom|>tail <|custom|long|>", "!!!abc ??? .a ,b", " ।हिन्दी", "ქართული Ა",
    "ａｂｃ！", "“quoted” ‘single’", "\ufffd\u200b\u0000\u007f", "ſ's 'ſ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "  \u3000x", "a\u0085b", "\u3000\u3000你好", "a \u3000\u3000\u3000b",
]
SPECIAL = ["<|begin|>", "<|end|>"]
CUSTOM = ["<|custom|>", "<|custom|long|>"]


def tokenizer(family):
    """Trained in the family's way."""
    steps = [pre_tokenizers.Split(Regex(e), "isolated") if e else pre_tokenizers.Digits(True) for e in FAMILIES[family]]
    result = Tokenizer(models.BPE(ignore_merges=family == "llama-bpe"))
    result.pre_tokenizer = pre_tokenizers.Sequence(steps + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    result.decoder = decoders.ByteLevel()
    result.train_from_iterator(TEXT, trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, special_tokens=SPECIAL))
    result.add_tokens([AddedToken(t, normalized=False) for t in CUSTOM])
    return result


def write(path, family, trained):
    model = json.loads(trained.to_str())["model"]
    tokens = sorted(trained.get_vocab(), key=trained.get_vocab().get)
    kinds = [gguf.TokenType.CONTROL if t in SPECIAL else gguf.TokenType.USER_DEFINED if t in CUSTOM else gguf.TokenType.NORMAL
             for t in tokens]
    out = gguf.GGUFWriter(path, "llama")
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre(family)
    out.add_token_list(tokens)
    out.add_token_types(kinds)
    out.add_token_merges([" ".join(m) if isinstance(m, list) else m for m in model["merges"]])
    out.add_bos_token_id(tokens.index(SPECIAL[0]))
    out.add_eos_token_id(tokens.index(SPECIAL[1]))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for family in FAMILIES:
        trained = tokenizer(family)
        path = folder / f"{family}.gguf"
        write(path, family, trained)
        cases = []
        for text in CASES:
            ids = trained.encode(text, add_special_tokens=False).ids
            cases.append({"text": text, "ids": ids, "decoded": trained.decode(ids, skip_special_tokens=True)})
        path.with_suffix(".json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
        print(f"{path.name}: {path.stat().st_size} bytes, {sum(len(c['ids']) for c in cases)} tokens in {len(cases)} texts")


if __name__ == "__main__":
    main()
