// The generic checks: every operation of the table in cases.h against finite differences, against
// its reference, over instruction sets, threads and memory layouts, and with NaN and large numbers.
#include "tests/engine/cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <regex>
#include <set>

#include "autograd/gradcheck.h"
#include "autograd/node.h"
#include "tensor/base/file.h"
#include "tensor/ops.h"
#include "tests/engine/kernel_testing.h"

namespace retort::testing {
namespace {

const std::vector<Case>& all_cases() {
  static const std::vector<Case> cases = [] {
    std::vector<Case> all;
    for (const auto& family :
         {elementwise_cases(), reduce_cases(), shape_cases(), indexing_cases(), matmul_cases(),
          einsum_cases(), norm_cases(), normalize_cases(), attention_cases(), ragged_cases(),
          embedding_cases(), loss_cases(),
          optimizer_cases()})
      all.insert(all.end(), family.begin(), family.end());
    return all;
  }();
  return cases;
}

std::string text(const std::vector<Shape>& shapes) {
  std::string out;
  for (const Shape& shape : shapes) out += " " + shape.text();
  return out;
}

std::int64_t total(const std::vector<Shape>& shapes) {
  std::int64_t count = 0;
  for (const Shape& shape : shapes) count += shape.count();
  return count;
}

// The sum of four uniform numbers, with mean 0 and variance 1: a normal one costs a logarithm.
double about_normal(RandomStream& random) {
  double sum = -2;
  for (int i = 0; i < 4; ++i) sum += random.next_u32() * 0x1p-32;
  return std::sqrt(3.0) * sum;
}

// Numbers that f32 holds exactly, so that both precisions see the same ones.
Tensor make_input(Values kind, const Shape& shape, std::uint64_t seed, DType dtype,
                  double factor = 1) {
  RandomStream random(seed);
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.count(); ++i) {
    double x = kind == Values::positive ? 0.3 + 2 * random.uniform() : about_normal(random);
    if (kind == Values::off_zero) x += x < 0 ? -0.3 : 0.3;
    values.push_back(static_cast<double>(static_cast<float>(x * factor)));
  }
  return Tensor::from(values, shape).to(dtype);
}

bool stays_wide(const Case& c, std::size_t input) {
  return std::find(c.parameters.begin(), c.parameters.end(), input) != c.parameters.end();
}

std::vector<Tensor> make_inputs(const Case& c, const std::vector<Shape>& shapes, DType dtype,
                                double factor = 1) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    inputs.push_back(make_input(i < c.values.size() ? c.values[i] : Values::normal, shapes[i],
                                100 + i, stays_wide(c, i) ? compute_dtype(dtype) : dtype, factor));
  return inputs;
}

// [0]: the value; behind it the inputs' gradients for a fixed random dy (none for a constant).
std::vector<Tensor> run(const Function& f, const std::vector<Tensor>& inputs) {
  Variables leaves;
  for (const Tensor& input : inputs) leaves.push_back(Variable::parameter(input));
  const Variable y = f(leaves);
  std::vector<Tensor> results = {y.value()};
  if (!y.requires_grad()) return results;
  // Numbers that every type holds exactly.
  const Variable seed =
      make_input(Values::normal, y.shape(), 77, DType::f64).to(DType::bf16).to(y.dtype());
  for (const Variable& gradient : grad({y}, leaves, {seed})) results.push_back(gradient.value());
  return results;
}

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::fabs(value));
  return most;
}

// Elements agree to `tolerance` of the largest one (of 1 if all are small).
bool agree(const Tensor& found, const Tensor& expected, double tolerance) {
  if (!(found.shape() == expected.shape())) {
    UNSCOPED_INFO("found shape " << found.shape() << ", expected " << expected.shape());
    return false;
  }
  const auto a = found.to_vector<double>(), b = expected.to_vector<double>();
  const double allowed = tolerance * std::max(1.0, largest(b));
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::fabs(a[i] - b[i]) <= allowed)) {
      UNSCOPED_INFO("element " << i << ": found " << a[i] << ", expected " << b[i]);
      return false;
    }
  return true;
}

