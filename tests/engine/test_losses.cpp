// Losses and RMS norm against PyTorch's numbers (tests/golden/losses.py), at their limits, and the
// memory of the chunked ones.
#include <map>
#include <sstream>

#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/memory.h"
#include "tensor/ops.h"
#include "tests/engine/kernel_testing.h"

namespace retort::testing {
namespace {

using Numbers = std::vector<double>;

std::map<std::string, Numbers> read_golden() {
  std::map<std::string, Numbers> golden;
  std::istringstream file(read_file(RETORT_SOURCE_DIR "/tests/golden/losses.txt"));
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    for (double number; words >> number;) golden[name].push_back(number);
  }
  return golden;
}

bool near(const Tensor& found, const Numbers& expected, double tolerance) {
  const auto numbers = found.to_vector<double>();
  if (numbers.size() != expected.size()) return false;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (!(std::fabs(numbers[i] - expected[i]) <= tolerance)) {
      UNSCOPED_INFO("element " << i << ": found " << numbers[i] << ", expected " << expected[i]);
      return false;
    }
  return true;
}

Tensor all_finite_or_fail(const Tensor& x) {
  for (const double value : x.to_vector<double>()) CHECK(std::isfinite(value));
  return x;
}

constexpr std::int64_t kRows = 6, kColumns = 5;

}  // namespace

TEST_CASE("losses: values and gradients are PyTorch's", "[losses]") {
  const auto golden = read_golden();
  const Restore restore;
  for (const std::string& isa : available_isas())
    for (const DType dtype : {DType::f64, DType::f32}) {
      use_isa(isa);
      INFO(isa << " " << name(dtype));
      const double tolerance = dtype == DType::f64 ? 1e-13 : 1e-6;
      const auto input = [&](const std::string& which, const Shape& shape) {
        return Tensor::from(golden.at(which), shape).to(dtype);
      };
      const Shape matrix = {kRows, kColumns};
      const auto compare = [&](const std::string& which, auto f) {
        INFO(which);
        const Variable a = Variable::parameter(input("x", matrix));
        const Variable b = Variable::parameter(input("y", matrix));
        const Variable loss = f(a, b);
        CHECK(near(loss.value(), golden.at(which), 4 * tolerance));
        backward(loss);
        CHECK(near(a.gradient().value(), golden.at(which + ".da"), tolerance));
        if (b.gradient().defined())
          CHECK(near(b.gradient().value(), golden.at(which + ".db"), tolerance));
        CHECK(b.gradient().defined() == (golden.count(which + ".db") == 1));
      };
      const double mean = 1.0 / (kRows * kColumns), row_mean = 1.0 / kRows;
      const Tensor targets = input("targets", matrix),
                   weight = input("positive_weight", {kColumns});
      compare("binary_cross_entropy", [&](const Variable& a, const Variable&) {
        return binary_cross_entropy(a, targets, mean, weight);
      });
      compare("mse", [&](const Variable& a, const Variable& b) { return mse(a, b, mean); });
      for (const std::string beta : {"0.0", "0.5", "2.0"})
        compare("smooth_l1(" + beta + ")", [&](const Variable& a, const Variable& b) {
          return smooth_l1(a, b, std::stod(beta), mean);
        });
      const Tensor signs = input("signs", {kRows}).to(DType::i32);
      compare("cosine_embedding", [&](const Variable& a, const Variable& b) {
        return cosine_embedding_loss(a, b, signs, 0.25, row_mean);
      });
      for (const std::string beta : {"0.0", "0.25", "1.0"})
        compare("divergence(" + beta + ")", [&](const Variable& a, const Variable& b) {
          return kl_divergence(a, b.value(), 2, row_mean, {}, std::stod(beta));
        });
      for (const bool one_plus : {false, true}) {
        const std::string which = one_plus ? "rms_norm(1)" : "rms_norm(0)";
        INFO(which);
        const Variable x = Variable::parameter(input("x", matrix));
        const Variable w = Variable::parameter(input("weight", {kColumns}));
        const Variable y = rms_norm(x, w, 1e-5, one_plus);
        CHECK(near(y.value(), golden.at(which), 4 * tolerance));
        backward(y, input("upstream", matrix));
        CHECK(near(x.gradient().value(), golden.at(which + ".dx"), 4 * tolerance));
        CHECK(near(w.gradient().value(), golden.at(which + ".dweight"), 8 * tolerance));
      }
    }
}

