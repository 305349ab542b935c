// The CUDA backend as the rest of the world sees it.
#pragma once

namespace retort::cuda {

/// True when this build has a CUDA backend and a usable GPU is present.
bool available();

/// One sentence for a user when available() is false.
const char* why_unavailable();

}  // namespace retort::cuda
