// Ids of words in configuration files, after some of the words have gone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "tensor/base/json.h"

namespace retort {

/// The new number of an id; `kept` are the old ids that are left, ascending.
std::optional<std::int64_t> renumbered(std::int64_t id, std::span<const std::int32_t> kept);

/// The object with the ids of kept words under their new numbers: those of config.json's and
/// generation_config.json's keys *_token_id (a number or a list), suppress_tokens,
/// begin_suppress_tokens and bad_words_ids (lists of ids). The id of a word that has gone becomes
/// null; a list loses it, and a list of lists the whole one that it stood in. Keys whose ids come
/// along with other numbers (sequence_bias, force_words_ids, forced_decoder_ids) go away. Error: a
/// list holds something else than ids; names `file` and the key.
Json renumbered_ids(const Json& object, std::span<const std::int32_t> kept,
                    const std::string& file);

}  // namespace retort
