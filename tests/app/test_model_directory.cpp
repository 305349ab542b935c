// What belongs together in a model directory.
#include "distill/model_directory.h"
#include "tensor/base/file.h"
#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

TEST_CASE("A table of words may be padded, but by few rows", "[directory]") {
  const Folder folder("directory-vocabulary");
  std::string words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (int i = 5; i < 30000; ++i) words += "w" + std::to_string(i) + "\n";
  replace_file(folder.path() / "vocab.txt", words);
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  const auto check_rows = [&](std::int64_t rows) {
    ModelConfig config = tiny_config("bert", 1);
    config.vocab_size = rows;
    check_vocabulary(tokenizer, config, "here");
  };
  for (const std::int64_t rows : {30000, 30008, 30080, 30208}) CHECK_NOTHROW(check_rows(rows));
  CHECK(contains(error_of([&] { check_rows(29999); }), "ids would lie beyond the table"));
  for (const std::int64_t rows : {30001, 30012, 30216, 60000})
    CHECK(contains(error_of([&] { check_rows(rows); }), "belongs to another model"));
}
