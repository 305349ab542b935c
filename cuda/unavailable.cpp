// Stands in for the CUDA backend where Retort is built without it.
#include "cuda/backend.h"

namespace retort::cuda {
bool available() { return false; }
const char* why_unavailable() { return "this build has no CUDA backend"; }
}  // namespace retort::cuda
