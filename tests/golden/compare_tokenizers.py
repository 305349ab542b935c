#!/usr/bin/env python3
"""Compares `retort tokenize` with Hugging Face tokenizers, text by text: ids, type ids, tokens, offsets, words, masks.

  compare_tokenizers.py RETORT DATA corpora [NAME...]           every line of the corpora in DATA
  compare_tokenizers.py RETORT DATA hostile COUNT [NAME...]     COUNT generated texts, a word and a run of marks of 1 MB
  compare_tokenizers.py RETORT DATA points [NAME...]            every code point among marks, blanks and conjuncts
  compare_tokenizers.py RETORT DATA windows COUNT [NAME...]     COUNT generated pairs, truncated with overflow
  compare_tokenizers.py RETORT DATA decode COUNT [NAME...]      decoding the ids of COUNT generated texts
  compare_tokenizers.py RETORT DATA trained COUNT               tokenizers that retort trains: COUNT generated texts, and lines

(`tokenizers.py compare ...` is the same.)

DATA holds tok-*/ (tokenizers) and corpus-*/, glue-*/ and others (texts). NAME: only tokenizers whose path has it.
Prints compared and different counts; exits with 1 when anything differs.
"""
import base64
import glob
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
sys.path = [p for p in sys.path if pathlib.Path(p or ".").resolve() != HERE]  # tokenizers.py here is not the package
import tokenizers  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

assert tokenizers.__version__ == "0.23.3", tokenizers.__version__

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
CORPORA = ["corpus-*/*.txt", "glue-*/*.tsv", "glue-*/*.txt", "dialogsum/*", "bengali-*/*.csv", "golden-kitoken/*_input.txt",
           "golden-llamacpp/*.inp", "unicode-ucd/blns.txt", "clinc150/*.json"]


def llama3(path):
    """The tokenizer.json of Llama 3, as published, from its ranks."""
    characters = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    write = {b: chr(b) for b in characters}
    for i, b in enumerate(b for b in range(256) if b not in characters):
        write[b] = chr(256 + i)
    pieces = [base64.b64decode(line.split()[0]) for line in open(path, "rb")]
    rank = {p: i for i, p in enumerate(pieces)}
    merges = []
    for piece in pieces:
        splits = [(rank[piece[:i]], rank[piece[i:]]) for i in range(1, len(piece)) if piece[:i] in rank and piece[i:] in rank]
        merges += [[pieces[a], pieces[b]] for a, b in sorted(splits)]
    text = lambda p: "".join(write[b] for b in p)
    reserved = [f"<|reserved_special_token_{i}|>" for i in range(251)]
    special = ["<|begin_of_text|>", "<|end_of_text|>", *reserved[:4], "<|start_header_id|>", "<|end_header_id|>", reserved[4],
               "<|eot_id|>", *reserved[5:]]
    level = dict(type="ByteLevel", add_prefix_space=True, trim_offsets=False, use_regex=True)
    begin = {"SpecialToken": {"id": special[0], "type_id": 0}}
    begin2 = {"SpecialToken": {"id": special[0], "type_id": 1}}
    first, second = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    return json.dumps(dict(
        version="1.0", truncation=None, padding=None,
        added_tokens=[dict(id=len(pieces) + i, content=t, single_word=False, lstrip=False, rstrip=False, normalized=False,
                           special=True) for i, t in enumerate(special)],
        normalizer=None,
        pre_tokenizer=dict(type="Sequence", pretokenizers=[
            dict(type="Split", pattern=dict(Regex=LLAMA3), behavior="Isolated", invert=False),
            dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=False)]),
        post_processor=dict(type="Sequence", processors=[level, dict(
            type="TemplateProcessing", single=[begin, first], pair=[begin, first, begin2, second],
            special_tokens={special[0]: dict(id=special[0], ids=[len(pieces)], tokens=[special[0]])})]),
        decoder=level,
        model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
                   fuse_unk=False, byte_fallback=False, ignore_merges=True,
                   vocab={text(p): i for i, p in enumerate(pieces)}, merges=[[text(a), text(b)] for a, b in merges])))


def all_tokenizers(data, names):
    for path in sorted(glob.glob(f"{data}/tok-*/*")):
        if not path.endswith(".json") and "llama3/tokenizer.model" not in path or path.endswith("/encoder.json") \
                or path.endswith("/vocab.json"):
            continue
        if names and not any(n in path for n in names):
            continue
        try:
            t = Tokenizer.from_str(llama3(path)) if path.endswith("llama3/tokenizer.model") else Tokenizer.from_file(path)
        except Exception as error:
            print(f"{path}: refused by the reference: {error}")
            continue
        t.no_truncation()
        t.no_padding()
        yield path[len(str(data)) + 1:], path, t


def corpus_lines(data):
    for pattern in CORPORA:
        for path in sorted(glob.glob(f"{data}/{pattern}")):
            text = open(path, encoding="utf-8", errors="replace", newline="").read()
            if path.endswith(".inp"):
                yield from text.split("\n__ggml_vocab_test__\n")
            if path.endswith("utf8_input.txt"):
                yield text
            yield from text.split("\n")


