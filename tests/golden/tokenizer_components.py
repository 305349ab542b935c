#!/usr/bin/env python3
"""Writes tokenizer_components.json: every component of the tokenizer.json schema against the reference, on hostile texts.

  tokenizer_components.py            (tokenizers==0.23.3)

For each small tokenizer.json the file holds, per text, the CRC-32 of one line per token, "id start end word text", offsets in
characters; and of the text that its decoder makes of these ids. A model of one unknown piece shows what arrives at it: its
tokens' texts are the pieces themselves.
"""
import base64
import json
import pathlib
import struct
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path = [p for p in sys.path if pathlib.Path(p or ".").resolve() != HERE]  # tokenizers.py here is not the package
import tokenizers as package  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

sys.path.append(str(HERE))
from compare_tokenizers import LLAMA3, hostile  # noqa: E402

assert package.__version__ == "0.23.3", package.__version__
UNIGRAM = dict(type="Unigram", unk_id=0, vocab=[["<unk>", 0.0]], byte_fallback=False)
SINGLE = dict(type="FixedLength", length=1)


ENTRIES = {"ﬁ": "fi", "Å": "A\u030a", "e\u0301": "é", "\u00a0": " ", "ｱ": "ア", "½": "1/2", "\u200b": "", "x": "yy", "\t": " ", "क्ष": "K"}


def charsmap(entries=ENTRIES):
    """A character map: a hand-made double array (one block per node, as darts-clone lays them out)."""
    trie, texts = {}, b""
    for key, value in entries.items():
        node = trie
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[None] = len(texts)
        texts += value.encode() + b"\0"
    units, queue, block = {}, [(0, trie, 0)], 1
    while queue:  # node at `place`: its children at base ^ byte, its value at base
        place, node, label = queue.pop()
        base = block * 256
        block += 1
        units[place] = (base ^ place) << 10 | (256 if None in node else 0) | label
        for byte, child in node.items():
            if byte is None:
                units[base] = child | 1 << 31
            else:
                queue.append((base ^ byte, child, byte))
    blob = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(block * 256))
    return base64.b64encode(struct.pack("<I", len(blob)) + blob + texts).decode()


def regex_split(pattern, behavior="Isolated", invert=False):
    return dict(type="Split", pattern=dict(Regex=pattern), behavior=behavior, invert=invert)


NORMALIZERS = [
    dict(type="BertNormalizer", clean_text=c, handle_chinese_chars=h, strip_accents=s, lowercase=l)
    for c, h, s, l in ((True, True, None, True), (True, True, None, False), (True, False, True, False), (False, True, False, True),
                       (True, True, True, True))
] + [dict(type=t) for t in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Nmt", "StripAccents", "ByteLevel")] + [
    dict(type="Strip", strip_left=left, strip_right=right) for left, right in ((True, True), (True, False), (False, True))
] + [
    dict(type="Prepend", prepend="▁"), dict(type="Prepend", prepend="ab"),
    dict(type="Replace", pattern=dict(String=" "), content="▁▁"), dict(type="Replace", pattern=dict(Regex=r"\s+"), content=" "),
    dict(type="Replace", pattern=dict(Regex=r" {2,}"), content="▁"), dict(type="Replace", pattern=dict(Regex=r"[0-9](?=[a-z])"), content=""),
    dict(type="Precompiled", precompiled_charsmap=charsmap()),
    dict(type="Sequence", normalizers=[dict(type="NFD"), dict(type="Lowercase"), dict(type="StripAccents")]),
    dict(type="Sequence", normalizers=[dict(type="Prepend", prepend="▁"), dict(type="Replace", pattern=dict(String=" "), content="▁")]),
    dict(type="Sequence", normalizers=[dict(type="Precompiled", precompiled_charsmap=charsmap()), dict(type="NFKC"),
                                       dict(type="Strip", strip_left=True, strip_right=True)]),
]
PRE_TOKENIZERS = [dict(type=t) for t in ("BertPreTokenizer", "Whitespace", "WhitespaceSplit", "UnicodeScripts")] + [
    dict(type="ByteLevel", add_prefix_space=p, trim_offsets=True, use_regex=r) for p in (True, False) for r in (True, False)
] + [dict(type="CharDelimiterSplit", delimiter=d) for d in ("-", "é")] + [
    dict(type="Metaspace", replacement="▁", prepend_scheme=p, split=s) for p in ("always", "first", "never") for s in (True, False)
] + [dict(type="Punctuation", behavior=b) for b in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")] + [
    dict(type="Digits", individual_digits=d) for d in (True, False)] + [dict(type="FixedLength", length=3)] + [
    dict(type="Split", pattern=dict(String=s), behavior=b, invert=i)
    for s, b, i in ((" ", "Removed", False), ("a", "MergedWithPrevious", False), ("ab", "MergedWithNext", True), (".", "Contiguous", False))
] + [
    dict(type="Sequence", pretokenizers=[dict(type="WhitespaceSplit"), dict(type="Metaspace", replacement="▁", prepend_scheme="always")]),
    dict(type="Sequence", pretokenizers=[dict(type="WhitespaceSplit"), dict(type="Metaspace", replacement="▁", prepend_scheme="first")]),
    dict(type="Sequence", pretokenizers=[dict(type="Punctuation", behavior="Contiguous"),
                                         dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True),
                                         dict(type="Digits", individual_digits=False), regex_split("[0-9][0-9][0-9]")]),
]
REGEXES = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", LLAMA3, LLAMA3.replace("{1,3}", ""),
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    r"\w+|[^\w\s]+", r"(?<=a)b|(?<!a)l+", r"(a|ab)(c|bcd)?", r"a*?b", r"(?>a+)b|a", r"\bw\w*", r"\Bo", r"^h.|d$", r"[a-f&&[^c]]+",
    r"[\p{Han}\p{Hiragana}]+", r"\p{^Latin}", r"[[:punct:]]+", r"[[:alpha:]]+", r"\h{2}", r"(?:ab){1,2}+", r"(?i)WORLD|trA|ſ", r"(?m:a.b)",
    r"[^\S\n]+", r"\d+|\D", r"x{0}|(?:)", r"\p{Sc}|\p{So}|\p{Emoji}", r"[\x{4e00}-\x{9fff}]", r"\A.|.\z", r"(?=e)", r"[\]a\-z]+", r"\p{Cn}|\p{Co}",
    r"(l|o)+?(?=d)|(?!h)[a-z]", r"\s*\n|\s{2,}",
]


