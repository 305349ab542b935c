// The readers of vocab.txt, tokenizer.json and tokenizer_config.json, above all what they refuse.
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tests/catch.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/tokenizer.h"

namespace fs = std::filesystem;
using namespace retort;

namespace {

using Ids = std::vector<std::int32_t>;

// A folder for one test case; gone afterwards.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / "retort_test_tokenizer_files") {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  fs::path write(const char* name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

const std::string kVocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n";

const std::string kAdded =
    R"({"id":0,"content":"[PAD]","special":true,"normalized":false},{"id":4,"content":"[MASK]","special":true,"lstrip":true,"normalized":false})";
const std::string kTemplate =
    R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],)"
    R"("pair":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}},{"Sequence":{"id":"B","type_id":1}},{"SpecialToken":{"id":"[SEP]","type_id":1}}],)"
    R"("special_tokens":{"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[3],"tokens":["[SEP]"]}}})";
const std::string kPieces = R"({"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,"a":5,"##b":6})";

struct Parts {
  std::string normalizer =
      R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true})";
  std::string pre_tokenizer = R"({"type":"BertPreTokenizer"})";
  std::string post_processor = kTemplate;
  std::string decoder = R"({"type":"WordPiece","prefix":"##","cleanup":true})";
  std::string added = kAdded;
  std::string model = R"({"unk_token":"[UNK]","vocab":)" + kPieces + "}";
  std::string truncation = "null";

  std::string text() const {
    return R"({"version":"1.0","truncation":)" + truncation +
           R"(,"padding":null,"added_tokens":[)" + added + R"(],"normalizer":)" + normalizer +
           R"(,"pre_tokenizer":)" + pre_tokenizer + R"(,"post_processor":)" + post_processor +
           R"(,"decoder":)" + decoder + R"(,"model":)" + model + "}";
  }
};

