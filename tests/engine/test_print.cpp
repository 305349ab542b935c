// Tensors as text against NumPy's, for the arrays of tests/golden/numpy_text.txt (see
// numpy_text.py).
#include <bit>
#include <limits>
#include <numeric>
#include <sstream>

#include "tensor/base/file.h"
#include "tensor/tensor.h"
#include "tests/catch.h"

namespace retort {
namespace {

// One case of the golden file.
struct Example {
  std::string dtype, elements, text;
  Shape shape;
};

std::vector<Example> read_examples() {
  std::vector<Example> examples;
  std::istringstream file(read_file(RETORT_SOURCE_DIR "/tests/golden/numpy_text.txt"));
  for (std::string line; std::getline(file, line);) {
    if (line.rfind('|', 0) == 0) {
      std::string& text = examples.back().text;
      text += (text.empty() ? "" : "\n") + line.substr(1);
      continue;
    }
    Example& example = examples.emplace_back();
    std::istringstream head(line);
    head >> example.dtype;
    for (std::int64_t size; head >> size;) example.shape.append(size);
    std::getline(file, example.elements);
  }
  return examples;
}

// The elements' bits as unsigned integers.
template <class Bits>
std::vector<Bits> read_bits(const std::string& elements) {
  std::vector<Bits> bits;
  std::istringstream list(elements);
  for (std::uint64_t word; list >> std::hex >> word;) bits.push_back(static_cast<Bits>(word));
  return bits;
}

// A tensor of this dtype over those bits.
template <class Bits>
Tensor from_bits(const Example& example, DType dtype) {
  auto memory = std::make_shared<std::vector<Bits>>(read_bits<Bits>(example.elements));
  REQUIRE(static_cast<std::int64_t>(memory->size()) == example.shape.count());
  const void* data = memory->data();
  return Tensor::borrow(std::move(memory), data, example.shape, dtype);
}

Tensor make(const Example& example) {
  DType dtype = DType::f32;
  for (const DType known : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i32, DType::i64,
                            DType::u8, DType::boolean})
    if (example.dtype == name(known)) dtype = known;
  if (example.elements.rfind("count ", 0) == 0) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(example.shape.count()));
    std::iota(values.begin(), values.end(), std::stoll(example.elements.substr(6)));
    return Tensor::from(values, example.shape).to(dtype);
  }
  switch (size_of(dtype)) {
    case 1:
      return from_bits<std::uint8_t>(example, dtype);
    case 2:
      return from_bits<std::uint16_t>(example, dtype);
    case 4:
      return from_bits<std::uint32_t>(example, dtype);
    default:
      return from_bits<std::uint64_t>(example, dtype);
  }
}

// 0, 1, 2, … in f64.
Tensor counting(const Shape& shape) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.count(); ++i) values.push_back(static_cast<double>(i));
  return Tensor::from(values, shape);
}

}  // namespace

TEST_CASE("print: small tensors as NumPy writes them", "[print]") {
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
  std::vector<float> nineteenths;
  for (int i = 0; i < 20; ++i) nineteenths.push_back(static_cast<float>(i / 19.0));
  CHECK(Tensor::from(nineteenths).text() ==
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
  CHECK(counting({2, 2}).transpose().text() == "[[0., 2.],\n [1., 3.]]");
}

TEST_CASE("print: the text of an array is NumPy's", "[print]") {
  const std::vector<Example> examples = read_examples();
  CHECK(examples.size() > 250);
  for (const Example& example : examples) {
    const Tensor x = make(example);
    INFO(example.dtype << " " << example.shape << ": " << example.elements.substr(0, 200));
    CHECK(x.text() == example.text);
    if (x.rank() >= 2 && x.count() > 0)
      CHECK(x.transpose().clone().transpose().text() == example.text);
  }
}

TEST_CASE("print: integers that f64 doesn't hold", "[print]") {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(Tensor::from(std::vector<std::int64_t>{most, most - 1}).text() ==
        "[9223372036854775807, 9223372036854775806]");
}

TEST_CASE("print: bf16 shows the fewest digits that name a number", "[print]") {
  const auto text = [](const std::vector<double>& values) {
    return Tensor::from(values).to(DType::bf16).text();
  };
  CHECK(text({0.1, 0.5, -3}) == "[ 0.1,  0.5, -3. ]");
  CHECK(text({1.0 / 3, 1}) == "[0.334, 1.   ]");
  CHECK(text({100, 1}) == "[1.e+02, 1.e+00]");
  CHECK(Tensor::scalar(1.0 / 3, DType::bf16).text() == "0.334");
}

TEST_CASE("print: a huge tensor is abbreviated without being copied", "[print]") {
  const Tensor wide = Tensor::full({1}, 2.5).expand({std::int64_t{1} << 40, 3});
  CHECK(wide.text() ==
        "[[2.5, 2.5, 2.5],\n [2.5, 2.5, 2.5],\n [2.5, 2.5, 2.5],\n ...,\n [2.5, 2.5, 2.5],\n"
        " [2.5, 2.5, 2.5],\n [2.5, 2.5, 2.5]]");
}

}  // namespace retort
