// Tensors: views, conversions, text, memory, and what happens with sizes nobody should ask for.
#include "tensor/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/base/error.h"
#include "tensor/base/philox.h"
#include "tensor/memory.h"
#include "tensor/ops.h"
#include "tests/catch.h"

namespace retort {
namespace {

// 0, 1, 2, … in f64.
Tensor counting(const Shape& shape) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.count(); ++i) values.push_back(static_cast<double>(i));
  return Tensor::from(values, shape);
}

std::vector<double> numbers(const Tensor& x) { return x.to_vector<double>(); }
using Numbers = std::vector<double>;

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr DType kAll[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                          DType::i32, DType::i64, DType::u8,  DType::boolean};

float from_f16(std::uint16_t bits) {
  f16 half;
  half.bits = bits;
  return static_cast<float>(half);
}

}  // namespace

TEST_CASE("tensor: shapes", "[tensor]") {
  const Shape shape = {2, 3, 4};
  CHECK(shape.rank() == 3);
  CHECK(shape.count() == 24);
  CHECK(shape[-1] == 4);
  CHECK(shape.text() == "[2, 3, 4]");
  CHECK(Shape{}.text() == "[]");
  CHECK(Shape{}.count() == 1);
  CHECK(contiguous_strides(shape) == Shape{12, 4, 1});
  CHECK_FALSE(shape == Shape{2, 3});
  Shape erased = shape;
  erased.erase(-2);
  CHECK(erased == Shape{2, 4});
  CHECK(contains(error_of([&] { (void)shape[3]; }), "no dimension 3"));
  CHECK(contains(error_of([&] { (void)shape[-4]; }), "no dimension -4"));
  CHECK(contains(error_of([] { (Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}); }), "8 dimensions"));

  CHECK(broadcast({2, 1, 3}, {4, 1}, "x") == Shape{2, 4, 3});
  CHECK(broadcast({}, {5}, "x") == Shape{5});
  CHECK(broadcast({1}, {0}, "x") == Shape{0});
  CHECK(contains(error_of([] {
                   broadcast({2, 3}, {2, 4}, "sum");
                 }),
                 "sum: shapes [2, 3] and [2, 4]"));
}

