#!/usr/bin/env python3
"""The tokenizer's golden files, and checks against the reference: Hugging Face tokenizers 0.23.3.

  pip install tokenizers==0.23.3 transformers==5.23.0

  tokenizers.py cases                 writes tokenizer_vocab.txt and tokenizer_cases.json: a small vocabulary, tricky
                                      texts, pairs and lengths, and the reference's ids
  tokenizers.py digests DATA          writes tokenizer_digests.json: a CRC-32 over the words and forms of every code
                                      point, and one over the ids of every line of DATA/glue-mrpc and DATA/glue-sst2 with the
                                      vocabularies DATA/tok-bert-base-uncased and -cased
  tokenizers.py saved DIR TSV...      checks a directory that retort wrote: AutoTokenizer loads it without a warning
                                      and gives the ids of its tokenizer.json, for texts, pairs and truncation

  tokenizers.py compare RETORT DATA corpora|hostile|points|windows|decode|trained ...
                                      compares retort with the reference, text by text (compare_tokenizers.py)

The C++ tests (tests/app/test_tokenizer*.cpp) read the files that are written here and need no Python.
"""
import array
import base64
import json
import pathlib
import random
import sys
import warnings
import zlib

# This file is called like the package that it needs: look for that elsewhere.
HERE = pathlib.Path(__file__).resolve().parent
sys.path = [p for p in sys.path if pathlib.Path(p or ".").resolve() != HERE]

import tokenizers  # noqa: E402
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors  # noqa: E402

assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def bert(vocab, lowercase=True, strip_accents=None, chinese=True, clean_text=True, added=()):
    t = Tokenizer(models.WordPiece({token: i for i, token in enumerate(vocab)}, unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(clean_text=clean_text, handle_chinese_chars=chinese,
                                              strip_accents=strip_accents, lowercase=lowercase)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocab.index("[CLS]")), ("[SEP]", vocab.index("[SEP]"))])
    t.add_special_tokens(SPECIAL)
    t.add_tokens([AddedToken(**a) for a in added])
    return t


def small_vocab():
    """Letters of several scripts, each also as a continuation, and a few longer pieces."""
    letters = [chr(c) for c in range(0x21, 0x7F)]
    letters += list("ßàáäçèéêñöøúüıİåœšŽžΑΒαβγσςΣёйИЙжабвгдאבגשابتثकखगाि்กขคงあいうえおアイウエオガ가각힣中文字日本語𠀀𝒳ǅǆ½²①…—“”’«»¡¿€£😀👍")
    letters += ["\u0300", "\u0301", "\u0307", "\u0323", "\u0327", "\u3099", "\u1d16d", "\u200b", "\u093c", "\u302e"]
    letters = list(dict.fromkeys(letters))
    words = ("the quick brown fox jump over lazy dog un want able run ing ed er est s es hello world token piece "
             "Hello World THE Über über naïve cafe café éa résumé resume strasse straße istanbul aa aaa aaaa ab abc abcd "
             "bc bcd cd 10 100 000 2024 ... -- 's don t 中文 日本").split()
    continued = "the able ing ed er est s es aa aaa ab abc bc bcd cd 0 00 000 é 文 本 u̇".split()
    vocab = SPECIAL + letters + ["##" + c for c in letters] + words + ["##" + c for c in continued]
    return list(dict.fromkeys(vocab))


ADDED = [dict(content="[ENT]", single_word=False, normalized=False),
         dict(content="NEW YORK", normalized=True),
         dict(content="Café", normalized=True),
         dict(content="solo", single_word=True, normalized=False),
         dict(content="<l>", lstrip=True, normalized=False),
         dict(content="<r>", rstrip=True, normalized=False),
         dict(content="<lr>", lstrip=True, rstrip=True, normalized=False),
         dict(content="<l><r>", normalized=False)]