std::string load_error(const fs::path& path) {
  try {
    Tokenizer::load(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void check_error(const fs::path& path, const std::string& expected) {
  const std::string found = load_error(path);
  CAPTURE(found, expected);
  CHECK(found.starts_with(path.string()));
  CHECK(found.find(expected) != std::string::npos);
  CHECK(found.find('\n') == std::string::npos);
}

}  // namespace

TEST_CASE("vocab.txt: lines, line ends and what is refused", "[tokenizer]") {
  const Folder folder;
  const fs::path path = folder.path() / "vocab.txt";
  const auto read = [&](const std::string& text) {
    return read_vocab(folder.write("vocab.txt", text));
  };
  const std::vector<std::string> ab{"a", "b"};
  CHECK(read("a\nb\n") == ab);
  CHECK(read("a\nb") == ab);
  CHECK(read("a\r\nb\r\n") == ab);
  CHECK(read("\xEF\xBB\xBF"
             "a \nb\t\n") == ab);

  const auto refused = [&](const std::string& text, const std::string& expected) {
    folder.write("vocab.txt", text);
    check_error(path, expected);
  };
  refused("", "the vocabulary is empty");
  refused(kVocab + "\nx\n", ", line 8: is empty");
  refused(kVocab + "\n", ", line 8: is empty");
  refused(kVocab + "a\n", ", line 8: the token \"a\" already stands on line 6");
  refused("[PAD]\n\xFF\n", "not valid UTF-8 at byte 6");
  refused("[PAD]\n[CLS]\n[SEP]\n[MASK]\n", "lacks the unknown token \"[UNK]\"");
  refused("[PAD]\n[UNK]\n[SEP]\n[MASK]\n", "lacks the classification token \"[CLS]\"");
  refused("[UNK]\n[CLS]\n[SEP]\n[MASK]\n", "lacks the padding token \"[PAD]\"");
  CHECK(load_error(folder.path() / "nothing").find("no such file") != std::string::npos);
}

TEST_CASE("model directory: which file, and what the configuration says", "[tokenizer]") {
  const Folder folder;
  CHECK(load_error(folder.path()).find("holds none of tokenizer.json") != std::string::npos);
  folder.write("vocab.txt", "[PAD]\n[UNK]\n<s>\n</s>\n[MASK]\nA\na\n");
  folder.write(
      "tokenizer_config.json",
      R"({"do_lower_case":false,"cls_token":"<s>","sep_token":{"content":"</s>","lstrip":false},)"
      R"("model_max_length":1000000000000000019884624838656,"strip_accents":null,)"
      R"("added_tokens_decoder":{"8":{"content":"two"},"7":{"content":"one","special":true},"4":{"content":"[MASK]","special":true,"lstrip":true}}})");
  const Tokenizer t = Tokenizer::load(folder.path());
  CHECK(t.encode("A a  [MASK] one two").ids == Ids{2, 5, 6, 4, 7, 8, 3});
  CHECK(t.options().model_max_length == std::numeric_limits<int>::max());

  // tokenizer.json comes first; the configuration's explicit flags win over it, as in transformers.
  Parts parts;
  folder.write("tokenizer.json", parts.text());
  folder.write("tokenizer_config.json", R"({"do_lower_case":false,"model_max_length":64})");
  CHECK(Tokenizer::load(folder.path()).encode("A a").ids == Ids{2, 1, 5, 3});
  CHECK(Tokenizer::load(folder.path()).options().model_max_length == 64);
  CHECK(Tokenizer::load(folder.path() / "tokenizer.json").encode("A a").ids == Ids{2, 5, 5, 3});

  folder.write("tokenizer_config.json", R"({"do_lower_case":"no"})");
  CHECK(load_error(folder.path()).find("tokenizer_config.json, do_lower_case") !=
        std::string::npos);
  folder.write("tokenizer_config.json", R"({"model_max_length":0})");
  CHECK(load_error(folder.path()).find("expected at least 1") != std::string::npos);
  fs::remove(folder.path() / "tokenizer.json");
  folder.write("tokenizer_config.json",
               R"({"cls_token":"<s>","sep_token":"</s>",)"
               R"("added_tokens_decoder":{"99999999999":{"content":"x"}}})");
  CHECK(load_error(folder.path()).find("\"99999999999\" is not a token id") != std::string::npos);
  folder.write("added_tokens.json", R"({"x":7})");
  CHECK(load_error(folder.path()).find("added_tokens.json: is not supported") != std::string::npos);
}

TEST_CASE("tokenizer.json: BERT's components load", "[tokenizer]") {
  const Folder folder;
  const auto load = [&](const Parts& parts) {
    return Tokenizer::load(folder.write("t.json", parts.text()));
  };
  Parts parts;
  parts.truncation = R"({"max_length":3,"strategy":"LongestFirst","stride":0})";  // not applied
  const Tokenizer t = load(parts);
  CHECK(t.encode("ab AB  [MASK] x").ids == Ids{2, 5, 6, 5, 6, 4, 1, 3});
  CHECK(t.encode("a", "a").type_ids == Ids{0, 0, 0, 1, 1});
  parts.post_processor = R"({"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]})";
  CHECK(t.difference(load(parts)) == "");
  parts.post_processor = "null";
  CHECK(load(parts).encode("a", "ab").ids == Ids{5, 5, 6});
  CHECK(load(parts).encode("a", "ab").type_ids == Ids{0, 1, 1});
  parts.decoder = "null";
  parts.model =
      R"({"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"##","max_input_chars_per_word":2,"vocab":)" +
      kPieces + "}";
  CHECK(load(parts).encode("ab abb x").ids == Ids{5, 6, 5, 5});
  parts.added +=
      R"(,{"id":7,"content":"zz","single_word":true},{"id":8,"content":"y y","special":true})";
  CHECK(load(parts).encode("zz ZZ zzz y y").ids == Ids{7, 7, 5, 8});
  CHECK(load(parts).vocab_size() == 9);
}

