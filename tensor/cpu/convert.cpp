// Between the floating-point types: halves by vectors, f64 number by number.
#include <type_traits>

#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class S, class To>
void convert_to(const ConvertArgs& args) {
  const S* x = static_cast<const S*>(args.x);
  To* y = static_cast<To*>(args.y);
  for_pieces(1, args.count, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    if constexpr (std::is_same_v<Compute<S>, Compute<To>>) {
      sweep<Compute<S>>(end - begin, [&](std::int64_t i, auto lanes) {
        store(y + begin + i, load(x + begin + i, lanes), lanes);
      });
    } else if constexpr (std::is_same_v<S, double> && std::is_same_v<Compute<To>, float> &&
                         !std::is_same_v<To, float>) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = To(x[i]);  // rounds once, not to f32 first
    } else {
      for (std::int64_t i = begin; i < end; ++i)
        write(y + i, static_cast<Compute<To>>(read(x + i)));
    }
  });
}

template <class S>
void convert(const Launch&, const ConvertArgs& args) {
  if (args.to == DType::f32) convert_to<S, float>(args);
  else if (args.to == DType::f64) convert_to<S, double>(args);
  else if (args.to == DType::bf16) convert_to<S, bf16>(args);
  else convert_to<S, f16>(args);
}

}  // namespace

RETORT_EXPORT(convert, ConvertArgs)

}  // namespace retort::isa::RETORT_ISA
