#include <unordered_map>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/unicode.h"

namespace retort {

std::vector<std::string> read_vocab(const std::filesystem::path& path) {
  return parse_vocab(read_file(path), path.string());
}

std::vector<std::string> parse_vocab(std::string_view text, const std::string& name) {
  const std::size_t invalid = unicode::find_invalid_utf8(text);
  check(invalid == std::string::npos, name, ": is not valid UTF-8 at byte ", invalid);
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  check(!rest.empty(), name, ": the vocabulary is empty");

  std::vector<std::string> vocab;
  std::unordered_map<std::string_view, std::size_t> line_of;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
      line.remove_suffix(1);
    const std::size_t number = vocab.size() + 1;
    check(!line.empty(), name, ", line ", number, ": is empty; every line must hold a token");
    const auto [earlier, added] = line_of.try_emplace(line, number);
    check(added, name, ", line ", number, ": the token ", json_quote(line),
          " already stands on line ", earlier->second);
    vocab.emplace_back(line);
  }
  return vocab;
}

}  // namespace retort