TEST_CASE("tokenizer.json: what is refused, by name", "[tokenizer]") {
  const Folder folder;
  const fs::path path = folder.path() / "tokenizer.json";
  const auto refused = [&](const std::function<void(Parts&)>& change, const std::string& expected) {
    Parts parts;
    change(parts);
    folder.write("tokenizer.json", parts.text());
    check_error(path, expected);
  };
  refused([](Parts& p) { p.normalizer = R"({"type":"NFKX"})"; },
          "the normalizer \"NFKX\" is not known");
  refused([](Parts& p) { p.normalizer = R"({"type":"Sequence","normalizers":[{"type":"x"}]})"; },
          "normalizer.normalizers[0]: the normalizer \"x\" is not known");
  refused([](Parts& p) { p.normalizer = R"({"clean_text":true})"; }, "normalizer: has no type");
  refused([](Parts& p) { p.normalizer = "[]"; }, "normalizer");
  refused([](Parts& p) { p.pre_tokenizer = R"({"type":"Words"})"; },
          "the pre_tokenizer \"Words\" is not known");
  refused([](Parts& p) { p.post_processor = R"({"type":"Roberta"})"; },
          "the post_processor \"Roberta\" is not known");
  refused([](Parts& p) { p.post_processor = R"({"type":"RobertaProcessing"})"; },
          "post_processor.cls: expected a token and its id");
  refused([](Parts& p) { p.decoder = R"({"type":"Space"})"; },
          "the decoder \"Space\" is not known");
  refused([](Parts& p) { p.model = R"({"type":"GPT","vocab":{"a":0}})"; },
          "the model \"GPT\" is not known");
  refused([](Parts& p) { p.model = R"({"type":"BPE","vocab":{"a":0}})"; },
          "the model has no merges");
  refused([](Parts& p) { p.model = R"({"type":"WordPiece"})"; }, "the model has no vocab");
  refused([](Parts& p) { p.model = "null"; }, "has no model");

  const auto vocab = [&](const std::string& pieces, const std::string& expected) {
    refused(
        [&](Parts& p) {
          p.model = R"({"type":"WordPiece","vocab":)" + pieces + "}";
          p.added.clear();
        },
        expected);
  };
  vocab("{}", "the vocabulary has no tokens");
  vocab(R"({"a":0,"b":0})", "the tokens \"a\" and \"b\" both have id 0");
  vocab(R"({"a":0,"a":1})", "the token \"a\" has two ids, 0 and 1");
  vocab(R"({"a":0,"b":-1})",
        "the token \"b\" has id -1, but 2 tokens must have ids from 0 to 65535");
  vocab(R"({"a":0,"b":2147483648})", "the token \"b\" has id 2147483648");
  vocab(R"({"a":0,"b":99999999999999999999})", "");
  vocab(R"({"a":0,"b":1.5})", "model.vocab: expected an integer");
  vocab("[]", "model");
  vocab(R"({"[PAD]":0})", "lacks the unknown token");
  refused([](Parts& p) { p.model = R"({"max_input_chars_per_word":-1,"vocab":)" + kPieces + "}"; },
          "is -1");

  const auto added = [&](const std::string& token, const std::string& expected) {
    refused([&](Parts& p) { p.added = token; }, expected);
  };
  added(R"({"id":2147483648,"content":"x"})", "\"x\": the id 2147483648 is out of range");
  added(R"({"id":-1,"content":"x"})", "\"x\": the id -1 is out of range");
  added(R"({"id":1000000000,"content":"x"})", "next free one, 7");
  added(R"({"id":3,"content":"x"})", "the added token \"x\" has id 3");
  added(R"({"content":"x"})", "\"x\": has no id");
  added(R"({"id":7})", "has no content");
  added(R"({"id":7,"content":"x"},{"id":8,"content":"x"})", "\"x\": is listed twice");
  added(R"({"id":7,"content":")" + std::string(2000, 'x') + "\"}", "2000 bytes; at most 1024");
  added(R"({"id":7,"content":"\u0301","normalized":true})", "id 7 is empty once it is normalised");
  added("7", "added_tokens");

  const auto processor = [&](const std::string& from, const std::string& to,
                             const std::string& expected) {
    refused(
        [&](Parts& p) {
          const auto at = p.post_processor.find(from);
          REQUIRE(at != std::string::npos);
          p.post_processor.replace(at, from.size(), to);
        },
        expected);
  };
  processor(R"("ids":[2])", R"("ids":[7])", "token with id 7 isn't there: ids go from 0 to 6");
  processor(R"("ids":[2])", R"("ids":[-2])", "the id -2 is out of range");
  processor(R"("ids":[2])", R"("none":[2])", "\"[CLS]\" has no ids");
  processor(R"("id":"A")", R"("id":"C")", "the sequence \"C\" is neither A nor B");
  processor("Sequence", "Other", "the item \"Other\" is not supported");
  processor(R"({"Sequence":{"id":"A","type_id":0}},)", "", "expected the sequence A");
  processor("\"single\"", "\"sungle\"", "post_processor.single: is missing");
  processor("\"type_id\":0", "\"type_id\":4294967296",
            "type_id: the id 4294967296 is out of range");
}

TEST_CASE("tokenizer.json: cut at any byte it is an error that names the file", "[tokenizer]") {
  const Folder folder;
  const std::string text = Parts().text();
  for (std::size_t size = 0; size < text.size(); size += size < 64 ? 1 : 13) {
    const fs::path path = folder.write("tokenizer.json", text.substr(0, size));
    CHECK(load_error(path).starts_with(path.string()));
  }
}