// Compares as many results as both have (a reference in plain loops has no gradients).
void check_agree(const std::vector<Tensor>& found, const std::vector<Tensor>& expected,
                 double tolerance) {
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    INFO((i == 0 ? "value" : "gradient of input " + std::to_string(i - 1)));
    CHECK(agree(found[i], expected[i], tolerance));
  }
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor x = a.contiguous(), y = b.contiguous();
  return x.shape() == y.shape() && x.dtype() == y.dtype() &&
         std::memcmp(x.raw(), y.raw(), static_cast<std::size_t>(x.count()) * size_of(x.dtype())) ==
             0;
}

bool has_nan(const Tensor& x) {
  const auto values = x.to_vector<double>();
  return std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
}

bool all_finite(const Tensor& x) {
  const auto values = x.to_vector<double>();
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

// Elements agree to `tolerance` times the type's epsilon, relative to the largest one.
bool agree_in_halves(const Tensor& found, const Tensor& expected, double tolerance) {
  const auto a = found.to_vector<double>(), b = expected.to_vector<double>();
  const double allowed = tolerance * epsilon(found.dtype()) * largest(b) + 0x1p-24;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::fabs(a[i] - b[i]) <= allowed)) {
      UNSCOPED_INFO("element " << i << ": found " << a[i] << ", expected " << b[i]);
      return false;
    }
  return true;
}

// Larger than any edge of a tile or block needs: shapes that keep several threads busy.
bool large(const std::vector<Shape>& shapes) { return total(shapes) > 20000; }

template <class F>
void for_every_case(F&& f) {
  for (const Case& c : all_cases())
    for (const auto& shapes : c.shapes) {
      INFO(c.name << text(shapes));
      f(c, shapes);
    }
}

// Same numbers, dimensions in reversed order in memory.
Tensor reversed_in_memory(const Tensor& x) {
  Shape order;
  for (int dim = x.rank() - 1; dim >= 0; --dim) order.append(dim);
  return x.permute(order).clone().permute(order);
}

// Same numbers in the middle of a larger tensor that is NaN elsewhere.
Tensor in_the_middle(const Tensor& x) {
  Shape wide = x.shape();
  for (int dim = 0; dim < wide.rank(); ++dim) wide[dim] += 2;
  Tensor view = Tensor::full(wide, kNan, x.dtype());
  for (int dim = 0; dim < wide.rank(); ++dim) view = view.slice(dim, 1, 1 + x.size(dim));
  view.copy_from(x);
  return view;
}

}  // namespace

TEST_CASE("cases: derivatives agree with finite differences", "[cases]") {
  int checked = 0;
  for_every_case([&](const Case& c, const std::vector<Shape>& shapes) {
    if (!c.differentiable || total(shapes) > 80) return;
    CHECK(gradcheck(c.f, make_inputs(c, shapes, DType::f64)) == "");
    ++checked;
  });
  CHECK(checked > 50);
}

TEST_CASE("cases: second derivatives agree with finite differences", "[cases]") {
  int checked = 0;
  for_every_case([&](const Case& c, const std::vector<Shape>& shapes) {
    if (!c.differentiable || total(shapes) > 30) return;
    CHECK(gradcheck(c.f, make_inputs(c, shapes, DType::f64), {.second_order = true}) == "");
    ++checked;
  });
  CHECK(checked > 50);
}

TEST_CASE("cases: fused operations equal their references, values and gradients", "[cases]") {
  for_every_case([](const Case& c, const std::vector<Shape>& shapes) {
    if (!c.reference) return;
    const auto in64 = make_inputs(c, shapes, DType::f64), in32 = make_inputs(c, shapes, DType::f32);
    const auto expected = run(c.reference, in64);
    {
      INFO("f64");
      check_agree(run(c.f, in64), expected, 1e-11);
    }
    INFO("f32");
    check_agree(run(c.f, in32), expected, c.f32_tolerance);
  });
}

TEST_CASE("cases: every instruction set agrees with the generic one", "[cases]") {
  const Restore restore;
  for_every_case([](const Case& c, const std::vector<Shape>& shapes) {
    const auto inputs = make_inputs(c, shapes, DType::f32);
    use_isa("generic");
    const auto expected = run(c.f, inputs);
    for (const std::string& isa : available_isas()) {
      if (isa == "generic") continue;
      use_isa(isa);
      INFO(isa);
      const auto found = run(c.f, inputs);
      CHECK(found.size() == expected.size());
      check_agree(found, expected, c.f32_tolerance);
    }
  });
}

