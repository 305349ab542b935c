#include "nn/renumbered_ids.h"

#include <algorithm>
#include <string_view>

namespace retort {
namespace {

bool holds_ids(std::string_view key) {
  return key.ends_with("_token_id") || key == "suppress_tokens" || key == "begin_suppress_tokens" ||
         key == "bad_words_ids";
}

bool mixes_ids(std::string_view key) {
  return key == "sequence_bias" || key == "force_words_ids" || key == "forced_decoder_ids";
}

Json renumbered_value(const Json& value, std::span<const std::int32_t> kept,
                      const std::string& what) {
  if (!value.is_array()) {
    const auto moved = renumbered(value.as_integer(what), kept);
    return moved ? Json(*moved) : Json();
  }
  Json list = Json::Array{};
  for (const Json& item : value.as_array(what)) {
    Json moved = renumbered_value(item, kept, what);
    const bool whole = !moved.is_null() && (!moved.is_array() || moved.as_array(what).size() ==
                                                                     item.as_array(what).size());
    if (whole) list.push_back(std::move(moved));
  }
  return list;
}

}  // namespace

std::optional<std::int64_t> renumbered(std::int64_t id, std::span<const std::int32_t> kept) {
  const auto found = std::lower_bound(kept.begin(), kept.end(), id);
  if (found == kept.end() || *found != id) return std::nullopt;
  return found - kept.begin();
}

Json renumbered_ids(const Json& object, std::span<const std::int32_t> kept,
                    const std::string& file) {
  Json::Object members;
  for (const auto& [key, value] : object.as_object(file)) {
    if (mixes_ids(key)) continue;
    const bool ids = holds_ids(key) && !value.is_null();
    members.emplace_back(key, ids ? renumbered_value(value, kept, file + ": " + key) : value);
  }
  return Json(std::move(members));
}

}  // namespace retort