TEST_CASE("losses: finite for any logits, with teachers that exclude classes", "[losses]") {
  const Restore restore;
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    for (const DType dtype : {DType::f64, DType::f32, DType::bf16})
      for (const double beta : {0.0, 0.02, 0.5, 0.98, 1.0})
        for (const double size : {1.0, 1e4, 1e30}) {
          INFO(isa << " " << name(dtype) << ", beta " << beta << ", size " << size);
          Numbers student, teacher;
          for (int i = 0; i < 3 * 40; ++i) {
            student.push_back((i % 2 ? size : -size) * (1 + i % 5));
            teacher.push_back(i % 7 == 3 ? -kInfinity : (i % 3 ? size : -size) * (1 + i % 4));
          }
          const Variable z = Variable::parameter(Tensor::from(student, {3, 40}).to(dtype));
          const Tensor t = Tensor::from(teacher, {3, 40}).to(dtype);
          const Variable loss = kl_divergence(z, t, 2, 1.0 / 3, {}, beta);
          CHECK(all_finite_or_fail(loss.value()).item() >= -1e-6);
          backward(loss);
          all_finite_or_fail(z.gradient().value());
          if (beta != 1.0) continue;
          // KL(q‖p) leaves out what p excludes: no gradient there, and any number may stand there.
          auto other = student;
          for (std::size_t i = 0; i < other.size(); ++i)
            if (teacher[i] == -kInfinity) other[i] = size;
          const Tensor changed = Tensor::from(other, {3, 40}).to(dtype);
          CHECK(ops::kl_divergence(changed, t, {}, 2, 1.0 / 3, beta).loss.item() == loss.item());
          const auto gradient = z.gradient().value().to_vector<double>();
          for (std::size_t i = 0; i < gradient.size(); ++i)
            if (teacher[i] == -kInfinity) CHECK(gradient[i] == 0);
        }
  }
}

TEST_CASE("losses: far from zero and tiny", "[losses]") {
  const Restore restore;
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    INFO(isa);
    // log(1 + e^-20) = 2e-9 is nothing beside 1, but not nothing.
    const Tensor x = Tensor::from(std::vector<float>{20, -20, 3e38f, -3e38f}, {1, 4});
    const Tensor y = Tensor::from(std::vector<float>{1, 0, 1, 0}, {1, 4});
    CHECK(std::fabs(ops::binary_cross_entropy(x, y, {}, {}, 1).item() / (2 * 2.0611536e-9) - 1) <
          1e-6);
    const Variable wrong =
        Variable::parameter(Tensor::from(std::vector<float>{1e4f, -1e4f}, {1, 2}));
    const Variable loss =
        binary_cross_entropy(wrong, Tensor::from(std::vector<float>{0, 1}, {1, 2}), 0.5);
    CHECK(loss.item() == 1e4);
    backward(loss);
    CHECK(wrong.gradient().value().to_vector<double>() == Numbers{0.5, -0.5});
    // A row of zeros has no direction: similarity 0, a gradient along the other row.
    const Variable a = Variable::parameter(Tensor::from(std::vector<float>{0, 0, 3, 4}, {2, 2}));
    const Tensor b = Tensor::from(std::vector<float>{3, 4, 3, 4}, {2, 2});
    const Variable cosine = cosine_similarity(a, b);
    CHECK(near(cosine.value(), {0, 1}, 1e-6));
    backward(cosine, Tensor::full({2}, 1));
    CHECK(near(a.gradient().value(), {0.6e8, 0.8e8, 0, 0}, 10));
  }
}

TEST_CASE("losses: rows without a label are not read and get no gradient", "[losses]") {
  const Tensor labels = Tensor::from(std::vector<std::int32_t>{-100, 0});
  const Tensor none = Tensor::from(std::vector<std::int32_t>{-100, -100});
  const Tensor b = Tensor::from(Numbers{kNan, kNan, 1, 2}, {2, 2});
  const auto check_loss = [&](auto f) {
    const Variable a = Variable::parameter(Tensor::from(Numbers{kNan, kNan, 2, 4}, {2, 2}));
    const Variable loss = f(a, labels, 0.5);
    CHECK(std::isfinite(loss.item()));
    CHECK(loss.item() != 0);
    backward(loss);
    const auto gradient = a.gradient().value().to_vector<double>();
    CHECK((gradient[0] == 0 && gradient[1] == 0 && gradient[2] != 0 && gradient[3] != 0));
    CHECK(f(a, none, kInfinity).item() == 0);
  };
  check_loss([&](const Variable& a, const Tensor& rows, double n) { return mse(a, b, n, rows); });
  check_loss(
      [&](const Variable& a, const Tensor& rows, double n) { return smooth_l1(a, b, 1, n, rows); });
  check_loss([&](const Variable& a, const Tensor& rows, double n) {
    return binary_cross_entropy(a, b, n, {}, rows);
  });
  check_loss([&](const Variable& a, const Tensor& rows, double n) {
    return kl_divergence(a, b, 1, n, rows, 0.5);
  });
}