VARIANTS = {
    "uncased": dict(),
    "cased": dict(lowercase=False),
    "uncased, accents kept": dict(strip_accents=False),
    "cased, accents stripped": dict(lowercase=False, strip_accents=True),
    "no spaces around ideographs, text not cleaned": dict(chinese=False, clean_text=False),
    "added tokens": dict(added=ADDED),
    "cased, added tokens": dict(lowercase=False, added=ADDED),
}


def tricky_texts():
    texts = ["", " ", "\t\n\r ", "\x00", "a\x00b", "Hello World!", "HELLO world, don't run...", "the quick brown fox jumped",
             "unwantable", "[MASK]", "x[MASK]y", "[mask]", "[ MASK ]", "[CLS] a [SEP]", "[MASK][MASK] [PAD]", "[UNK]z",
             "Ünïcödé ÀÉÎ", "U\u0308 ber u\u0308\u0323 u\u0323\u0308", "İstanbul ISTANBUL ı I", "ΑΣ Σ ΣΑΣ ς", "ǅ Ǆ ǆ", "Straße STRASSE ẞ",
             "ﬁ ﬂ ½ ² ① Ⅷ", "中文字", "a中b文c", "日本語テスト ガ か\u3099", "가각힣 \u1100\u1161\u11a8", "𠀀𠀁 \U0002b820 \U0002b920 \U0002ceaf",
             "हिन्दी क़ \u0915\u093c", "กขค งง", "שלום \u05e9\u05c1\u05b8", "العربية", "e\u0301\u0323\u0301 e\u0323\u0301", "\u0301\u0301a",
             "a\u302e\u0323b \U0001d157\U0001d165 \u1d16d", "a\u034f\u0301b", "z\u200bz z\u200dz z\ufeffz", "a\xa0b\u2003c\u3000d\u2028e\u0085f\x1cg\x0bh",
             "\ufffd x\ufffdy", "\ue000a\uf8ff \U000f0000 \U0010fffd", "\uffff \U0010ffff \U0001fffe", "\u166d \u1734 \u1885 \u1886 \ua9bd \U000111c9",
             "a\u1734b a\u1885b", "\u1c89 \ua7cb \ua7dc \U00010d50 \U00016ea0", "😀👍🏽 👨‍👩‍👧", "«quoted» “x” ‘y’ — … ¡hola! ¿qué?",
             "100,000.00 $5 £7 50% a+b=c x^2 `q` ~u |v|", "a" * 100, "a" * 101, "é" * 100, "é" * 101, "中" * 101, "ab" * 49, "b" * 99 + "\u0301" * 9,
             "aaaaa abcd abcdz zabcd", "q\u0307\u0323", "Q̣̇", "x" * 3 + "\u0300" * 50 + "\u0323" * 50, "\u0344 \u0340 \u0374 \u037e \u1fef \u212b \u2126",
             "ạ̇ ậ ộ", "\U0001d15f\U0001d160", "\u0f73 \u0f75 \u0f81 \u0f71\u0f72", "Café CAFÉ cafe\u0301 café", "new york NEW  YORK NEW YORK newyork",
             "solo asolo solos solo. (solo) _solo solo\u0301 é solo", "soloé solo中 ½solo① solo\u200d", "a <l> b<l>c   <l>", "a <r> b<r>   c<r>",
             "a  <lr>  b <lr><lr>  <lr> ", "<l><r> <l> <r>", "[ENT][ENT] x[ENT]", "[EN[ENT]T]", "<r> <l> <r>  <lr>\u3000<l>", "##a a##b ##"]
    rng = random.Random(3)
    alphabet = list("aAbBcdeé zü.,'-[]#0 ") + ["\u0301", "\u0323", "\u0327", "中", "文", "İ", "Σ", "\u00a0", "\u200b", "가", "\u11a8", "[MASK]",
                                               "<l>", "<r>", "<lr>", "solo", " ", "Café", "NEW YORK", "\u302e", "\u1dfa"]
    texts += ["".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 40))) for _ in range(250)]
    marks = [chr(c) for c in range(0x300, 0x370)] + ["\u302a", "\u302e", "\u3099", "\u0591", "\u05bf", "\u1dfa", "\u1ab0", "\U0001d165"]
    texts += ["e" + "".join(rng.choice(marks) for _ in range(rng.randrange(1, 12))) + "a" for _ in range(40)]
    for _ in range(60):  # code points of every plane
        limit = rng.choice([0x80, 0x800, 0x3000, 0x10000, 0x20000, 0x110000])
        points = [rng.randrange(1, limit) for _ in range(rng.randrange(1, 20))]
        texts.append("".join(chr(c) for c in points if not 0xD800 <= c < 0xE000))
    return texts


