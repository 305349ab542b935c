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

}  // namespace

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
