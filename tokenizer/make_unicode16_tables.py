#!/usr/bin/env python3
"""Writes tokenizer/unicode16_tables.cpp: properties of code points as the reference's regular expressions see them.

The reference (Hugging Face tokenizers 0.23.3) matches with Oniguruma 6.9.10, which carries Unicode 16. General
categories, scripts and the other properties are asked of that very engine, one property at a time over every code
point. Grapheme cluster properties (for the Precompiled normaliser) come from the regex package without what
Unicode 18 has added: the reference's clusters are those of Unicode 17, unassigned code points included. Simple case folding is Python's, with the
letters of Unicode 15 and 16 added; the scripts of the UnicodeScripts pre-tokenizer are those of Unicode 9 (Scripts.txt).

  make_unicode16_tables.py Scripts-9.0.0.txt > unicode16_tables.cpp      (tokenizers==0.23.3 regex==2026.11.15)
"""
import sys

import regex
import tokenizers
from tokenizers import Regex, normalizers

assert tokenizers.__version__ == "0.23.3", tokenizers.__version__

LIMIT = 0x110000
BLOCK = 128

# In the order of unicode::Category in tokenizer/unicode16.h.
CATEGORIES = ("Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co").split()
# In the order of unicode::GraphemeClass.
GRAPHEMES = ("Other CR LF Control Extend ZWJ Regional_Indicator Prepend SpacingMark L V T LV LVT").split()
# Bits of unicode::Flag16, in their order; then come the grapheme bits.
FLAGS = [r"\w", r"\s", r"\p{Alphabetic}", r"\p{Lowercase}", r"\p{Uppercase}", r"\p{Emoji}"]
SCRIPTS = """Unknown Common Inherited Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali
Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian
Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan
Elymaic Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Gurung_Khema Han Hangul
Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi
Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai Lao Latin Lepcha Limbu Linear_A
Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek
Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari
New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Ol_Onal Old_Hungarian Old_Italic Old_North_Arabian Old_Permic
Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa
Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng
Soyombo Sundanese Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana
Thai Tibetan Tifinagh Tirhuta Todhri Toto Tulu_Tigalari Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi
Zanabazar_Square""".split()
# Letters that Python 3.11 (Unicode 14) doesn't fold: first, last, distance.
FOLD_ADDITIONS = [(0x1C89, 0x1C89, 1), (0xA7CB, 0xA7CB, 0x264 - 0xA7CB), (0xA7CC, 0xA7CC, 1), (0xA7DA, 0xA7DA, 1),
                  (0xA7DC, 0xA7DC, 0x19B - 0xA7DC), (0x10D50, 0x10D65, 0x20)]

# Characters of Unicode 18, which the regex package has: first, last.
UNICODE_18 = [(0x5C8, 0x5C9), (0xB53, 0xB54), (0x1ADE, 0x1ADF), (0x1AEC, 0x1AF0), (0x10ECB, 0x10ECF), (0x10EF0, 0x10EF9),
              (0x11DF0, 0x11DF0), (0x1D127, 0x1D128), (0x1D250, 0x1D252), (0x1D25B, 0x1D25C), (0x1D25F, 0x1D25F),
              (0x1D280, 0x1D281)]

ALL = [c for c in range(LIMIT) if not 0xD800 <= c < 0xE000]
TEXT = "".join(map(chr, ALL))


def of_engine(pattern):
    """The code points that Oniguruma's `pattern` matches."""
    rest = normalizers.Replace(Regex(pattern), "").normalize_str(TEXT)
    return set(ALL) - {ord(c) for c in rest}


def of_regex(pattern):
    return {ord(c) for c in regex.findall(pattern, TEXT)}


def numbers(values, width=118):
    lines, line = [], ""
    for value in values:
        item = f"{value},"
        if len(line) + len(item) > width:
            lines.append(line)
            line = ""
        line += item
    return "\n".join(lines + [line])


def main(path_scripts):
    category, script, grapheme, flags, script9 = ([0] * LIMIT for _ in range(5))
    fold = [0] * LIMIT
    for index, name in enumerate(CATEGORIES[1:], 1):
        for code in of_engine(rf"\p{{{name}}}") if name != "Cs" else range(0xD800, 0xE000):
            category[code] = index
    for index, name in enumerate(SCRIPTS[1:], 1):
        for code in of_engine(rf"\p{{{name}}}"):
            script[code] = index
    for bit, pattern in enumerate(FLAGS):
        for code in of_engine(pattern):
            flags[code] |= 1 << bit
    for index, name in enumerate(GRAPHEMES[1:], 1):
        for code in of_regex(rf"\p{{GCB={name}}}"):
            grapheme[code] = index
    for bit, pattern in ((4, r"\p{Extended_Pictographic}"), (5, r"\p{InCB=Consonant}"), (6, r"\p{InCB=Linker}"),
                         (7, r"\p{InCB=Extend}")):
        for code in of_regex(pattern) if bit > 4 else of_engine(pattern):
            grapheme[code] |= 1 << bit
    for first, last in UNICODE_18:
        grapheme[first:last + 1] = [0] * (last + 1 - first)
    for code in ALL:
        folded = chr(code).casefold()
        if len(folded) != 1:
            folded = chr(code).lower() if len(chr(code).lower()) == 1 else chr(code)
        fold[code] = ord(folded) - code
    for first, last, distance in FOLD_ADDITIONS:
        for code in range(first, last + 1):
            fold[code] = distance
    with open(path_scripts, encoding="utf-8") as file:
        for line in file:
            fields = line.split("#")[0].split(";")
            if len(fields) == 2:
                ends = [int(c, 16) for c in fields[0].split("..")]
                for code in range(ends[0], ends[-1] + 1):
                    script9[code] = SCRIPTS.index(fields[1].strip())

    records, indices = {}, []
    for code in range(LIMIT):
        key = (category[code], script[code], grapheme[code], flags[code], script9[code], fold[code])
        indices.append(records.setdefault(key, len(records)))
    blocks, first_step, second_step = {}, [], []
    for start in range(0, LIMIT, BLOCK):
        block = tuple(indices[start:start + BLOCK])
        if block not in blocks:
            blocks[block] = len(blocks)
            second_step += block
        first_step.append(blocks[block])
    assert len(records) < 65536 and len(blocks) < 65536 and len(SCRIPTS) < 256
    names = "\n".join(f'"{name}",' for name in SCRIPTS)
    print(f"""// Generated by tokenizer/make_unicode16_tables.py: don't edit. See there for the sources.
//
// Derived from the Unicode Character Database, (c) 1991-2024 Unicode, Inc., under the Unicode License
// (https://www.unicode.org/license.txt).
// clang-format off
#include "tokenizer/unicode16.h"

namespace retort::unicode {{

// {len(records)} records: category, script, grapheme class and bits, flags, script of Unicode 9, distance of the case folding.
const Properties16 kRecords16[] = {{
{numbers("{%d,%d,%d,%d,%d,%d}" % r for r in records)}
}};

const std::uint16_t kBlocks16[] = {{
{numbers(first_step)}
}};

const std::uint16_t kRecordOf16[] = {{
{numbers(second_step)}
}};

const char* const kScriptNames[] = {{
{names}
}};

const int kScriptCount = {len(SCRIPTS)};

}}  // namespace retort::unicode""")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
