// Number types: conversions between all of them, and what the halves hold and how they round.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tensor/tensor.h"
#include "tests/catch.h"

namespace retort {
namespace {

using Numbers = std::vector<double>;

Numbers numbers(const Tensor& x) { return x.to_vector<double>(); }

constexpr DType kAll[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                          DType::i32, DType::i64, DType::u8,  DType::boolean};

float from_f16(std::uint16_t bits) {
  f16 half;
  half.bits = bits;
  return static_cast<float>(half);
}

}  // namespace

TEST_CASE("dtypes: conversions between all number types", "[dtypes]") {
  const Numbers values = {0, 1, 2, 100};  // every type but bool holds these
  for (const DType from : kAll)
    for (const DType to : kAll) {
      INFO(name(from) << " to " << name(to));
      const Tensor x = Tensor::from(values).to(from).to(to);
      CHECK(x.dtype() == to);
      const bool truth = from == DType::boolean || to == DType::boolean;
      CHECK(numbers(x) == (truth ? Numbers{0, 1, 1, 1} : values));
      // The same through strides.
      const Tensor turned = Tensor::from(values, {2, 2}).to(from).transpose().to(to);
      CHECK(numbers(turned) == (truth ? Numbers{0, 1, 1, 1} : Numbers{0, 2, 1, 100}));
    }
  const Numbers tricky = {-1.5, 2.75, -0.25};
  CHECK(numbers(Tensor::from(tricky).to(DType::i32)) == Numbers{-1, 2, 0});
  CHECK(numbers(Tensor::from(tricky).to(DType::f16)) == tricky);
  CHECK(numbers(Tensor::from(tricky).to(DType::bf16)) == tricky);
  CHECK(numbers(Tensor::from(tricky).to(DType::boolean)) == Numbers{1, 1, 1});
  CHECK(Tensor::from(std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::max()})
            .to(DType::i64)
            .to_vector<std::int64_t>()[0] == std::numeric_limits<std::int64_t>::max());
  CHECK(numbers(Tensor::from(std::vector<double>{0.1}).to(DType::f32))[0] ==
        static_cast<double>(0.1f));
}

TEST_CASE("dtypes: numbers that an integer can't hold become the nearest one, NaN 0", "[dtypes]") {
  const double infinity = std::numeric_limits<double>::infinity();
  const Numbers values = {1e30, -1e30, infinity, -infinity, std::nan("")};
  for (const DType from : {DType::f32, DType::f64}) {
    const Tensor x = Tensor::from(values).to(from);
    CHECK(x.to(DType::i32).to_vector<std::int32_t>() ==
          std::vector<std::int32_t>{INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, 0});
    CHECK(x.to(DType::i64).to_vector<std::int64_t>() ==
          std::vector<std::int64_t>{INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, 0});
    CHECK(numbers(x.to(DType::u8)) == Numbers{255, 0, 255, 0, 0});
  }
}

