// SentencePiece's .model: a protocol buffer with pieces, scores and the normaliser's character map.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "tensor/base/error.h"
#include "tokenizer/base64.h"
#include "tokenizer/models/unigram.h"
#include "tokenizer/readers/protobuf.h"
#include "tokenizer/readers/ranked_splits.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

enum class PieceType : std::uint64_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kByte = 6
};
enum class ModelType : std::uint64_t { kUnigram = 1, kBpe = 2 };

struct Piece {
  std::string_view text;
  float score = 0;
  PieceType type = PieceType::kNormal;
};

// What the file says, as far as it matters; numbers are those of sentencepiece_model.proto.
struct Proto {
  std::vector<Piece> pieces;
  ModelType model_type = ModelType::kUnigram;
  bool byte_fallback = false, add_dummy_prefix = true;
  std::string_view charsmap;
};

Piece read_piece(std::string_view bytes, const std::string& name) {
  Piece piece;
  for (ProtobufReader reader(bytes, name); reader.next();) {
    if (reader.field() == 1) piece.text = reader.data();
    if (reader.field() == 2) piece.score = reader.as_float();
    if (reader.field() == 3) piece.type = static_cast<PieceType>(reader.number());
  }
  return piece;
}

Proto read_proto(std::string_view bytes, const std::string& name) {
  Proto proto;
  for (ProtobufReader reader(bytes, name); reader.next();) {
    if (reader.field() == 1) {
      proto.pieces.push_back(read_piece(reader.data(), name));
      const Piece& piece = proto.pieces.back();
      check(!piece.text.empty() && unicode::find_invalid_utf8(piece.text) == piece.text.npos, name,
            ": piece ", proto.pieces.size() - 1, " is empty or not valid UTF-8");
      check(std::isfinite(piece.score), name, ": the score of piece ", proto.pieces.size() - 1,
            " is not finite");
    } else if (reader.field() == 2) {
      for (ProtobufReader trainer(reader.data(), name); trainer.next();) {
        if (trainer.field() == 3) proto.model_type = static_cast<ModelType>(trainer.number());
        if (trainer.field() == 35) proto.byte_fallback = trainer.number() != 0;
      }
    } else if (reader.field() == 3) {
      for (ProtobufReader normalizer(reader.data(), name); normalizer.next();) {
        if (normalizer.field() == 2) proto.charsmap = normalizer.data();
        if (normalizer.field() == 3) proto.add_dummy_prefix = normalizer.number() != 0;
      }
    }
  }
  check(!proto.pieces.empty(), name, ": has no pieces");
  return proto;
}

Json typed(const char* type) {
  Json json;
  json["type"] = type;
  return json;
}

Json replace(const char* kind, const char* pattern, const char* content) {
  Json json = typed("Replace");
  json["pattern"][kind] = pattern;
  json["content"] = content;
  return json;
}

Json sequence(const char* key, std::vector<Json> parts) {
  Json json = typed("Sequence");
  Json list{Json::Array{}};
  for (Json& part : parts) list.push_back(std::move(part));
  json[key] = std::move(list);
  return json;
}

Json item(const char* kind, const char* id, int type_id) {
  Json json;
  json[kind]["id"] = id;
  json[kind]["type_id"] = type_id;
  return json;
}

// A template around the sequences: `token` before each (Llama) or behind each (T5).
Json framed(const char* token, std::int32_t id, bool before) {
  Json json = typed("TemplateProcessing");
  Json single{Json::Array{}}, pair{Json::Array{}}, ids{Json::Array{}}, tokens{Json::Array{}};
  for (const int part : {0, 1}) {
    const int type_id = before ? part : 0;  // T5 has no token types
    for (const bool special : {before, !before}) {
      const Json next = special ? item("SpecialToken", token, type_id)
                                : item("Sequence", part == 0 ? "A" : "B", type_id);
      if (part == 0) single.push_back(next);
      pair.push_back(next);
    }
  }
  json["single"] = std::move(single);
  json["pair"] = std::move(pair);
  ids.push_back(id);
  tokens.push_back(token);
  Json& special = json["special_tokens"][token];
  special["id"] = token;
  special["ids"] = std::move(ids);
  special["tokens"] = std::move(tokens);
  return json;
}