def hostile(count, added, seed=7):
    """Texts of every sort that tends to go wrong."""
    rng = random.Random(seed)
    spaces = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\u2028", "\u0085", "\u200b", "\x1c", "\x0b"]
    marks = [chr(c) for c in (*range(0x300, 0x370), 0x302a, 0x302e, 0x3099, 0x591, 0x5bf, 0x1dfa, 0x1ab0, 0x1d165, 0x93c, 0x94d)]
    emoji = ["👍🏽", "👨‍👩‍👧", "🇩🇪", "🏳️‍🌈", "1️⃣", "😀", "❤️", "🇩", "👩🏿‍🚀", "\u200d", "\ufe0f"]
    words = ["hello", "World", "don't", "WE'LL", "I'ſ", "'S", "'tis", "naïve", "İstanbul", "ΑΣ", "straße", "ǅ", "ﬁ", "Ⅷ", "½", "①", "123456",
             "٣٤", "中文字", "日本語テスト", "가각힣", "हिन्दी", "क्षि", "ภาษาไทย", "שלום", "العربية", "מָה", "𠀀", "\U0002b820", "ａｂｃ", "...", "!?",
             "a.b", "(x)", "#1", "__init__", "$5.00", "1,000", "e=mc²", "\u2581", "\u2581a", "▁▁", "<0x41>", "Ġ", "Ċ", "##a", "</w>", "<unk>", "\0",
             "\ufffd", "\ufeff", "\ue000", "\uffff", "\U0010ffff", "\x7f", "\x80", "\u1734", "\u1c89", "\ua7cb", "\U00010d50", "\u0f73",
             "\u1100\u1161\u11a8", "\u0340", "\u212b", "\u2126", "\u0344"]
    kinds = [lambda: rng.choice(words), lambda: rng.choice(words), lambda: rng.choice(spaces), lambda: " ",
             lambda: "".join(rng.choice(marks) for _ in range(rng.randrange(1, 6))), lambda: rng.choice(emoji),
             lambda: rng.choice(added) if added else "x", lambda: rng.choice(spaces) * rng.randrange(1, 9),
             lambda: chr(rng.choice([rng.randrange(0x80), rng.randrange(0x800), rng.randrange(0xD800), rng.randrange(0xE000, 0x10000),
                                     rng.randrange(0x10000, 0x20000), rng.randrange(0x20000, 0x110000)])),
             lambda: "".join(rng.choice("abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789.,'-!") for _ in range(rng.randrange(1, 12)))]
    for i in range(count):
        if i % 20000 == 19999:
            yield rng.choice([" " * 10000, "a" * 20000, "é\u0301" * 3000, "\n" * 10000, "中" * 5000, "ab " * 5000])
        else:
            yield "".join(rng.choice(kinds)() for _ in range(rng.randrange(1, 14)))


def points():
    """Every code point where it may join a grapheme cluster, be composed, or be a blank."""
    for code in range(0x110000):
        if not 0xD800 <= code < 0xE000:
            c = chr(code)
            apart = unicodedata.normalize("NFD", c)
            yield f"a\xa0\u0340{c} x {c}\u0344\u05bf x{c}\xa0\u0340 \u0915\u094d{c}\u0344 {apart}y"


def giants():
    """What takes long where work isn't linear."""
    word, marks = "abcdefghij" * 100_000, "a" + "".join(chr(0x300 + i * 7 % 0x70) for i in range(500_000))
    return [word, marks, "\u0f71\u0301\u0316" * 100_000, " " * 10_000 + "x" + "\n" * 10_000, "1" * 100_000, "\u4e2d" * 100_000]


def run(retort, model, texts, *flags):
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", newline="") as file:
        for text in texts:
            file.write(json.dumps(text, ensure_ascii=False) + "\n")
        file.flush()
        process = subprocess.Popen([retort, "tokenize", "--model", model, "--input", file.name, "--json", "--json-input", *flags],
                                   stdout=subprocess.PIPE, encoding="utf-8", errors="replace", bufsize=1 << 20)
        for line in process.stdout:
            yield json.loads(line)
        assert process.wait() == 0, f"retort failed on {model}"


def fields(encoding):
    return dict(ids=encoding.ids, type_ids=encoding.type_ids, tokens=encoding.tokens, offsets=[list(o) for o in encoding.offsets],
                attention_mask=encoding.attention_mask, special_tokens_mask=encoding.special_tokens_mask,
                word_ids=encoding.word_ids)


def differs(name, text, expected, found, seen):
    wrong = [key for key in expected if expected[key] != found[key]]
    if wrong and seen < 3:
        key = wrong[0]
        i = next((i for i, (a, b) in enumerate(zip(expected[key], found[key])) if a != b), min(len(expected[key]), len(found[key])))
        print(f"  {name}: {wrong} at {i} of {ascii(text)[:300]}\n    theirs {ascii(expected[key][max(0, i - 3):i + 5])}"
              f"\n    ours   {ascii(found[key][max(0, i - 3):i + 5])}")
    return bool(wrong)


