// Checkpoints: everything a run needs to go on with the same bits as if it had never stopped.
//
// OUT/checkpoints/step-N holds model.safetensors, optimizer.safetensors and state.json. It is built
// as a hidden sibling, flushed and renamed, so a directory named step-N is always complete.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "nn/model.h"
#include "nn/optimizer.h"
#include "tensor/base/json.h"

namespace retort {

struct Checkpoint {
  std::int64_t step = 0;
  std::filesystem::path path;
};

/// The newest one in OUT, if there is any.
std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& out);

/// Writes OUT/checkpoints/step-<step> and then removes all but the newest two.
void save_checkpoint(const std::filesystem::path& out, std::int64_t step, const Model& model,
                     const Adamw& optimizer, const Json& state);

/// Restores weights and optimiser; gives the state. Errors: a file that is missing or doesn't fit.
Json load_checkpoint(const Checkpoint& checkpoint, Model& model, Adamw& optimizer);

}  // namespace retort
