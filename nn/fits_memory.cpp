#include "nn/fits_memory.h"

#include <unistd.h>

#include <cmath>

#include "tensor/base/error.h"

namespace retort {

void check_fits_memory(const Model& model) {
  constexpr double kGigabyte = 1e9;
  const std::int64_t count = model.parameters().count();
  const double needed = 4.0 * static_cast<double>(count);
  const double present =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  check(needed <= present, model.config().model_type, ": ", count, " parameters take ",
        std::ceil(needed / kGigabyte), " GB, more than this machine's ",
        std::floor(present / kGigabyte), " GB of memory; make the model smaller");
}

}  // namespace retort
