// How a trainer says how far it is.
#pragma once

#include <cstdint>
#include <functional>

namespace retort {

/// Called now and then with how much is done and of how much; may be empty.
using TrainingProgress = std::function<void(std::int64_t done, std::int64_t all)>;

}  // namespace retort