def write(name, value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    (HERE / name).write_text(text.replace("],[[", "],\n[[").replace("]],", "]],\n") + "\n", encoding="ascii")
    print(name, len(text), "bytes")


def write_cases():
    vocab, texts = small_vocab(), tricky_texts()
    (HERE / "tokenizer_vocab.txt").write_text("".join(v + "\n" for v in vocab), encoding="utf-8")
    rng = random.Random(5)
    result = {"texts": texts, "variants": {}}
    for name, options in VARIANTS.items():
        t = bert(vocab, **options)
        pairs = []  # first text, second text, maximum length (0: none), ids, type ids
        for _ in range(60):
            a, b, limit = rng.randrange(len(texts)), rng.randrange(len(texts)), rng.choice([0, 3, 4, 5, 8, 9, 16, 17])
            t.no_truncation() if limit == 0 else t.enable_truncation(limit)
            e = t.encode(texts[a], texts[b])
            pairs.append([a, b, limit, e.ids, e.type_ids])
        singles = []
        for limit in (2, 3, 7):
            t.enable_truncation(limit)
            singles += [[i, limit, t.encode(texts[i]).ids] for i in rng.sample(range(len(texts)), 10)]
        t.no_truncation()
        result["variants"][name] = {
            "tokenizer": {k: v for k, v in json.loads(t.to_str()).items() if k == "added_tokens"},
            "options": {k: v for k, v in options.items() if k != "added"},
            "ids": [t.encode(text).ids for text in texts], "truncated": singles, "pairs": pairs}
    write("tokenizer_cases.json", result)


def code_point_digests():
    """CRC-32 of the words, each ended by a line feed, of one text per code point, by plane."""
    result = {}
    for lowercase in (True, False):
        for strip in (True, False):
            normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip)
            pre = pre_tokenizers.BertPreTokenizer()
            planes = []
            for plane in range(17):
                crc = 0
                for code in range(plane << 16, (plane + 1) << 16):
                    if 0xD800 <= code < 0xE000:
                        continue
                    c = chr(code)
                    words = pre.pre_tokenize_str(normalizer.normalize_str(f"a{c}b {c}e\u302e\u0301{c}\u0323"))
                    crc = zlib.crc32("".join(w + "\n" for w, _ in words).encode(), crc)
                planes.append(crc)
            result[f"lowercase={int(lowercase)} strip_accents={int(strip)}"] = planes
    return result


def form_digests():
    """CRC-32 of what normalisers make of a text for each code point, by plane."""
    sys.path.append(str(HERE))  # behind the package, which is called as this file is
    from tokenizer_components import charsmap
    blob = charsmap({"x": "yy", "\u0344": "\u0308\u0301"})
    result = {"charsmap": blob}
    of_name = {name: getattr(normalizers, name)() for name in ("NFC", "NFD", "NFKC", "NFKD")}
    of_name["Precompiled"] = normalizers.Precompiled(base64.b64decode(blob))  # cuts grapheme clusters
    for name, normalizer in of_name.items():
        result[name] = []
        for plane in range(17):
            crc = 0
            for code in range(plane << 16, (plane + 1) << 16):
                if not 0xD800 <= code < 0xE000:
                    c = chr(code)
                    text = f"x{c}\u0301x {c}\u0344\u05bf \u0915\u094d{c}\u0344x"
                    crc = zlib.crc32(normalizer.normalize_str(text).encode(), crc)
            result[name].append(crc)
    return result