TEST_CASE("cases: halves are the f32 results, rounded", "[cases]") {
  const Restore restore;
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    for (const DType dtype : {DType::bf16, DType::f16})
      for_every_case([&](const Case& c, const std::vector<Shape>& shapes) {
        // One lane at a time is slow, and takes no other way where there is more.
        if (!c.halves || ((isa == "generic" || kQuick) && large(shapes))) return;
        const auto inputs = make_inputs(c, shapes, dtype);
        std::vector<Tensor> wide;
        for (const Tensor& input : inputs) wide.push_back(input.to(DType::f32));
        const auto found = run(c.f, inputs), expected = run(c.f, wide);
        INFO(isa << " " << name(dtype));
        REQUIRE(found.size() == expected.size());
        if (c.half_tolerance == 0) CHECK(same_bits(found[0], expected[0].to(found[0].dtype())));
        else CHECK(agree_in_halves(found[0], expected[0], c.half_tolerance));
        // A derivative may see a rounded result and a rounded gradient of its own making.
        for (std::size_t i = 1; i < found.size(); ++i) {
          INFO("gradient of input " << i - 1);
          CHECK(found[i].dtype() == inputs[i - 1].dtype());
          CHECK(agree_in_halves(found[i], expected[i], 2 + c.half_tolerance));
        }
      });
  }
}

TEST_CASE("cases: any number of threads, and every run, gives the same bits", "[cases]") {
  const Restore restore;
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
    for_every_case([dtype](const Case& c, const std::vector<Shape>& shapes) {
      if (is_half(dtype) && !c.halves) return;
      const auto inputs = make_inputs(c, shapes, dtype);
      set_thread_count(1);
      const auto one = run(c.f, inputs);
      for (const int threads : thread_counts()) {
        set_thread_count(threads);
        const auto more = run(c.f, inputs);
        REQUIRE(more.size() == one.size());
        for (std::size_t i = 0; i < one.size(); ++i) {
          INFO(name(dtype) << ", " << threads << " threads, result " << i);
          CHECK(same_bits(one[i], more[i]));
        }
      }
    });
}

TEST_CASE("cases: strided, sliced and broadcast memory gives the same results", "[cases]") {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
    for_every_case([dtype](const Case& c, const std::vector<Shape>& shapes) {
      if ((is_half(dtype) && !c.halves) || (kQuick && dtype != DType::f32 && large(shapes))) return;
      const auto inputs = make_inputs(c, shapes, dtype);
      const double tolerance = dtype == DType::f64   ? 1e-12
                               : dtype == DType::f32 ? c.f32_tolerance
                                                     : epsilon(dtype);
      const auto expected = run(c.f, inputs);
      std::vector<Tensor> reversed, middle, repeated, repeated_dense;
      for (const Tensor& input : inputs) {
        reversed.push_back(reversed_in_memory(input));
        middle.push_back(in_the_middle(input));
        const bool empty = input.rank() == 0 || input.size(0) == 0;
        repeated.push_back(empty ? input : input.slice(0, 0, 1).expand(input.shape()));
        repeated_dense.push_back(repeated.back().clone());
      }
      {
        INFO(name(dtype) << ", reversed in memory");
        check_agree(run(c.f, reversed), expected, tolerance);
      }
      {
        INFO(name(dtype) << ", in the middle of NaN");
        check_agree(run(c.f, middle), expected, tolerance);
      }
      INFO(name(dtype) << ", one row repeated with stride 0");
      // The optimiser's own tensors are written, so they can't be repeated; the case clones them.
      check_agree(run(c.f, repeated), run(c.f, repeated_dense), tolerance);
    });
}

