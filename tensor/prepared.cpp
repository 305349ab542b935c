#include "tensor/prepared.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "tensor/ops_internal.h"

namespace retort {
namespace {

/// The same matrix in another type; a transposed one stays transposed.
Tensor converted(const Tensor& b, DType dtype) {
  if (b.dtype() == dtype) return b;
  return b.strides()[0] == 1 ? b.transpose().to(dtype).transpose() : b.to(dtype);
}

/// Asks the system to take back the pages of a mapped weight; they are read again if somebody needs
/// them. Only a hint, and harmless for memory that isn't a file's.
void give_back_pages(const Tensor& b) {
#if defined(MADV_PAGEOUT)
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(b.storage()->data) + page - 1) / page * page;
  const auto end =
      (reinterpret_cast<std::uintptr_t>(b.storage()->data) + b.storage()->bytes) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_PAGEOUT);
#else
  (void)b;
#endif
}

}  // namespace

Tensor Prepared::packed(const Tensor& b, DType compute) {
  check(b.rank() == 2, "prepared: expected a matrix, found ", b.shape());
  const KernelTable& table = kernels();
  const auto number = static_cast<std::size_t>(ops::slot(compute, "prepared"));
  if (!table.matmul_pack[number]) return {};
  const std::lock_guard lock(mutex_);
  Copy* place = nullptr;
  for (Copy& copy : copies_) {
    if (copy.storage.lock() != b.storage() || copy.data != b.raw() || copy.shape != b.shape() ||
        copy.strides != b.strides() || copy.compute != compute)
      continue;
    if (copy.version == b.storage()->version && copy.isa == table.isa) return copy.packed;
    place = &copy;
  }
  if (!place) {
    // What belonged to another memory than this is stale for good.
    std::erase_if(copies_, [&](const Copy& copy) {
      return copy.storage.lock() != b.storage() || copy.version != b.storage()->version;
    });
    copies_.emplace_back();
    place = &copies_.back();
  }
  const Tensor source = converted(b, compute);
  const MatmulPackArgs args{source.raw(), b.size(1), b.size(0), source.strides()[0],
                            source.strides()[1]};
  const std::int64_t bytes = table.matmul_pack_workspace[number](args, thread_count());
  // A product that is still running may hold the old copy.
  if (!place->packed.defined() || place->packed.count() != bytes ||
      place->packed.storage().use_count() > 1)
    place->packed = Tensor::empty({bytes}, DType::u8);
  table.matmul_pack[number]({nullptr, place->packed.mutable_raw()}, args);
  if (b.storage()->read_only) give_back_pages(b);
  *place = {b.storage(),          b.raw(),   b.shape(),    b.strides(), compute,
            b.storage()->version, table.isa, place->packed};
  ++made_;
  return place->packed;
}

std::size_t Prepared::copies() const {
  const std::lock_guard lock(mutex_);
  return copies_.size();
}

std::int64_t Prepared::made() const {
  const std::lock_guard lock(mutex_);
  return made_;
}

}  // namespace retort