def file_lines(path, columns):
    with open(path, encoding="utf-8-sig", newline="\n") as file:
        for line in list(file)[1:]:
            fields = line.rstrip("\r\n").split("\t")
            yield [fields[c] for c in columns]


FILES = {"glue-mrpc/train.tsv": [3, 4], "glue-mrpc/dev.tsv": [3, 4], "glue-mrpc/test.tsv": [3, 4],
         "glue-sst2/train.tsv": [0], "glue-sst2/dev.tsv": [0], "glue-sst2/test.tsv": [1]}


def file_digests(data):
    """CRC-32 of ids, -1, type ids, -2 of every row but the header, as little-endian 32-bit integers."""
    result = {}
    for name in ("tok-bert-base-uncased", "tok-bert-base-cased"):
        t = Tokenizer.from_file(str(data / name / "tokenizer.json"))
        result[name] = {}
        for file, columns in FILES.items():
            result[name][file] = {"columns": columns}
            for limit in (0, 32):
                t.no_truncation() if limit == 0 else t.enable_truncation(limit)
                crc = 0
                for texts in file_lines(data / file, columns):
                    e = t.encode(*texts)
                    row = array.array("i", [*e.ids, -1, *e.type_ids, -2])
                    assert sys.byteorder == "little"
                    crc = zlib.crc32(row.tobytes(), crc)
                result[name][file][f"max_length={limit}"] = crc
    return result


def write_digests(data):
    write("tokenizer_digests.json", {"code_points": code_point_digests(), "forms": form_digests(), "files": file_digests(data)})


def check_saved(directory, files):
    import transformers
    from transformers import AutoTokenizer
    assert transformers.__version__ == "5.23.0", transformers.__version__
    import logging
    messages = []
    transformers.logging.set_verbosity_warning()
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logging.getLogger("transformers").addHandler(handler)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        auto = AutoTokenizer.from_pretrained(directory)
        reference = Tokenizer.from_file(str(pathlib.Path(directory) / "tokenizer.json"))
        tricky = tricky_texts()
        # transformers takes an empty second text for none at all, unlike the tokenizers package.
        rows = [[t] for t in tricky] + [[a, b] for a, b in zip(tricky, reversed(tricky)) if b]
        for file in files:
            columns = next(c for name, c in FILES.items() if file.endswith(name))
            rows += list(file_lines(file, columns))
        compared = different = 0
        for limit in (None, 16):
            reference.no_truncation() if limit is None else reference.enable_truncation(limit)
            for texts in rows:
                expected = reference.encode(*texts)
                # Only what the model takes: DistilBERT has no token types.
                got = auto(*texts, truncation=limit is not None, max_length=limit)
                same = got["input_ids"] == expected.ids
                if "token_type_ids" in auto.model_input_names:
                    same = same and got["token_type_ids"] == expected.type_ids
                else:
                    same = same and "token_type_ids" not in got
                compared += 1
                different += not same
                if not same and different <= 5:
                    print("different:", ascii(texts)[:300], limit, expected.ids[:20], got["input_ids"][:20])
    messages = [m for m in messages if "longer than the specified maximum sequence length" not in m]
    print(f"{directory}: {type(auto).__name__}, {compared} compared, {different} different, warnings: {messages}")
    sys.exit(bool(different or messages))


if __name__ == "__main__":
    if sys.argv[1:] == ["cases"]:
        write_cases()
    elif len(sys.argv) == 3 and sys.argv[1] == "digests":
        write_digests(pathlib.Path(sys.argv[2]))
    elif len(sys.argv) >= 3 and sys.argv[1] == "saved":
        check_saved(sys.argv[2], sys.argv[3:])
    elif len(sys.argv) >= 5 and sys.argv[1] == "compare":
        sys.path.append(str(HERE))
        from compare_tokenizers import main

        main(*sys.argv[2:])
    else:
        sys.exit(__doc__)