TEST_CASE("tensor: views share memory and keep the order", "[tensor]") {
  const Tensor x = counting({2, 3, 4});
  CHECK(numbers(x.slice(1, 1, 2)) == Numbers{4, 5, 6, 7, 16, 17, 18, 19});
  CHECK(numbers(x.slice(-1, 3, 4).slice(0, 1, 2)) == Numbers{15, 19, 23});
  CHECK(x.slice(2, 1, 1).count() == 0);
  CHECK(numbers(x.slice(0, 0, 1).transpose()) == Numbers{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
  CHECK(x.permute({2, 0, 1}).shape() == Shape{4, 2, 3});
  CHECK(numbers(x.permute({2, 0, -2}).slice(0, 1, 2)) == Numbers{1, 5, 9, 13, 17, 21});
  CHECK(numbers(counting({3, 1}).expand({2, 3, 2})) == Numbers{0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2});
  for (const Tensor& view :
       {x.slice(0, 1, 2), x.permute({2, 1, 0}), x.expand({5, 2, 3, 4}), x.reshape({6, 4})})
    CHECK(view.storage() == x.storage());

  Tensor written = x.clone();
  Tensor view = written.slice(2, 1, 3).slice(1, 0, 1);
  const std::uint64_t version = written.storage()->version;
  view.copy_from(Tensor::full({2, 1, 2}, -1, DType::f32));  // converts
  CHECK(written.storage()->version > version);
  CHECK(numbers(written.slice(1, 0, 1)) == Numbers{0, -1, -1, 3, 12, -1, -1, 15});
  CHECK(numbers(x)[1] == 1);
}

TEST_CASE("tensor: reshape copies when it must", "[tensor]") {
  const Tensor x = counting({2, 3});
  CHECK(x.reshape({3, -1}).shape() == Shape{3, 2});
  CHECK(x.reshape({-1}).storage() == x.storage());
  const Tensor turned = x.transpose();
  CHECK_FALSE(turned.is_contiguous());
  const Tensor flat = turned.reshape({6});
  CHECK(flat.storage() != x.storage());
  CHECK(numbers(flat) == Numbers{0, 3, 1, 4, 2, 5});
  CHECK(counting({1}).reshape({}).rank() == 0);
  CHECK(counting({0, 3}).reshape({3, 0}).count() == 0);
  CHECK(x.slice(0, 1, 2).is_contiguous());
  CHECK(x.contiguous().storage() == x.storage());
  CHECK(x.clone().storage() != x.storage());
}

TEST_CASE("tensor: indices and shapes outside are errors that say what was found", "[tensor]") {
  const Tensor x = counting({2, 3});
  CHECK(contains(error_of([&] { x.slice(1, 2, 4); }), "[2, 4)"));
  CHECK(contains(error_of([&] { x.slice(1, -1, 2); }), "[-1, 2)"));
  CHECK(contains(error_of([&] { x.slice(1, 2, 1); }), "[2, 1)"));
  CHECK(contains(error_of([&] { x.slice(2, 0, 1); }), "no dimension 2"));
  CHECK(contains(error_of([&] { x.reshape({4}); }), "6 elements"));
  CHECK(contains(error_of([&] { x.reshape({-1, -1}); }), "two sizes"));
  CHECK(contains(error_of([&] { x.reshape({4, -1}); }), "another number"));
  CHECK(contains(error_of([&] { x.permute({0}); }), "every dimension"));
  CHECK(contains(error_of([&] { x.permute({1, 1}); }), "twice"));
  CHECK(contains(error_of([&] { x.permute({0, 2}); }), "no dimension 2"));
  CHECK(contains(error_of([&] { x.transpose(0, 2); }), "no dimension 2"));
  CHECK(contains(error_of([&] { x.expand({3, 3}); }), "[3, 3]"));
  CHECK(contains(error_of([&] { x.expand({3}); }), "[3]"));
  CHECK(contains(error_of([&] { (void)x.item(); }), "[2, 3]"));
  CHECK(contains(error_of([&] { (void)x.data<float>(); }), "expected f32, found f64"));
  CHECK(contains(error_of([&] { Tensor::from(std::vector<float>{1, 2}, {3}); }), "2 values"));
  CHECK(contains(error_of([&] { counting({3}).copy_from(x); }), "expected [3], found [2, 3]"));
}

TEST_CASE("tensor: no tensor is an error, not a crash", "[tensor]") {
  Tensor none;
  CHECK_FALSE(none.defined());
  CHECK(none.text() == "undefined");
  CHECK_FALSE(error_of([&] { (void)none.item(); }).empty());
  CHECK_FALSE(error_of([&] { (void)none.data<float>(); }).empty());
  CHECK_FALSE(error_of([&] { (void)none.to_vector<float>(); }).empty());
  CHECK_FALSE(error_of([&] { (void)none.clone(); }).empty());
  CHECK_FALSE(error_of([&] { ops::unary(UnaryOp::exp, none); }).empty());
  CHECK_FALSE(error_of([&] { ops::binary(BinaryOp::add, none, none); }).empty());
  CHECK_FALSE(error_of([&] { ops::fill(none, 1); }).empty());
  CHECK_FALSE(error_of([&] { ops::reduce(ReduceOp::sum, none, {}, false); }).empty());
}

TEST_CASE("tensor: hostile shapes", "[tensor]") {
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  const auto make = [](const Shape& shape) { return error_of([&] { Tensor::zeros(shape); }); };
  CHECK(contains(make({-1}), "negative"));
  CHECK(contains(make({3, -2, -2}), "negative"));
  CHECK(contains(make({0, -1}), "negative"));
  // Products that wrap around to zero or to something small.
  for (const Shape& shape :
       {Shape{kHuge, 4}, Shape{std::int64_t{1} << 32, std::int64_t{1} << 32},
        Shape{kHuge, kHuge, kHuge}, Shape{(std::int64_t{1} << 32) + 1, 1u << 31, 2},
        Shape{std::numeric_limits<std::int64_t>::max()}, Shape{1 << 30, 1 << 30}}) {
    INFO(shape);
    CHECK_FALSE(make(shape).empty());
    CHECK(make(shape).size() < 300);
  }
  CHECK(Tensor::zeros({kHuge, 4, 0}).count() == 0);
  CHECK(Tensor::zeros({0, kHuge, kHuge}).text() == Tensor::zeros({0}).text());

  const Tensor x = counting({6});
  CHECK_FALSE(error_of([&] { x.reshape({-2, -3}); }).empty());
  CHECK_FALSE(error_of([&] { x.reshape({-6, -1}); }).empty());
  CHECK_FALSE(error_of([&] {
                x.reshape({std::int64_t{1} << 32, std::int64_t{1} << 32, -1});
              }).empty());
  CHECK_FALSE(error_of([&] { x.reshape({kHuge, 4, 6}); }).empty());
  CHECK_FALSE(error_of([&] { counting({1}).expand({-3}); }).empty());
  CHECK_FALSE(error_of([&] { counting({1}).expand({kHuge, kHuge}).clone(); }).empty());
  CHECK_FALSE(error_of([&] { Tensor::borrow(nullptr, nullptr, {-1}, DType::f32); }).empty());
  CHECK_FALSE(error_of([&] { Tensor::borrow(nullptr, nullptr, {kHuge, 4}, DType::f32); }).empty());
}

TEST_CASE("tensor: conversions between all number types", "[tensor]") {
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

TEST_CASE("tensor: numbers that an integer can't hold become the nearest one, NaN 0", "[tensor]") {
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

TEST_CASE("tensor: f16 holds and rounds as IEEE 754 says", "[tensor]") {
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

TEST_CASE("tensor: bf16 holds and rounds", "[tensor]") {
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

TEST_CASE("tensor: text is NumPy's", "[tensor]") {
  // numpy 2.4.6: np.array2string(x, separator=", ").
  const auto text64 = [](const std::vector<double>& values) { return Tensor::from(values).text(); };
  const auto text32 = [](const std::vector<float>& values) { return Tensor::from(values).text(); };
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const double nan = std::nan("");
  CHECK(Tensor::scalar(1).text() == "1.0");
  CHECK(Tensor::scalar(1.5).text() == "1.5");
  CHECK(Tensor::scalar(-3, DType::i32).text() == "-3");
  CHECK(text32({1, 2.5f, -3}) == "[ 1. ,  2.5, -3. ]");
  CHECK(text32({0.1f, 1e-3f, 3}) == "[1.e-01, 1.e-03, 3.e+00]");
  CHECK(text32({0.1f, 1 / 3.f}) == "[0.1       , 0.33333334]");
  CHECK(text64({0.1, 1 / 3., nan, -kInf}) == "[0.1       , 0.33333333,        nan,       -inf]");
  CHECK(text64({1e-10, 1e10}) == "[1.e-10, 1.e+10]");
  CHECK(text64({1e-5, 1}) == "[1.e-05, 1.e+00]");
  CHECK(text64({123456.789, 2.5}) == "[1.23456789e+05, 2.50000000e+00]");
  CHECK(text64({nan, -kInf}) == "[ nan, -inf]");
  CHECK(text64({nan}) == "[nan]");
  CHECK(text64({1, kInf}) == "[ 1., inf]");
  CHECK(text64({1e8, 2}) == "[1.e+08, 2.e+00]");
  CHECK(text64({99999999, 2}) == "[9.9999999e+07, 2.0000000e+00]");
  CHECK(text64({1e300, nan}) == "[1.e+300,     nan]");
  CHECK(text64({1e300, 1e10}) == "[1.e+300, 1.e+010]");
  CHECK(text64({0, -0.}) == "[ 0., -0.]");
  CHECK(text64({1e-310}) == "[1.e-310]");
  CHECK(text32({-1e-7f, -1234.5f}) == "[-1.0000e-07, -1.2345e+03]");
  CHECK(text32({0.1f, 1e-5f, 1.25f}) == "[1.00e-01, 1.00e-05, 1.25e+00]");
  CHECK(text32({20.5f, 0.0625f}) == "[20.5   ,  0.0625]");
  CHECK(Tensor::from(std::vector<double>{1.5, 2, 1000.125, -3}, {2, 2}).text() ==
        "[[   1.5  ,    2.   ],\n [1000.125,   -3.   ]]");
  CHECK(Tensor::from(std::vector<float>{0.1f}).to(DType::f16).text() == "[0.1]");
  CHECK(Tensor::from(std::vector<std::int32_t>{1, 20, -3}).text() == "[ 1, 20, -3]");
  CHECK(Tensor::from(std::vector<float>{1, 0}).to(DType::boolean).text() == "[ True, False]");
  CHECK(counting({2, 2}).text() == "[[0., 1.],\n [2., 3.]]");
  CHECK(counting({2, 3, 4}).text() ==
        "[[[ 0.,  1.,  2.,  3.],\n  [ 4.,  5.,  6.,  7.],\n  [ 8.,  9., 10., 11.]],\n\n"
        " [[12., 13., 14., 15.],\n  [16., 17., 18., 19.],\n  [20., 21., 22., 23.]]]");
  CHECK(Tensor::zeros({0}).text() == "[]");
  CHECK(counting({2, 30}).to(DType::i32).text() ==
        "[[ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "  18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29],\n"
        " [30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,\n"
        "  48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]]");
  CHECK(ops::scale(counting({20}), 1.0 / 19).to(DType::f32).text() ==
        "[0.        , 0.05263158, 0.10526316, 0.15789473, 0.21052632, 0.2631579 ,\n"
        " 0.31578946, 0.36842105, 0.42105263, 0.47368422, 0.5263158 , 0.57894737,\n"
        " 0.6315789 , 0.68421054, 0.7368421 , 0.7894737 , 0.84210527, 0.8947368 ,\n"
        " 0.94736844, 1.        ]");
  CHECK(counting({1001}).text() == "[   0.,    1.,    2., ...,  998.,  999., 1000.]");
  CHECK(counting({100, 100}).text() ==
        "[[0.000e+00, 1.000e+00, 2.000e+00, ..., 9.700e+01, 9.800e+01, 9.900e+01],\n"
        " [1.000e+02, 1.010e+02, 1.020e+02, ..., 1.970e+02, 1.980e+02, 1.990e+02],\n"
        " [2.000e+02, 2.010e+02, 2.020e+02, ..., 2.970e+02, 2.980e+02, 2.990e+02],\n"
        " ...,\n"
        " [9.700e+03, 9.701e+03, 9.702e+03, ..., 9.797e+03, 9.798e+03, 9.799e+03],\n"
        " [9.800e+03, 9.801e+03, 9.802e+03, ..., 9.897e+03, 9.898e+03, 9.899e+03],\n"
        " [9.900e+03, 9.901e+03, 9.902e+03, ..., 9.997e+03, 9.998e+03, 9.999e+03]]");
  CHECK(contains(counting({2, 2}).transpose().text(), "[0., 2.]"));
}

TEST_CASE("tensor: f64 becomes a half in one rounding", "[tensor]") {
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
    CHECK(numbers(x.expand({2, 2}).to(dtype)) == Numbers{1 + 2 * half_unit, 1 + 2 * half_unit, 1, 1});
    CHECK(Tensor::full({1}, 1 + half_unit + above, dtype).item() == 1 + 2 * half_unit);
    CHECK(nearest(1 + half_unit + above, dtype) == 1 + 2 * half_unit);
  }
}

TEST_CASE("tensor: borrowed memory is read-only and is kept alive", "[tensor]") {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4});
  Tensor x = Tensor::borrow(owner, owner->data(), {2, 2}, DType::f32);
  std::weak_ptr<std::vector<float>> watch = owner;
  owner.reset();
  CHECK(numbers(x) == Numbers{1, 2, 3, 4});
  CHECK(contains(error_of([&] { x.mutable_data<float>(); }), "read-only"));
  CHECK(contains(error_of([&] { ops::fill(x, 0); }), "read-only"));
  Tensor view = x.slice(0, 1, 2);
  CHECK(contains(error_of([&] { view.copy_from(Tensor::zeros({1, 2})); }), "read-only"));
  CHECK(numbers(x) == Numbers{1, 2, 3, 4});
  Tensor copy = x.clone();
  ops::fill(copy, 5);
  x = {};
  CHECK_FALSE(watch.expired());  // the view holds it
  view = {};
  CHECK(watch.expired());
}

TEST_CASE("tensor: the allocator rounds, reuses and gives back", "[tensor]") {
  CachingAllocator allocator;
  for (std::size_t bytes = 0; bytes < 50'000'000; bytes = bytes * 9 / 7 + 1) {
    const auto block = allocator.allocate(bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(block.data) % 64 == 0);
    CHECK(block.bytes >= bytes);
    CHECK(block.bytes < bytes + 128);
    CHECK(block.bytes % 64 == 0);
    if (bytes > 0) std::memset(block.data, 1, bytes);
    allocator.release(block);
  }
  allocator.trim();
  CHECK(allocator.statistics().reserved_bytes == 0);
  CHECK(allocator.statistics().active_bytes == 0);
  allocator.reset_peak();
  CHECK(allocator.statistics().peak_active_bytes == 0);

  const auto first = allocator.allocate(1000);
  CHECK(allocator.statistics().active_bytes == 1024);
  CHECK(allocator.statistics().active_blocks == 1);
  allocator.release(first);
  const auto asked = allocator.statistics().system_allocations;
  // What is there serves requests of any size that fit into it, several at a time.
  const auto small = allocator.allocate(64), middle = allocator.allocate(640),
             third = allocator.allocate(300);
  CHECK(small.data == first.data);
  CHECK(middle.data == static_cast<std::byte*>(first.data) + 64);
  CHECK(allocator.statistics().active_bytes == 64 + 640 + 320);
  // Freed in any order, neighbours become one piece again.
  allocator.release(third);
  allocator.release(small);
  allocator.release(middle);
  const auto again = allocator.allocate(1024);
  CHECK(again.data == first.data);
  allocator.release(again);
  CHECK(allocator.statistics().system_allocations == asked);
  CHECK(allocator.statistics().active_bytes == 0);
  CHECK(allocator.statistics().peak_active_bytes == 1024);

  // A segment of which a part is in use can't be given back.
  const auto kept = allocator.allocate(100);
  allocator.trim();
  CHECK(allocator.statistics().reserved_bytes >= 1024);
  allocator.release(kept);
  allocator.trim();
  CHECK(allocator.statistics().reserved_bytes == 0);
  CHECK_FALSE(
      error_of([&] { allocator.allocate(std::numeric_limits<std::size_t>::max()); }).empty());
  CHECK(allocator.statistics().active_blocks == 0);
}

TEST_CASE("tensor: the allocator hands out no byte twice and keeps little", "[tensor]") {
  CachingAllocator allocator;
  RandomStream random(11);
  struct Held {
    CachingAllocator::Block block;
    std::size_t bytes;
    unsigned char mark;
  };
  std::vector<Held> held;
  bool intact = true;
  const auto drop = [&](std::size_t i) {
    const auto* data = static_cast<const unsigned char*>(held[i].block.data);
    for (const std::size_t at : {std::size_t{0}, held[i].bytes / 2, held[i].bytes - 1})
      intact = intact && data[at] == held[i].mark;
    allocator.release(held[i].block);
    held[i] = held.back();
    held.pop_back();
  };
  for (int round = 0; round < 20'000; ++round) {
    if (held.size() > 40 || (!held.empty() && random.below(2) == 0)) {
      drop(random.below(held.size()));
    } else {
      // Sizes from bytes to megabytes.
      const std::size_t bytes = 1 + random.below(std::uint64_t{1} << (4 + random.below(18)));
      const auto mark = static_cast<unsigned char>(random.below(256));
      held.push_back({allocator.allocate(bytes), bytes, mark});
      std::memset(held.back().block.data, mark, bytes);
    }
  }
  while (!held.empty()) drop(held.size() - 1);
  CHECK(intact);
  const auto end = allocator.statistics();
  CHECK(end.active_bytes == 0);
  CHECK(end.active_blocks == 0);
  CHECK(end.reserved_bytes < 2 * end.peak_active_bytes);
  allocator.trim();
  CHECK(allocator.statistics().reserved_bytes == 0);
}

TEST_CASE("tensor: operations check what they are given", "[tensor]") {
  const Tensor x = counting({2, 3}), single = Tensor::zeros({2, 3});
  CHECK(contains(error_of([&] { ops::binary(BinaryOp::add, x, single); }), "f64 and f32"));
  CHECK(
      contains(error_of([&] { ops::unary(UnaryOp::exp, Tensor::zeros({2}, DType::i32)); }), "i32"));
  CHECK(contains(error_of([&] { ops::matmul(x, x); }), "[2, 3] x [2, 3]"));
  CHECK(contains(error_of([&] { ops::matmul(x, counting({3})); }), "two matrices"));
  CHECK(contains(error_of([&] { ops::matmul(x, counting({3, 2}), counting({3})); }), "bias"));
  CHECK(contains(error_of([&] { ops::softmax(Tensor::scalar(1)); }), "dimension"));
  CHECK(contains(error_of([&] { ops::layer_norm(x, counting({2}), counting({2}), 1e-5); }),
                 "[2, 3]"));
  CHECK(contains(error_of([&] { ops::concat(std::vector<Tensor>{}, 0); }), "at least one"));
  CHECK(contains(error_of([&] {
                   ops::concat(std::vector<Tensor>{x, counting({2, 4})}, 0);
                 }),
                 "[2, 4]"));
  CHECK(contains(error_of([&] { ops::dropout_rule(1, {}, 0); }), "[0, 1)"));
  CHECK(contains(error_of([&] { ops::dropout_rule(std::nan(""), {}, 0); }), "[0, 1)"));
  CHECK(ops::dropout_rule(1 - 1e-12, {}, 0).drop_below == 0xFFFFFFFFu);
  const Tensor labels = Tensor::from(std::vector<std::int32_t>{0, 3});
  CHECK(contains(error_of([&] { ops::cross_entropy(x, labels, 1); }), "label 3"));
  CHECK(contains(error_of([&] { ops::cross_entropy(x, {}, 1); }), "labels"));
  CHECK(contains(error_of([&] { ops::kl_divergence(x, counting({3, 2}), {}, 1, 1); }), "[3, 2]"));
  CHECK(contains(error_of([&] { ops::kl_divergence(x, x, {}, 0, 1); }), "temperature"));
}

}  // namespace retort
