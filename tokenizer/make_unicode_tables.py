#!/usr/bin/env python3
"""Writes tokenizer/unicode_tables.cpp: what the tokenizer needs to know of every code point.

The reference (Hugging Face tokenizers 0.23.3) takes each property from another version of Unicode, so no
system library gives its results. This script restricts and merges files of the Unicode Character Database:

  general categories (controls, punctuation, marks)   8.0.0
  canonical decomposition, combining class            9.0.0 = 15.0.0 restricted to characters of age <= 9.0
  word characters (\\w around added tokens)            16.0.0 = 15.0.0 and the additions listed below
  lower case                                          17.0.0 = 15.0.0 and the additions listed below

  make_unicode_tables.py UnicodeData-8.0.0.txt UnicodeData-15.0.0.txt ages.tsv > unicode_tables.cpp

ages.tsv has lines "first TAB last TAB version" (hexadecimal code points): the first version that assigned them
(DerivedAge.txt of any version from 9.0 on).
"""
import sys

LIMIT = 0x110000
BLOCK = 128

# Flags of tokenizer/unicode.h, in the same order.
WHITESPACE, REMOVED, PUNCTUATION, NONSPACING, CJK, WORD = 1, 2, 4, 8, 16, 32

# White_Space, unchanged since Unicode 6.3.
WHITE_SPACE = [(0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A),
               (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)]
# BERT's ideographs as the reference has them: it leaves out U+2B820..2B91F, which Google's code includes.
IDEOGRAPHS = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
              (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]
# Co, written out because not every copy of UnicodeData.txt lists it.
PRIVATE_USE = [(0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD)]
# Symbols that are Alphabetic, hence \w: circled and squared letters; and the joiners.
WORD_SYMBOLS = [(0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189), (0x200C, 0x200D)]
# Word characters of Unicode 15.1 and 16.
WORD_ADDITIONS = [
    (0x897, 0x897), (0x1C89, 0x1C8A), (0xA7CB, 0xA7CD), (0xA7DA, 0xA7DC), (0x105C0, 0x105F3), (0x10D40, 0x10D65),
    (0x10D69, 0x10D6D), (0x10D6F, 0x10D85), (0x10EC2, 0x10EC4), (0x10EFC, 0x10EFC), (0x11380, 0x11389),
    (0x1138B, 0x1138B), (0x1138E, 0x1138E), (0x11390, 0x113B5), (0x113B7, 0x113C0), (0x113C2, 0x113C2),
    (0x113C5, 0x113C5), (0x113C7, 0x113CA), (0x113CC, 0x113D3), (0x113E1, 0x113E2), (0x116D0, 0x116E3),
    (0x11BC0, 0x11BE0), (0x11BF0, 0x11BF9), (0x11F5A, 0x11F5A), (0x13460, 0x143FA), (0x16100, 0x16139),
    (0x16D40, 0x16D6C), (0x16D70, 0x16D79), (0x18CFF, 0x18CFF), (0x1CCF0, 0x1CCF9), (0x1E5D0, 0x1E5FA),
    (0x2EBF0, 0x2EE5D)]
# Upper case letters of Unicode 16 and 17: first, last, distance to the lower case letter.
LOWER_ADDITIONS = [
    (0x1C89, 0x1C89, 1), (0xA7CB, 0xA7CB, 0x264 - 0xA7CB), (0xA7CC, 0xA7CC, 1), (0xA7CE, 0xA7CE, 1),
    (0xA7D2, 0xA7D2, 1), (0xA7D4, 0xA7D4, 1), (0xA7DA, 0xA7DA, 1), (0xA7DC, 0xA7DC, 0x19B - 0xA7DC),
    (0x10D50, 0x10D65, 0x20), (0x16EA0, 0x16EB8, 0x1B)]


def read_unicode_data(path):
    """code point -> (category, combining class, canonical decomposition, lower case)"""
    table, first = {}, None
    with open(path, encoding="ascii") as file:
        for line in file:
            field = line.rstrip("\n").split(";")
            code, name = int(field[0], 16), field[1]
            mapping = [] if field[5].startswith("<") else [int(c, 16) for c in field[5].split()]
            row = (field[2], int(field[3]), mapping, int(field[13], 16) if field[13] else code)
            if name.endswith(", First>"):
                first = code
            elif name.endswith(", Last>"):
                for c in range(first, code + 1):
                    table[c] = (field[2], int(field[3]), [], c)
            else:
                table[code] = row
    return table