TEST_CASE("cases: NaN in an input is NaN in the result", "[cases]") {
  const Restore restore;
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
      if (dtype == DType::f64 && isa != "generic") continue;
      for_every_case([&](const Case& c, const std::vector<Shape>& shapes) {
        if (total(shapes) > 2000 || (is_half(dtype) && !c.halves)) return;
        auto inputs = make_inputs(c, shapes, dtype);
        const Tensor clean = c.f({inputs.begin(), inputs.end()}).value();
        CHECK_FALSE(has_nan(clean));
        if (clean.count() == 0) return;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
          const std::int64_t count = inputs[i].count(),
                             step = std::max<std::int64_t>(1, count / 13);
          for (std::int64_t at = 0; at < count; at += step) {
            if (c.nan_reaches && !c.nan_reaches(i, shapes[i], at)) continue;
            auto values = inputs[i].to_vector<double>();
            values[static_cast<std::size_t>(at)] = kNan;
            Variables hurt(inputs.begin(), inputs.end());
            hurt[i] = Tensor::from(values, shapes[i]).to(inputs[i].dtype());
            INFO(isa << " " << name(dtype) << ": NaN in input " << i << " at " << at);
            CHECK(has_nan(c.f(hurt).value()));
          }
        }
      });
    }
  }
}

TEST_CASE("cases: inputs in the thousands stay finite and precise", "[cases]") {
  const Restore restore;
  for_every_case([](const Case& c, const std::vector<Shape>& shapes) {
    if (!c.extreme || (kQuick && large(shapes))) return;
    const auto expected = run(c.f, make_inputs(c, shapes, DType::f64, 2500));
    const auto in32 = make_inputs(c, shapes, DType::f32, 2500);
    for (const Tensor& result : expected) CHECK(all_finite(result));
    for (const std::string& isa : available_isas()) {
      use_isa(isa);
      INFO(isa);
      const auto found = run(c.f, in32);
      for (const Tensor& result : found) CHECK(all_finite(result));
      // 1e4 is off by up to 5e-4 in f32, and exp of it by that much relatively.
      CHECK(agree(found[0], expected[0], 2e-3));
    }
  });
}

TEST_CASE("cases: a case runs the operation that it names", "[cases]") {
  for (const Case& c : all_cases()) {
    if (!c.differentiable || c.composed) continue;
    INFO(c.name);
    REQUIRE_FALSE(c.functions.empty());
    Variables leaves;
    for (const Tensor& input : make_inputs(c, c.shapes[0], DType::f64))
      leaves.push_back(Variable::parameter(input));
    std::set<std::string> names;
    std::vector<std::shared_ptr<Node>> found = {c.f(leaves).node()};
    for (std::size_t i = 0; i < found.size(); ++i) {
      names.insert(found[i]->name);
      for (const Edge& edge : found[i]->inputs)
        if (edge.node) found.push_back(edge.node);
    }
    CHECK(names.count(c.functions[0]) == 1);
  }
}

TEST_CASE("cases: every operation and every kernel has one", "[cases]") {
  std::set<std::string> functions, kernel_names;
  for (const Case& c : all_cases()) {
    functions.insert(c.functions.begin(), c.functions.end());
    kernel_names.insert(c.kernels.begin(), c.kernels.end());
  }

  std::set<std::string> declared;
  std::istringstream header(read_file(RETORT_SOURCE_DIR "/autograd/ops.h"));
  const std::regex declaration(R"(^(?:inline )?(?:Variables?|Tensor|Sorted) (operator[^ (]+|\w+)\()");
  bool inside_reference = false;
  for (std::string line; std::getline(header, line);) {
    if (line == "namespace reference {") inside_reference = true;
    if (line == "}  // namespace reference") inside_reference = false;
    std::smatch match;
    if (std::regex_search(line, match, declaration))
      declared.insert((inside_reference ? "reference::" : "") + match[1].str());
  }
  REQUIRE(declared.size() > 40);  // else the header isn't read as it is written
  CHECK(declared == functions);

  std::set<std::string> listed;
  std::istringstream list(read_file(RETORT_SOURCE_DIR "/tensor/kernels.def"));
  const std::regex entry(R"(^RETORT_KERNEL(?:_F32_F64)?(?:_WITH_WORKSPACE)?\((\w+), )");
  for (std::string line; std::getline(list, line);) {
    std::smatch match;
    if (std::regex_search(line, match, entry)) listed.insert(match[1].str());
  }
  REQUIRE(listed.size() >= 20);
  CHECK(listed == kernel_names);
}

}  // namespace retort::testing