TEST_CASE("dtypes: f16 holds and rounds as IEEE 754 says", "[dtypes]") {
  CHECK(f16(1.0f).bits == 0x3C00);
  CHECK(f16(-2.0f).bits == 0xC000);
  CHECK(f16(65504.0f).bits == 0x7BFF);    // the largest
  CHECK(f16(65519.996f).bits == 0x7BFF);  // rounds down to it
  CHECK(f16(65520.0f).bits == 0x7C00);    // a tie, up to infinity
  CHECK(f16(-1e30f).bits == 0xFC00);
  CHECK(f16(0x1p-14f).bits == 0x0400);  // the smallest normal one
  CHECK(f16(0x1p-24f).bits == 0x0001);  // the smallest subnormal one
  CHECK(f16(0x1p-25f).bits == 0x0000);  // a tie, to even
  CHECK(f16(0x1.000002p-25f).bits == 0x0001);
  CHECK(f16(0x1.8p-24f).bits == 0x0002);  // a tie, to even
  CHECK(f16(-0.0f).bits == 0x8000);
  CHECK(f16(1.0f + 0x1p-11f).bits == 0x3C00);      // a tie, to even
  CHECK(f16(1.0f + 3 * 0x1p-11f).bits == 0x3C02);  // a tie, to even
  CHECK(f16(1.0f + 0x1p-11f + 0x1p-20f).bits == 0x3C01);
  CHECK(f16(0x1.FFFp-15f).bits == 0x0400);  // rounds up from subnormal to normal
  CHECK(f16(0.1f).bits == 0x2E66);
  CHECK(from_f16(0x3555) == 0.333251953125f);
  CHECK(from_f16(0x03FF) == 0x1.FF8p-15f);
  CHECK(std::isnan(static_cast<float>(f16(std::numeric_limits<float>::quiet_NaN()))));

  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = from_f16(static_cast<std::uint16_t>(bits));
    if ((bits & 0x7C00) == 0x7C00 && (bits & 0x3FF) != 0)
      wrong += !std::isnan(value) || !std::isnan(static_cast<float>(f16(value)));
    else wrong += f16(value).bits != bits;
  }
  CHECK(wrong == 0);
  // Between two neighbours the nearest one wins.
  for (std::uint32_t bits = 0; bits < 0x7BFF; ++bits) {
    const float low = from_f16(static_cast<std::uint16_t>(bits)),
                high = from_f16(static_cast<std::uint16_t>(bits + 1)),
                middle = low + (high - low) / 2;
    wrong += f16(middle).bits != (bits & 1 ? bits + 1 : bits);
    wrong += f16(std::nextafter(middle, 0.0f)).bits != bits;
    wrong += f16(std::nextafter(middle, 1e9f)).bits != bits + 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("dtypes: bf16 holds and rounds", "[dtypes]") {
  CHECK(bf16(1.0f).bits == 0x3F80);
  CHECK(bf16(-3.0f).bits == 0xC040);
  CHECK(bf16(1.0f + 0x1p-8f).bits == 0x3F80);      // a tie, to even
  CHECK(bf16(1.0f + 3 * 0x1p-8f).bits == 0x3F82);  // a tie, to even
  CHECK(bf16(1.0f + 0x1p-8f + 0x1p-20f).bits == 0x3F81);
  CHECK(bf16(std::numeric_limits<float>::max()).bits == 0x7F80);
  CHECK(bf16(0x1.FEp127f).bits == 0x7F7F);
  CHECK(bf16(-std::numeric_limits<float>::infinity()).bits == 0xFF80);
  CHECK(bf16(0x1p-133f).bits == 0x0001);  // subnormal
  CHECK(bf16(0.1f).bits == 0x3DCD);
  // NaN whose payload would be cut off stays NaN.
  CHECK(std::isnan(static_cast<float>(bf16(std::bit_cast<float>(0x7F800001u)))));
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    bf16 value;
    value.bits = static_cast<std::uint16_t>(bits);
    const float number = static_cast<float>(value);
    wrong += std::isnan(number) ? !std::isnan(static_cast<float>(bf16(number)))
                                : bf16(number).bits != bits;
  }
  CHECK(wrong == 0);
}

TEST_CASE("dtypes: f64 becomes a half in one rounding", "[dtypes]") {
  // Just above and below a tie that f32 can't tell from it.
  const double above = 0x1p-40, infinity = std::numeric_limits<double>::infinity();
  CHECK(f16(1 + 0x1p-11 + above).bits == 0x3C01);
  CHECK(f16(1 + 3 * 0x1p-11 - above).bits == 0x3C01);
  CHECK(f16(1 + 0x1p-11).bits == 0x3C00);
  CHECK(f16(-1 - 0x1p-11 - above).bits == 0xBC01);
  CHECK(f16(0x1p-25 + 0x1p-70).bits == 0x0001);
  CHECK(f16(65520 - 1e-9).bits == 0x7BFF);
  CHECK(f16(1e300).bits == 0x7C00);
  CHECK(f16(-1e-300).bits == 0x8000);
  CHECK(f16(infinity).bits == 0x7C00);
  CHECK(bf16(1 + 0x1p-8 + above).bits == 0x3F81);
  CHECK(bf16(1 + 3 * 0x1p-8 - above).bits == 0x3F81);
  CHECK(bf16(-1e300).bits == 0xFF80);
  CHECK(bf16(-infinity).bits == 0xFF80);
  CHECK(std::isnan(static_cast<float>(bf16(std::nan("")))));
  CHECK(std::isnan(static_cast<float>(f16(std::nan("")))));
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const double half_unit = dtype == DType::f16 ? 0x1p-11 : 0x1p-8;
    const Tensor x = Tensor::from(Numbers{1 + half_unit + above, 1 + half_unit}, {2, 1});
    INFO(name(dtype));
    CHECK(numbers(x.to(dtype)) == Numbers{1 + 2 * half_unit, 1});
    CHECK(numbers(x.expand({2, 2}).to(dtype)) ==
          Numbers{1 + 2 * half_unit, 1 + 2 * half_unit, 1, 1});
    CHECK(Tensor::full({1}, 1 + half_unit + above, dtype).item() == 1 + 2 * half_unit);
    CHECK(nearest(1 + half_unit + above, dtype) == 1 + 2 * half_unit);
  }
}

}  // namespace retort
