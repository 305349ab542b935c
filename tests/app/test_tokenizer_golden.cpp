// The same ids as the reference: small golden cases that are committed, digests over every code
// point, and over the shared data when they are there (tests/golden/tokenizers.py wrote both).
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/app/crc32.h"
#include "tests/catch.h"
#include "tokenizer/normalizers/bert.h"
#include "tokenizer/pre_tokenizers/words.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace fs = std::filesystem;
using namespace retort;

namespace {

using Ids = std::vector<std::int32_t>;

fs::path golden(const char* name) {
  return fs::path(RETORT_SOURCE_DIR) / "tests" / "golden" / name;
}

fs::path shared_data() {
  const char* set = std::getenv("RETORT_SHARED");
  const fs::path root =
      set != nullptr ? fs::path(set) : fs::path(RETORT_SOURCE_DIR) / ".." / "shared";
  return fs::is_directory(root / "data") ? root / "data" : root;
}

Ids ids_of(const Json& array) {
  Ids ids;
  for (const Json& id : array.as_array("ids"))
    ids.push_back(static_cast<std::int32_t>(id.as_integer("id")));
  return ids;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

TEST_CASE("tokenizer golden: tricky texts, pairs, truncation and added tokens", "[tokenizer]") {
  const std::vector<std::string> vocab = read_vocab(golden("tokenizer_vocab.txt"));
  const Json cases = Json::parse_file(golden("tokenizer_cases.json"));
  std::vector<std::string> texts;
  for (const Json& text : cases.find("texts")->as_array("texts"))
    texts.push_back(text.as_string("text"));
  REQUIRE(texts.size() > 300);

  std::size_t compared = 0;
  for (const auto& [name, variant] : cases.find("variants")->as_object("variants")) {
    TokenizerOptions options;
    const Json& set = *variant.find("options");
    options.lowercase = set.get("lowercase", true);
    if (const Json* strip = set.find("strip_accents"))
      options.strip_accents = strip->as_bool("strip_accents");
    options.tokenize_chinese_chars = set.get("chinese", true);
    options.clean_text = set.get("clean_text", true);
    TokenizerDefinition definition = bert_definition(vocab, options, name);
    definition.added.clear();
    for (const Json& token :
         variant.find("tokenizer")->find("added_tokens")->as_array("added_tokens")) {
      AddedToken added;
      added.content = token.get("content", "");
      added.id = static_cast<std::int32_t>(token.get("id", -1));
      added.special = token.get("special", false);
      added.normalized = token.get("normalized", true);
      added.single_word = token.get("single_word", false);
      added.lstrip = token.get("lstrip", false);
      added.rstrip = token.get("rstrip", false);
      definition.added.push_back(added);
    }
    const Tokenizer t(definition, name);
    CAPTURE(name);
    const auto& ids = variant.find("ids")->as_array("ids");
    REQUIRE(ids.size() == texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i, ++compared) {
      CAPTURE(i, texts[i]);
      CHECK(t.encode(texts[i]).ids == ids_of(ids[i]));
    }
    const auto text = [&](const Json& index) {
      return texts[static_cast<std::size_t>(index.as_integer("index"))];
    };
    for (const Json& row : variant.find("truncated")->as_array("truncated")) {
      const auto& item = row.as_array("truncated");
      CHECK(t.encode(text(item[0]), {}, static_cast<int>(item[1].as_integer("length"))).ids ==
            ids_of(item[2]));
      ++compared;
    }
    for (const Json& row : variant.find("pairs")->as_array("pairs")) {
      const auto& item = row.as_array("pairs");
      const Encoding found =
          t.encode(text(item[0]), text(item[1]), static_cast<int>(item[2].as_integer("length")));
      CHECK(found.ids == ids_of(item[3]));
      CHECK(found.type_ids == ids_of(item[4]));
      ++compared;
    }
  }
  CHECK(compared > 2500);
}

TEST_CASE("tokenizer golden: the words of every code point", "[tokenizer]") {
  const Json digests = Json::parse_file(golden("tokenizer_digests.json"));
  for (const bool lowercase : {true, false})
    for (const bool strip : {true, false}) {
      const std::string key =
          "lowercase=" + std::to_string(lowercase) + " strip_accents=" + std::to_string(strip);
      const auto& planes = digests.find("code_points")->find(key)->as_array(key);
      REQUIRE(planes.size() == 17);
      const BertNormalizer normalizer(true, true, strip, lowercase);
      const BertPreTokenizer pre_tokenizer;
      std::string text, normalized, words;
      for (char32_t plane = 0; plane < 17; ++plane) {
        std::uint32_t crc = 0;
        for (char32_t c = plane << 16; c < (plane + 1) << 16; ++c) {
          if (c >= 0xD800 && c < 0xE000) continue;
          text = "a";
          unicode::append(text, c);
          text += "b ";
          unicode::append(text, c);
          text += "e\u302E\u0301";
          unicode::append(text, c);
          text += "\u0323";
          normalized.clear();
          normalizer.append(text, normalized);
          words.clear();
          PreTokens tokens;
          tokens.text = AlignedText(normalized, 0, false);
          tokens.pieces = {{0, static_cast<std::uint32_t>(normalized.size()), 0, -1}};
          pre_tokenizer.apply(tokens);
          for (const Piece& piece : tokens.pieces) words.append(tokens.bytes(piece)) += '\n';
          crc = testing::crc32(words, crc);
        }
        CAPTURE(key, static_cast<int>(plane));
        CHECK(crc == static_cast<std::uint32_t>(planes[plane].as_integer("digest")));
      }
    }
}

TEST_CASE("tokenizer golden: normal forms and grapheme clusters of every code point",
          "[tokenizer]") {
  const Json digests = Json::parse_file(golden("tokenizer_digests.json"));
  const Json& forms = *digests.find("forms");
  for (const std::string name : {"NFC", "NFD", "NFKC", "NFKD", "Precompiled"}) {
    Json json;
    json["type"] = name;
    if (name == "Precompiled") json["precompiled_charsmap"] = forms.get("charsmap", "");
    const auto normalizer = make_normalizer(json, "test");
    const auto& planes = forms.find(name)->as_array(name);
    REQUIRE(planes.size() == 17);
    std::string text;
    for (char32_t plane = 0; plane < 17; ++plane) {
      std::uint32_t crc = 0;
      for (char32_t c = plane << 16; c < (plane + 1) << 16; ++c) {
        if (c >= 0xD800 && c < 0xE000) continue;
        text = "x";
        unicode::append(text, c);
        text += "\u0301x ";
        unicode::append(text, c);
        text += "\u0344\u05BF \u0915\u094D";
        unicode::append(text, c);
        text += "\u0344x";
        AlignedText aligned(text, 0, false);
        normalizer->apply(aligned);
        crc = testing::crc32(aligned.bytes(), crc);
      }
      CAPTURE(name, static_cast<int>(plane));
      CHECK(crc == static_cast<std::uint32_t>(planes[plane].as_integer("digest")));
    }
  }
}

TEST_CASE("tokenizer golden: every line of MRPC and SST-2", "[tokenizer]") {
  const fs::path data = shared_data();
  if (!fs::exists(data / "tok-bert-base-uncased") || !fs::exists(data / "glue-mrpc"))
    RETORT_SKIP("shared/data is not there");
  const Json digests = Json::parse_file(golden("tokenizer_digests.json"));
  for (const auto& [model, files] : digests.find("files")->as_object("files")) {
    const Tokenizer t = Tokenizer::load(data / model);
    for (const auto& [file, entry] : files.as_object("files")) {
      const Ids columns = ids_of(*entry.find("columns"));
      const std::string content = read_file(data / file);
      std::uint32_t crc = 0, crc_truncated = 0;
      auto lines = split(content, '\n');
      if (lines.back().empty()) lines.pop_back();
      for (std::size_t i = 1; i < lines.size(); ++i) {  // behind the header
        std::string_view line = lines[i];
        if (line.ends_with('\r')) line.remove_suffix(1);
        const auto fields = split(line, '\t');
        const auto field = [&](std::size_t k) {
          return fields.at(static_cast<std::size_t>(columns[k]));
        };
        const auto pair = columns.size() == 2 ? std::optional(field(1)) : std::nullopt;
        const auto digest = [&](int max_length, std::uint32_t& sum) {
          Encoding e = t.encode(field(0), pair, max_length);
          e.ids.push_back(-1);
          e.ids.insert(e.ids.end(), e.type_ids.begin(), e.type_ids.end());
          e.ids.push_back(-2);
          sum =
              testing::crc32({reinterpret_cast<const char*>(e.ids.data()), e.ids.size() * 4}, sum);
        };
        digest(0, crc);
        digest(32, crc_truncated);
      }
      CAPTURE(model, file);
      CHECK(crc == static_cast<std::uint32_t>(entry.get("max_length=0", -1)));
      CHECK(crc_truncated == static_cast<std::uint32_t>(entry.get("max_length=32", -1)));
    }
  }
}

TEST_CASE("tokenizer golden: kitoken's texts through bert-base-cased", "[tokenizer]") {
  const fs::path data = shared_data(), root = data / "golden-kitoken";
  if (!fs::exists(root) || !fs::exists(data / "tok-bert-base-cased"))
    RETORT_SKIP("shared/data/golden-kitoken is not there");
  const Tokenizer t = Tokenizer::load(data / "tok-bert-base-cased");
  for (const std::string name : {"small", "mixed", "utf8"}) {
    const std::string input = read_file(root / (name + "_input.txt"));
    std::vector<std::string> texts;
    if (name == "utf8") {
      texts.push_back(input);  // one text, the whole file
    } else {
      for (const std::string_view line : split(input, '\n')) {
        if (line.empty()) continue;
        std::string text(line);
        for (const auto& [escape, meaning] : {std::pair{"\\n", "\n"}, {"\\s", " "}, {"\\x", ""}})
          for (std::size_t at; (at = text.find(escape)) != std::string::npos;)
            text.replace(at, 2, meaning);
        texts.push_back(text);
      }
    }
    const std::string output =
        read_file(root / "tokenizers" / (name + "_tokens_bert_base_cased.txt"));
    auto lines = split(output, '\n');
    while (lines.size() > texts.size() && lines.back().empty()) lines.pop_back();
    REQUIRE(lines.size() == texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      CAPTURE(name, i, texts[i]);
      const Ids expected = ids_of(Json::parse("[" + std::string(lines[i]) + "]", name));
      Ids found = t.encode(texts[i]).ids;  // theirs are without [CLS] and [SEP]
      found.erase(found.begin());
      found.pop_back();
      CHECK(found == expected);
    }
  }
}

TEST_CASE("tokenizer golden: other files give the ids of the published tokenizer.json",
          "[tokenizer]") {
  const fs::path data = shared_data();
  if (!fs::exists(data / "tok-llama2") || !fs::exists(data / "unicode-ucd"))
    RETORT_SKIP("shared/data is not there");
  const std::string texts = unicode::replace_invalid(read_file(data / "unicode-ucd" / "blns.txt"));
  const auto same = [&](const Tokenizer& one, const Tokenizer& other) {
    std::size_t tokens = 0;
    EncodeOptions options;
    options.add_special_tokens = false;  // which files of their own don't say
    for (const std::string_view line : split(texts, '\n')) {
      const Ids ids = one.encode(line, {}, options).ids;
      CHECK(ids == other.encode(line, {}, options).ids);
      tokens += ids.size();
    }
    CHECK(tokens > 5000);
  };
  const auto load = [&](const char* file) { return Tokenizer::load(data / file); };
  same(load("tok-llama2/tokenizer.json"), load("tok-llama2/tokenizer.model"));
  same(load("tok-gpt2/tokenizer.json"), load("tok-gpt2/gpt2.tiktoken"));
  same(load("tok-roberta-base/tokenizer.json"),
       Tokenizer(read_bpe_files(data / "tok-roberta-base/vocab.json",
                                data / "tok-roberta-base/merges.txt"),
                 "files"));
}