def read_ages(path):
    ages = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            first, last, version = line.split()
            for code in range(int(first, 16), int(last, 16) + 1):
                ages[code] = tuple(map(int, version.split(".")))
    return ages


def numbers(values, width=118):
    lines, line = [], ""
    for value in values:
        item = f"{value},"
        if len(line) + len(item) > width:
            lines.append(line)
            line = ""
        line += item
    return "\n".join(lines + [line])


def main(path8, path15, path_ages):
    data8, data15, ages = read_unicode_data(path8), read_unicode_data(path15), read_ages(path_ages)
    in_unicode_9 = {c for c in data15 if ages.get(c, (99, 0)) <= (9, 0)}

    def decompose(code):
        mapping = data15[code][2] if code in in_unicode_9 else []
        return [d for c in mapping for d in decompose(c)] if mapping else [code]

    flags = [0] * LIMIT
    for ranges, flag in ((WHITE_SPACE, WHITESPACE), (IDEOGRAPHS, CJK), (PRIVATE_USE, REMOVED), (WORD_SYMBOLS, WORD),
                         (WORD_ADDITIONS, WORD)):
        for first, last in ranges:
            for code in range(first, last + 1):
                flags[code] |= flag
    for code, (category, *_) in data8.items():
        if category in ("Cc", "Cf") and code not in (0x09, 0x0A, 0x0D):
            flags[code] |= REMOVED
        if category.startswith("P"):
            flags[code] |= PUNCTUATION
        if category == "Mn":
            flags[code] |= NONSPACING
    flags[0xFFFD] |= REMOVED
    for code in range(0x21, 0x7F):
        if not chr(code).isalnum():
            flags[code] |= PUNCTUATION
    for code, (category, *_) in data15.items():
        if category[0] in "LM" or category in ("Nl", "Nd", "Pc"):
            flags[code] |= WORD

    lower = {code: row[3] - code for code, row in data15.items() if row[3] != code}
    for first, last, distance in LOWER_ADDITIONS:
        for code in range(first, last + 1):
            lower[code] = distance

    # One record for each distinct set of properties; a code point's record is found in two steps.
    records, order, decompositions, indices = {}, [], [], []
    for code in range(LIMIT):
        ccc = data15[code][1] if code in in_unicode_9 else 0
        mapping = decompose(code) if code in in_unicode_9 else [code]
        key = (flags[code], ccc, lower.get(code, 0), tuple(mapping) if mapping != [code] else ())
        if key not in records:
            records[key] = len(order)
            order.append((flags[code], ccc, len(key[3]), len(decompositions) if key[3] else 0, key[2]))
            decompositions += key[3]
        indices.append(records[key])
    blocks, first_step, second_step = {}, [], []
    for start in range(0, LIMIT, BLOCK):
        block = tuple(indices[start:start + BLOCK])
        if block not in blocks:
            blocks[block] = len(blocks)
            second_step += block
        first_step.append(blocks[block])
    assert len(order) < 65536 and len(blocks) < 65536 and len(decompositions) < 65536

    print(f"""// Generated by tokenizer/make_unicode_tables.py: don't edit. See there for the versions of Unicode.
//
// Derived from the Unicode Character Database, (c) 1991-2022 Unicode, Inc., under the Unicode License
// (https://www.unicode.org/license.txt).
// clang-format off
#include "tokenizer/unicode.h"

namespace retort::unicode {{

// {len(order)} records: flags, combining class, decomposition's length and offset, distance to lower case.
const Properties kRecords[] = {{
{numbers("{%d,%d,%d,%d,%d}" % r for r in order)}
}};

const std::uint16_t kBlocks[] = {{
{numbers(first_step)}
}};

const std::uint16_t kRecordOf[] = {{
{numbers(second_step)}
}};

const char32_t kDecompositions[] = {{
{numbers(decompositions)}
}};

}}  // namespace retort::unicode""")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