def bpe(vocab, merges, **options):
    return dict(type="BPE", **{**dict(dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None, fuse_unk=False,
                                     byte_fallback=False, ignore_merges=False), **options},
                vocab={v: i for i, v in enumerate(vocab)}, merges=merges)


LETTERS = list("abcdefghijklmnopqrstuvwxyz .'")
BYTES = [f"<0x{b:02X}>" for b in range(256)]
MERGES = [["h", "e"], ["l", "l"], ["he", "ll"], ["hell", "o"], ["a", "b"], ["o", "r"], ["d", "o"], ["do", "n"], ["l", "d"]]
MERGED = [a + b for a, b in MERGES]
MODELS = [
    bpe(LETTERS + MERGED, MERGES), bpe(["<unk>"] + LETTERS + MERGED, [" ".join(m) for m in MERGES], unk_token="<unk>"),
    bpe(["<unk>"] + LETTERS + MERGED, MERGES, unk_token="<unk>", fuse_unk=True),
    bpe(["<unk>"] + BYTES + LETTERS + MERGED, MERGES, unk_token="<unk>", fuse_unk=True, byte_fallback=True),
    bpe(["<unk>"] + BYTES[:200] + LETTERS + MERGED, MERGES, unk_token="<unk>", fuse_unk=True, byte_fallback=True),
    bpe(LETTERS + MERGED + ["world", "don't"], MERGES, ignore_merges=True),
    bpe(LETTERS + ["##" + c for c in LETTERS] + ["##ll", "he", "hell"], [["##l", "##l"], ["h", "##e"], ["he", "##ll"]],
        continuing_subword_prefix="##"),
    bpe(LETTERS + [c + "</w>" for c in LETTERS] + ["ld</w>"], [["l", "d</w>"]], end_of_word_suffix="</w>"),
    dict(type="WordPiece", unk_token="[UNK]", continuing_subword_prefix="##", max_input_chars_per_word=8,
         vocab={v: i for i, v in enumerate(["[UNK]", "hello", "wor", "##ld", "don", "'", "t", "a", "##b", "##a", "."])}),
    dict(type="WordLevel", unk_token="<unk>", vocab={v: i for i, v in enumerate(["<unk>", "hello", "World", "a.b", ".", "don"])}),
    dict(type="Unigram", unk_id=0, byte_fallback=False,
         vocab=[["<unk>", 0.0], ["▁", -2.0], ["▁hello", -4.5], ["he", -3.0], ["llo", -3.5], ["l", -4.0], ["o", -4.25], ["h", -5.0], ["e", -4.0],
                ["ab", -1.0], ["a", -2.0], ["b", -2.5], ["中文", -6.0], ["don", -3.0], ["<unk><unk>", -9.0]]),
    dict(type="Unigram", unk_id=0, byte_fallback=True, vocab=[["<unk>", 0.0]] + [[b, -9.0] for b in BYTES] + [["a", -1.0], ["aa", -2.0], ["ab", -2.0]]),
]
FRAME = dict(type="TemplateProcessing", single=[{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
             pair=[{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<s>", "type_id": 3}}, {"Sequence": {"id": "B", "type_id": 2}}],
             special_tokens={"<s>": dict(id="<s>", ids=[0], tokens=["<s>"])})
PROCESSORS = [FRAME, dict(type="BertProcessing", sep=["b", 1], cls=["a", 0]),
              dict(type="RobertaProcessing", sep=["b", 1], cls=["a", 0], trim_offsets=True, add_prefix_space=True),
              dict(type="RobertaProcessing", sep=["b", 1], cls=["a", 0], trim_offsets=False, add_prefix_space=False),
              dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True),
              dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True),
              dict(type="Sequence", processors=[dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True), FRAME])]
DECODERS = [dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True), dict(type="WordPiece", prefix="##", cleanup=True),
            dict(type="WordPiece", prefix="##", cleanup=False), dict(type="BPEDecoder", suffix="</w>"),
            dict(type="Metaspace", replacement="▁", prepend_scheme="always", split=True),
            dict(type="Metaspace", replacement="▁", prepend_scheme="never", split=True),
            dict(type="CTC", pad_token="<pad>", word_delimiter_token="|", cleanup=True), dict(type="Fuse"), dict(type="ByteFallback"),
            dict(type="Replace", pattern=dict(String="▁"), content=" "), dict(type="Strip", content="a", start=1, stop=0),
            dict(type="Sequence", decoders=[dict(type="Replace", pattern=dict(String="▁"), content=" "), dict(type="ByteFallback"),
                                            dict(type="Fuse"), dict(type="Strip", content=" ", start=1, stop=0)])]