TEST_CASE("losses: micro-batches add up to the mean over the step", "[losses]") {
  RandomStream random(5);
  Numbers values, others;
  for (int i = 0; i < 7 * 5; ++i) {
    values.push_back(random.normal());
    others.push_back(random.uniform());
  }
  const Tensor x = Tensor::from(values, {7, 5}), y = Tensor::from(others, {7, 5});
  const auto check_split = [&](auto f, double terms) {
    const double whole = f(x, y, 1 / terms).item();
    const double split = f(x.slice(0, 0, 2), y.slice(0, 0, 2), 1 / terms).item() +
                         f(x.slice(0, 2, 7), y.slice(0, 2, 7), 1 / terms).item();
    CHECK(std::fabs(whole - split) < 1e-14);
    // A mean: twice the rows, the same value.
    const Tensor xs[] = {x, x}, ys[] = {y, y};
    CHECK(std::fabs(f(ops::concat(xs, 0), ops::concat(ys, 0), 1 / (2 * terms)).item() - whole) <
          1e-14);
  };
  check_split([](const Tensor& a, const Tensor& b,
                 double n) { return ops::error_loss(ErrorCost::squared, 0, a, b, {}, n); },
              35);
  check_split([](const Tensor& a, const Tensor& b,
                 double n) { return ops::error_loss(ErrorCost::smooth_l1, 1, a, b, {}, n); },
              35);
  check_split([](const Tensor& a, const Tensor& b,
                 double n) { return ops::binary_cross_entropy(a, b, {}, {}, n); },
              35);
  check_split([](const Tensor& a, const Tensor& b,
                 double n) { return ops::kl_divergence(a, b, {}, 1, n, 0.3).loss; },
              7);
}

TEST_CASE("losses: a vocabulary's loss of no rows is 0", "[losses]") {
  const Variable weight = Variable::parameter(Tensor::full({4, 3}, kNan));
  for (const std::int64_t rows : {0, 2}) {
    const Variable hidden = Variable::parameter(Tensor::zeros({rows, 3}));
    const Tensor none =
        Tensor::from(std::vector<std::int32_t>(static_cast<std::size_t>(rows), -100));
    const VocabularyHead teacher = {hidden.value(), weight.value(), {}};
    for (const Variable& loss :
         {linear_cross_entropy(hidden, weight, {}, none, kInfinity),
          linear_kl_divergence(hidden, weight, {}, teacher, 1, kInfinity, none)}) {
      CHECK(loss.item() == 0);
      for (const Variable& gradient : grad({loss}, {hidden, weight}))
        for (const double value : gradient.value().to_vector<double>()) CHECK(value == 0);
    }
  }
}

TEST_CASE("losses: a vocabulary's logits are never all in memory", "[losses]") {
  // 600 x 50,000 logits would be 120 MB, their gradient as much; chunks are 32 MiB each.
  constexpr std::int64_t kTokens = kQuick ? 180 : 600, kVocabulary = 50000, kWidth = kQuick ? 2 : 8;
  RandomStream random(9);
  const auto draw = [&](const Shape& shape) {
    std::vector<float> values;
    for (std::int64_t i = 0; i < shape.count(); ++i)
      values.push_back(static_cast<float>(random.normal()));
    return Tensor::from(values, shape);
  };
  const Tensor h = draw({kTokens, kWidth}), w = draw({kVocabulary, kWidth}),
               c = draw({kVocabulary});
  const VocabularyHead teacher = {draw({kTokens, kWidth}), draw({kVocabulary, kWidth}), {}};
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < kTokens; ++i)
    ids.push_back(i % 5 == 1 ? -100 : static_cast<std::int32_t>(random.below(kVocabulary)));
  const Tensor labels = Tensor::from(ids);
  const double factor = 1.0 / 480;

  const auto check_loss = [&](auto loss, auto composed) {
    Variables found, expected;
    for (Variables* leaves : {&found, &expected})
      *leaves = {Variable::parameter(h), Variable::parameter(w), Variable::parameter(c)};
    const auto before = cpu_allocator().statistics().active_bytes;
    cpu_allocator().reset_peak();
    const Variable a = loss(found);
    backward(a);
    const auto peak = cpu_allocator().statistics().peak_active_bytes - before;
    CHECK(peak <
          130'000'000);  // student's and teacher's logits, their gradient, the product's workspace
    CHECK(peak > 32'000'000);  // else the chunks aren't what this test takes them for
    const Variable b = composed(expected);
    backward(b);
    CHECK(std::fabs(a.item() - b.item()) < 1e-6 * std::fabs(b.item()));
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto x = found[i].gradient().value().to_vector<double>();
      double largest = 0;
      const auto y = expected[i].gradient().value().to_vector<double>();
      for (const double value : y) largest = std::max(largest, std::fabs(value));
      INFO("gradient " << i);
      CHECK(largest > 0);
      CHECK(near(found[i].gradient().value(), y, 1e-5 * largest));
      CHECK(x.size() == y.size());
    }
  };
  check_loss(
      [&](const Variables& in) {
        return linear_cross_entropy(in[0], in[1], in[2], labels, factor);
      },
      [&](const Variables& in) {
        return cross_entropy(linear(in[0], in[1], in[2]), labels, factor);
      });
  check_loss(
      [&](const Variables& in) {
        return linear_kl_divergence(in[0], in[1], in[2], teacher, 2, factor, labels);
      },
      [&](const Variables& in) {
        const Tensor target = ops::matmul(teacher.hidden, teacher.weight.transpose());
        return kl_divergence(linear(in[0], in[1], in[2]), target, 2, factor, labels);
      });
}

}  // namespace retort::testing