std::string to_base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      text += i + k > bytes.size() ? '=' : kDigits[bits >> (18 - 6 * k) & 63];
  }
  return text;
}

}  // namespace

TokenizerDefinition parse_sentencepiece(std::string_view bytes, const std::string& name) {
  const Proto proto = read_proto(bytes, name);
  std::vector<Vocabulary::Entry> entries;
  std::vector<double> scores;
  TokenizerDefinition definition;
  definition.options.lowercase = false;
  std::optional<std::int32_t> unk_id;
  for (const Piece& piece : proto.pieces) {
    const auto id = static_cast<std::int32_t>(entries.size());
    entries.push_back({piece.text, id});
    scores.push_back(piece.score);
    if (piece.type == PieceType::kUnknown) {
      check(!unk_id, name, ": the pieces ", unk_id.value_or(0), " and ", id,
            " are both the unknown one");
      unk_id = id;
    }
    if (piece.type == PieceType::kNormal || piece.type == PieceType::kByte) continue;
    AddedToken token;
    token.content = piece.text;
    token.id = id;
    token.special = piece.type != PieceType::kUserDefined;
    definition.added.push_back(token);
  }
  check(unk_id.has_value(), name, ": has no unknown piece");
  Vocabulary vocabulary(entries, name);

  if (proto.model_type == ModelType::kBpe) {
    BpeOptions options;
    options.unk_token = proto.pieces[static_cast<std::size_t>(*unk_id)].text;
    options.fuse_unk = true;
    options.byte_fallback = proto.byte_fallback;
    std::vector<std::int32_t> ids(entries.size());
    std::iota(ids.begin(), ids.end(), 0);
    std::vector<MergeTable::Merge> merges = ranked_splits(vocabulary, ids);
    std::stable_sort(merges.begin(), merges.end(), [&](const auto& a, const auto& b) {
      return scores[static_cast<std::size_t>(a.result)] >
             scores[static_cast<std::size_t>(b.result)];
    });
    std::vector<Json> steps;
    if (proto.add_dummy_prefix) {
      steps.push_back(typed("Prepend"));
      steps.back()["prepend"] = "\u2581";
    }
    steps.push_back(replace("String", " ", "\u2581"));
    definition.normalizer = sequence("normalizers", std::move(steps));
    std::vector<Json> back{replace("String", "\u2581", " "), typed("ByteFallback"), typed("Fuse")};
    if (proto.add_dummy_prefix) {
      back.push_back(typed("Strip"));
      back.back()["content"] = " ";
      back.back()["start"] = 1;
      back.back()["stop"] = 0;
    }
    definition.decoder = sequence("decoders", std::move(back));
    if (const std::int32_t id = vocabulary.find("<s>"); id != Vocabulary::kNone)
      definition.post_processor = framed("<s>", id, true);
    definition.model =
        std::make_shared<Bpe>(std::move(vocabulary), merges, std::move(options), name);
    return definition;
  }
  check(proto.model_type == ModelType::kUnigram, name, ": the model type ",
        static_cast<std::uint64_t>(proto.model_type), " is neither Unigram (1) nor BPE (2)");
  std::vector<Json> steps;
  if (!proto.charsmap.empty()) {
    steps.push_back(typed("Precompiled"));
    steps.back()["precompiled_charsmap"] = to_base64(proto.charsmap);
  }
  steps.push_back(typed("Strip"));
  steps.back()["strip_left"] = false;
  steps.back()["strip_right"] = true;
  steps.push_back(replace("Regex", " {2,}", "\u2581"));
  definition.normalizer = sequence("normalizers", std::move(steps));
  for (Json* part : {&definition.pre_tokenizer, &definition.decoder}) {
    *part = typed("Metaspace");
    (*part)["replacement"] = "\u2581";
    (*part)["prepend_scheme"] = proto.add_dummy_prefix ? "always" : "never";
    (*part)["split"] = true;
  }
  if (const std::int32_t id = vocabulary.find("</s>"); id != Vocabulary::kNone)
    definition.post_processor = framed("</s>", id, false);
  definition.model = std::make_shared<Unigram>(std::move(vocabulary), std::move(scores), unk_id,
                                               proto.byte_fallback, name);
  return definition;
}

}  // namespace retort