def compare(retort, name, path, t, texts):
    compared = different = 0
    for start in range(0, len(texts), 5000):
        batch = texts[start:start + 5000]
        expected = t.encode_batch(batch)
        found = list(run(retort, path, batch))
        assert len(found) == len(batch), (len(found), len(batch))
        for text, e, f in zip(batch, expected, found):
            compared += 1
            different += differs(name, text, fields(e), f, different)
    print(f"{name}: {compared} compared, {different} different", flush=True)
    return different


def compare_windows(retort, name, path, t, texts):
    """Pairs in all ways of truncation."""
    rng, compared, different = random.Random(3), 0, 0
    pairs = [(a.replace("\t", " "), b) for a, b in zip(texts[::2], texts[1::2])]
    for strategy in ("longest_first", "only_first", "only_second"):
        for side in ("right", "left"):
            limit, stride = rng.randrange(9, 20), rng.randrange(0, 3)
            t.enable_truncation(limit, stride=stride, strategy=strategy, direction=side)
            usable, expected = [], []
            for a, b in pairs:
                try:
                    expected.append(t.encode(a, b))
                    usable.append((a, b))
                except BaseException:
                    pass  # too short to be cut so, or no room for the stride
            t.no_truncation()
            found = list(run(retort, path, [a + "\t" + b for a, b in usable], "--pair-separator", "\t", "--max-length", str(limit),
                             "--stride", str(stride), "--truncation", strategy, "--truncation-side", side))
            for text, e, f in zip(usable, expected, found):
                compared += 1
                bad = differs(name, text, fields(e), f, different)
                bad = bad or len(e.overflowing) != len(f["overflowing"])
                for x, y in zip(e.overflowing, f["overflowing"]):
                    bad = bad or differs(name + " overflowing", text, fields(x), y, different)
                different += bad
    print(f"{name}: {compared} pairs compared, {different} different", flush=True)
    return different


def compare_decode(retort, name, path, t, texts):
    rng, different = random.Random(5), 0
    rows = [t.encode(text).ids for text in texts]
    rows = [[rng.randrange(t.get_vocab_size()) for _ in ids] if i % 3 == 2 else ids for i, ids in enumerate(rows)]
    for skip in (True, False):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.writelines(" ".join(map(str, ids)) + "\n" for ids in rows)
            file.flush()
            output = subprocess.run([retort, "detokenize", "--model", path, "--input", file.name, *(["--skip-special"] if skip else [])],
                                    stdout=subprocess.PIPE, check=True).stdout.decode("utf-8").split("\n")[:-1]
        assert len(output) == len(rows)
        for ids, found in zip(rows, output):
            expected = t.decode(ids, skip_special_tokens=skip).replace("\n", "\\n") if ids else ""
            if expected != found:
                different += 1
                if different < 4:
                    print(f"  {name}: skip={skip} {ids[:20]}\n    theirs {ascii(expected)[:200]}\n    ours   {ascii(found)[:200]}")
    print(f"{name}: {2 * len(rows)} decoded, {different} different", flush=True)
    return different


def compare_trained(retort, data, count):
    """What retort train-tokenizer writes loads in the reference library and gives the same."""
    corpus, different = f"{data}/corpus-tinyshakespeare/input.txt", 0
    lines = open(corpus, encoding="utf-8").read().split("\n")[:5000]
    for kind in ("bpe", "wordpiece", "unigram"):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([retort, "train-tokenizer", "--kind", kind, "--vocab-size", "2000", "--input", corpus, "--out", folder],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            path = f"{folder}/tokenizer.json"
            t = Tokenizer.from_file(path)
            added = [token.content for token in t.get_added_tokens_decoder().values()]
            different += compare(retort, f"trained {kind}", path, t, [*lines, *hostile(count, added)])
            different += compare_decode(retort, f"trained {kind}", path, t, lines[:1000])
    return different


def main(retort, data, mode, *rest):
    different, data = 0, pathlib.Path(data)
    if mode == "trained":
        sys.exit(compare_trained(retort, data, int(rest[0])) > 0)
    fixed = {"corpora": lambda: list(dict.fromkeys(corpus_lines(data))), "points": lambda: list(points())}
    names = rest if mode in fixed else rest[1:]
    lines = fixed[mode]() if mode in fixed else []
    for name, path, t in all_tokenizers(data, names):
        if mode in fixed:
            different += compare(retort, name, path, t, lines)
            continue
        added = [token.content for token in t.get_added_tokens_decoder().values()]
        texts = list(hostile(int(rest[0]), added[:40])) + (giants() if mode == "hostile" else [])
        action = {"hostile": compare, "windows": compare_windows, "decode": compare_decode}[mode]
        different += action(retort, name, path, t, texts)
    sys.exit(different > 0)


if __name__ == "__main__":
    os.environ["TOKENIZERS_PARALLELISM"], os.environ["RUST_BACKTRACE"] = "false", "0"
    if len(sys.argv) < 4 or sys.argv[3] not in ("corpora", "hostile", "points", "windows", "decode", "trained"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