DECODED = ["▁he", "##ll", "o</w>", "Ġwor", "ld", ".", "▁▁x", "<0xE4>", "<0xB8>", "<0xAD>", "<0xFF>", "<pad>", "|", "n't", "do", "not", "'s", "Ċ", "é", "aab", "Ã", "©", "ĠÃ"]


def whole(**parts):
    return {**dict(version="1.0", truncation=None, padding=None, added_tokens=[], normalizer=None, pre_tokenizer=None, post_processor=None,
                   decoder=None, model=UNIGRAM), **parts}


def added(id, content, **flags):
    return {**dict(id=id, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=False), **flags}


ADDED = [added(1, "[X]", special=True), added(2, "hello", normalized=True), added(3, "World", single_word=True, normalized=True),
         added(4, "don", lstrip=True, rstrip=True), added(5, "Ab c", normalized=True, rstrip=True)]


def configurations():
    for normalizer in NORMALIZERS:
        yield whole(normalizer=normalizer, pre_tokenizer=SINGLE)
    for pre_tokenizer in PRE_TOKENIZERS + [regex_split(r) for r in REGEXES] + [regex_split(r"\s+", "Removed"), regex_split(r"\w+", "Removed", True)]:
        yield whole(pre_tokenizer=pre_tokenizer)
    for model in MODELS:
        space = dict(type="Split", pattern=dict(String=" "), behavior="MergedWithNext", invert=False)
        yield whole(model=model, pre_tokenizer=space if model["type"] in ("BPE", "Unigram") else dict(type="Whitespace"))
        yield whole(model=model, normalizer=dict(type="Lowercase"), pre_tokenizer=dict(type="BertPreTokenizer"))
    level = dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True)
    for processor in PROCESSORS:
        yield whole(post_processor=processor, pre_tokenizer=level,
                    model=bpe([chr(c) for c in (*range(33, 127), *range(161, 173), *range(174, 324))], []))
    for normalizer in (None, dict(type="Lowercase"), dict(type="Prepend", prepend="▁")):
        for pre_tokenizer in (dict(type="WhitespaceSplit"), dict(type="Metaspace", replacement="▁", prepend_scheme="first", split=False)):
            yield whole(added_tokens=ADDED, normalizer=normalizer, pre_tokenizer=pre_tokenizer)
    for decoder in DECODERS:
        yield whole(decoder=decoder, pre_tokenizer=dict(type="WhitespaceSplit"),
                    model=dict(type="WordLevel", unk_token="x", vocab={v: i for i, v in enumerate(["x"] + DECODED)}))


def texts():
    result = ["", " ", "hello World, don't  ", " ".join(DECODED), "▁he ##ll <0xE4> <0xB8> <0xAD> <0xFF> do not n't . | <pad> <pad> | o</w> Ã ©",
              "aab abcbcd ab abab ababab", "hello\nh.x\nabd\na\nb world", "x\u200by ﬁ Å A\u030a e\u0301e\u0301\u0301 ½ｱ क्ष \t", "\u200b\u200bx", "ſtraße STRASSE 's 'S 'ſ"]
    return result + list(hostile(60, ["[X]", "hello", "World", "don", "Ab c", "ab c"], seed=11))


def main():
    rows = []
    for configuration in configurations():
        t, digests = Tokenizer.from_str(json.dumps(configuration)), []
        for text in texts():
            try:
                e = t.encode(text)
            except BaseException:
                digests.append(-1)  # an error, or worse
                continue
            lines = "".join(f"{i} {s} {f} {'-' if w is None else w} {token}\n" for i, (s, f), w, token in zip(e.ids, e.offsets, e.word_ids, e.tokens))
            decoded = t.decode(e.ids, skip_special_tokens=False) if e.ids else ""
            digests.append(zlib.crc32((lines + decoded).encode()))
        rows.append(dict(tokenizer=configuration, digests=digests))
    value = dict(texts=texts(), configurations=rows)
    (HERE / "tokenizer_components.json").write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace('{"tokenizer"', '\n{"tokenizer"') + "\n")
    print(len(rows), "configurations,", len(texts()), "texts,", sum(d < 0 for r in rows for d in r["digests"]), "errors")


if __name__ == "__main__":
    main()
