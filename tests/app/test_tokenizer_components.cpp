// Every component of the tokenizer.json schema against the reference, on hostile texts: ids,
// offsets, words, token texts, and what decoding gives (tests/golden/tokenizer_components.py wrote
// the digests).
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tests/app/crc32.h"
#include "tests/catch.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/tokenizer.h"

namespace fs = std::filesystem;
using namespace retort;

namespace {

std::string lines_of(const Encoding& e) {
  std::string lines;
  for (std::size_t i = 0; i < e.size(); ++i)
    lines += std::to_string(e.ids[i]) + " " + std::to_string(e.offsets[i].first) + " " +
             std::to_string(e.offsets[i].second) + " " +
             (e.word_ids[i] < 0 ? "-" : std::to_string(e.word_ids[i])) + " " + e.tokens[i] + "\n";
  return lines;
}

}  // namespace

TEST_CASE("tokenizer golden: every component of the schema", "[tokenizer]") {
  const Json golden = Json::parse_file(fs::path(RETORT_SOURCE_DIR) / "tests" / "golden" /
                                       "tokenizer_components.json");
  std::vector<std::string> texts;
  for (const Json& text : golden.find("texts")->as_array("texts"))
    texts.push_back(text.as_string("text"));
  std::size_t compared = 0;
  for (const Json& row : golden.find("configurations")->as_array("configurations")) {
    Json definition = *row.find("tokenizer");
    const std::string shown = definition.dump().substr(0, 2000);
    CAPTURE(shown);
    const Tokenizer t(parse_tokenizer_json(definition.dump(), "golden"), "golden");
    const auto& digests = row.find("digests")->as_array("digests");
    REQUIRE(digests.size() == texts.size());
    EncodeOptions options;
    options.details = options.texts = true;
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < texts.size(); ++i, ++compared) {
      const Encoding e = t.encode(texts[i], {}, options);
      const std::string lines = lines_of(e);
      CAPTURE(i, texts[i], lines);
      const bool same = testing::crc32(lines + t.decode(e.ids)) ==
                        static_cast<std::uint32_t>(digests[i].as_integer("digest"));
      if (!same && ++wrong > 2) continue;  // two of a configuration are enough to look at
      CHECK(same);
      CHECK(t.encode(texts[i]).ids == e.ids);  // without offsets the same ids
    }
    CHECK(wrong == 0);
  }
  CHECK(compared > 9000);
}
