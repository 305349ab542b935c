// Row layouts of ragged batches, T5's buckets, and the errors of attention.
#include "tensor/ragged.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"
#include "tests/engine/kernel_testing.h"

namespace retort::testing {
namespace {

using Numbers = std::vector<std::int32_t>;

std::vector<Numbers> groups_of(const Ragged& ragged) {
  const auto offsets = ragged.group_offsets.to_vector<std::int32_t>();
  const auto sequences = ragged.group_sequences.to_vector<std::int32_t>();
  REQUIRE(static_cast<std::int64_t>(offsets.size()) == ragged.groups + 1);
  std::vector<Numbers> groups;
  for (std::size_t g = 0; g + 1 < offsets.size(); ++g)
    groups.emplace_back(sequences.begin() + offsets[g], sequences.begin() + offsets[g + 1]);
  return groups;
}

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

Ragged over(const Numbers& queries, const Numbers& begin, const Numbers& length,
            std::int64_t rows) {
  return Ragged::over_ranges(queries, begin, length, rows);
}

}  // namespace

TEST_CASE("ragged: sequences that share keys form groups") {
  CHECK(groups_of(Ragged::packed(Numbers{3, 0, 2})) == std::vector<Numbers>{{0}, {2}, {1}});
  CHECK(Ragged::packed(Numbers{3, 0, 2}).each_key_once);
  CHECK(Ragged::packed(Numbers{}).each_key_once);
  const Numbers queries = {1, 1, 1, 1};
  // Two beams on one prompt; ranges that only touch; a chain of overlaps, out of order.
  CHECK(groups_of(over(queries, {4, 0, 4, 2}, {3, 2, 3, 2}, 7)) ==
        std::vector<Numbers>{{1}, {3}, {0, 2}});
  CHECK_FALSE(over(queries, {4, 0, 4, 2}, {3, 2, 3, 2}, 7).each_key_once);
  CHECK(groups_of(over(queries, {5, 3, 0, 9}, {3, 3, 4, 1}, 10)) ==
        std::vector<Numbers>{{0, 1, 2}, {3}});
  CHECK(over(queries, {3, 0, 8, 7}, {4, 3, 2, 1}, 10).each_key_once);
  CHECK_FALSE(over(queries, {3, 0, 8, 7}, {4, 3, 2, 1}, 11).each_key_once);  // a row in none
}

TEST_CASE("ragged: blocks of [heads, queries, keys] lie end to end") {
  const Ragged ragged = Ragged::across(Numbers{2, 0, 3}, Numbers{5, 4, 1});
  CHECK(ragged.block_offsets(3).to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{0, 30, 30, 39});
  CHECK(contains(error_of([&] { ragged.block_offsets(std::int64_t{1} << 60); }), "too many"));
}

TEST_CASE("ragged: layouts that can't be are errors") {
  CHECK(contains(error_of([] { Ragged::packed(Numbers{1, -1}); }), "negative"));
  CHECK(contains(error_of([] { Ragged::packed(Numbers{2147483647, 1}); }), "2^31"));
  CHECK(contains(error_of([] { over({1}, {0, 0}, {1}, 1); }), "2 begins"));
  CHECK(contains(error_of([] { over({1}, {2}, {3}, 4); }), "3 key rows from row 2"));
  CHECK(contains(error_of([] { over({1}, {-1}, {1}, 4); }), "from row -1"));
  CHECK(contains(error_of([] { over({1}, {2147483647}, {2147483647}, 4); }), "there are 4"));
  CHECK(contains(error_of([] { over({1}, {0}, {1}, -4); }), "found -4"));
}

TEST_CASE("attention: T5's buckets begin at the distances of its reference implementation") {
  // borders[b]: the distance from which on the bucket is b + 1; from transformers 5.23.
  struct Buckets {
    bool bidirectional;
    std::int64_t buckets, max_distance;
    Numbers borders;
  };
  const Buckets list[] = {
      {true, 32, 128, {1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91}},
      {false, 32, 128, {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                        19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113}},
      {false, 8, 20, {1, 2, 3, 4, 6, 9, 14}},
      {false, 16, 77, {1, 2, 3, 4, 5, 6, 7, 8, 11, 15, 19, 25, 33, 44, 59}},
  };
  const Ragged ragged = Ragged::across(Numbers{1, 300}, Numbers{280, 2});
  for (const Buckets& b : list) {
    const auto found =
        ops::bias_buckets(
            ragged, {.bidirectional_buckets = b.bidirectional, .max_distance = b.max_distance},
            b.buckets)
            .to_vector<std::int32_t>();
    REQUIRE(found.size() == 579);
    int wrong = 0;
    for (std::int32_t relative = -279; relative < 300; ++relative) {
      const std::int32_t distance = b.bidirectional ? std::abs(relative) : std::max(0, -relative);
      std::int32_t expected = 0;
      while (expected < static_cast<std::int32_t>(b.borders.size()) &&
             distance >= b.borders[static_cast<std::size_t>(expected)])
        ++expected;
      if (b.bidirectional && relative > 0) expected += static_cast<std::int32_t>(b.buckets / 2);
      wrong += found[static_cast<std::size_t>(relative + 279)] != expected;
    }
    INFO(b.buckets << " buckets to " << b.max_distance);
    CHECK(wrong == 0);
  }
}

TEST_CASE("attention: arguments that don't fit are errors that say so") {
  const Tensor x = Tensor::zeros({2, 6}), narrow = Tensor::zeros({2, 3});
  const Ragged ragged = Ragged::packed(Numbers{2});
  const auto error = [&](const Tensor& q, const Tensor& k, const AttentionOptions& options,
                         const Tensor& bias = {}) {
    return error_of([&] { ops::attention(q, k, k, ragged, options, bias); });
  };
  CHECK(error(x, x, {.heads = 2}) == "");
  CHECK(error(x, narrow, {.heads = 2, .key_heads = 1}) == "");
  CHECK(contains(error(x, x, {.heads = 4}), "4 heads"));
  CHECK(contains(error(x, x, {.heads = 0}), "0 heads"));
  CHECK(contains(error(x, x, {.heads = 3, .key_heads = 2}), "2 key heads"));
  CHECK(contains(error(x, x, {.heads = 2, .key_heads = 1}), "different sizes"));
  CHECK(contains(error(x, x, {.sliding_window = -1}), "negative"));
  CHECK(contains(error(x, x, {.sliding_window = 1, .local_window = 1}), "choose one"));
  CHECK(contains(error(x, x, {.soft_cap = -1}), "soft cap"));
  CHECK(contains(error(x, x, {.heads = 2}, Tensor::zeros({2, 2})), "[2, 3]"));
  CHECK(error(x, x, {.heads = 2}, Tensor::zeros({2, 3})) == "");
  const Ragged longer = Ragged::packed(Numbers{3});
  CHECK(contains(error_of([&] { ops::attention(x, x, x, longer, {}); }), "3 query rows"));
  CHECK(contains(error_of([&] { attention_with_map(Variable(x), x, x, ragged, {}); }), "says none"));
  CHECK(contains(error_of([&] { ops::bias_buckets(ragged, {}, 3); }), "4 buckets or more"));
  CHECK(contains(error_of([&] { ops::bias_buckets(ragged, {.max_distance = 8}, 32); }), "larger"));
}

TEST_CASE("attention: a masked query gives zeros, and its map too") {
  const Tensor x = Tensor::full({3, 2}, 0.5), keys = Tensor::full({1, 2}, 2);
  const Ragged ragged = Ragged::across(Numbers{3}, Numbers{1});
  AttentionOptions options{.causal = true, .map = AttentionMap::probabilities};
  const ops::Attention probabilities = ops::attention(x, keys, keys, ragged, options);
  CHECK(probabilities.out.to_vector<float>() == std::vector<float>{0, 0, 0, 0, 2, 2});
  CHECK(probabilities.map.to_vector<float>() == std::vector<float>{0, 0, 1});
  options.map = AttentionMap::scores;
  options.scale = 3;
  const auto scores = ops::attention(x, keys, keys, ragged, options).map.to_vector<double>();
  CHECK(scores == std::vector<double>{-kInfinity, -kInfinity, 6});
}

TEST_CASE("attention: windows have the edges of transformers' masks") {
  // Equal scores: a probability of 1/n shows which n keys are seen.
  const auto seen = [](const AttentionOptions& options) {
    const Tensor x = Tensor::zeros({6, 1});
    AttentionOptions with_map = options;
    with_map.map = AttentionMap::probabilities;
    const auto map =
        ops::attention(x, x, x, Ragged::packed(Numbers{6}), with_map).map.to_vector<float>();
    std::vector<std::string> rows;
    for (std::size_t i = 0; i < 6; ++i) {
      rows.emplace_back();
      for (std::size_t j = 0; j < 6; ++j) rows.back() += map[6 * i + j] > 0 ? 'x' : '.';
    }
    return rows;
  };
  using Rows = std::vector<std::string>;
  // sliding_window_causal_mask_function(3)
  CHECK(seen({.causal = true, .sliding_window = 3}) ==
        Rows{"x.....", "xx....", "xxx...", ".xxx..", "..xxx.", "...xxx"});
  // sliding_window_bidirectional_mask_function(config.local_attention // 2), local_attention 4 and
  // 5
  for (const std::int64_t window : {4, 5})
    CHECK(seen({.local_window = window}) ==
          Rows{"xxx...", "xxxx..", "xxxxx.", ".xxxxx", "..xxxx", "...xxx"});
  CHECK(seen({.causal = true, .local_window = 2}) ==
        Rows{"x.....", "xx....", ".xx...", "..xx..", "...xx.", "....xx"});
  CHECK(seen({.sliding_window = std::numeric_limits<std::int64_t>::max()}) == Rows(6, "xxxxxx"));
}

TEST_CASE("rotary: rotates as transformers does, half-split and interleaved") {
  const Tensor x = Tensor::from(std::vector<double>{1, 2, 3, 4, 5, 6, -1, .5, 2, -3, 1, 7}, {2, 6});
  const Tensor table = ops::rotary_table(
      Tensor::from(Numbers{3, 70}), Tensor::from(std::vector<double>{1, 0.1}), 1.25, DType::f64);
  // From transformers 5.23 in f64: apply_rotary_pos_emb of Llama and of GPT-J, 4 of 6 columns.
  const std::vector<double> halves = {
      -1.766690650975, 0.910740189507, -3.536071852177, 5.515482962281,  5, 6,
      -2.726375707753, 2.93488865416,  0.615934655768,  -2.416516829588, 1, 7};
  const std::vector<double> neighbours = {
      -1.5902906409,   -2.298581231426, 2.104910800914, 5.884883220608, 5, 6,
      -1.275330679832, -0.571538850018, 4.348455381054, -1.18466695699, 1, 7};
  for (const bool interleaved : {false, true}) {
    const auto found = ops::rotary(x, table, 1, interleaved).to_vector<double>();
    const auto& expected = interleaved ? neighbours : halves;
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(std::fabs(found[i] - expected[i]) < 1e-11);
  }
}

TEST_CASE("rotary: angles stay exact at large positions") {
  const Restore restore;
  std::vector<double> frequencies;
  for (int i = 0; i < 64; ++i) frequencies.push_back(std::pow(500000.0, -i / 64.0));
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    const auto table =
        ops::rotary_table(Tensor::from(Numbers{100000, 131071}), Tensor::from(frequencies))
            .to_vector<double>();
    double worst = 0;
    for (std::size_t row = 0; row < 2; ++row)
      for (std::size_t i = 0; i < 64; ++i) {
        const long double angle = (row == 0 ? 100000.0L : 131071.0L) * frequencies[i];
        worst =
            std::max(worst, std::fabs(table[row * 128 + i] - static_cast<double>(std::cos(angle))));
        worst = std::max(
            worst, std::fabs(table[row * 128 + 64 + i] - static_cast<double>(std::sin(angle))));
      }
    INFO(isa);
    CHECK(worst < 1e-7);
  }
}

TEST_CASE("ragged: softmax of a row of -infinity is zero, forward and backward") {
  const Restore restore;
  const Ragged ragged = Ragged::across(Numbers{2}, Numbers{2});
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    const Tensor x = Tensor::from(std::vector<double>{-kInfinity, -kInfinity, 1, 1}).to(DType::f32);
    const Tensor y = ops::ragged_softmax(x, ragged, 1);
    CHECK(y.to_vector<float>() == std::vector<float>{0, 0, 0.5, 0.5});
    const Tensor dy = Tensor::from(std::vector<double>{1, 2, 3, 4}).to(DType::f32);
    CHECK(ops::ragged_softmax_backward(dy, y, ragged, 1).to_vector<float>() ==
          std::vector<float>{0, 0, -0.25, 0.25});
  }
}

TEST_CASE("ragged: segments of no rows, and arguments that don't fit") {
  const Tensor x = Tensor::full({3, 2}, 2);
  const Tensor offsets = Tensor::from(Numbers{0, 2, 2, 3});
  CHECK(ops::segment_sum(x, offsets).to_vector<double>() == std::vector<double>{4, 4, 0, 0, 2, 2});
  CHECK(ops::segment_max(x, offsets).to_vector<double>() ==
        std::vector<double>{2, 2, -kInfinity, -kInfinity, 2, 2});
  const auto error = [&](const Numbers& at) {
    return error_of([&] { ops::segment_sum(x, Tensor::from(at)); });
  };
  CHECK(contains(error({0, 2}), "to 2, the rows from 0 to 3"));
  CHECK(contains(error({1, 3}), "from 1"));
  CHECK(contains(error({0, 3, 2, 3}), "fall from 3 to 2"));
  CHECK(contains(error({}), "offsets"));
  CHECK(contains(error_of([&] { ops::segment_expand(x, offsets, 4); }), "rows from 0 to 4"));
  CHECK(
      contains(error_of([&] { ops::segment_expand(x.slice(0, 0, 2), offsets, 3); }), "3 segments"));
  const Ragged ragged = Ragged::packed(Numbers{3});
  CHECK(contains(error_of([&] { ops::ragged_products(x, x, ragged, 0); }), "one head or more"));
  CHECK(contains(error_of([&] {
                   ops::ragged_products(x, Tensor::zeros({3, 4}), ragged, 1);
                 }),
                 "differ"));
  CHECK(
      contains(error_of([&] { ops::ragged_products(x.slice(0, 0, 2), x, ragged, 1); }), "[3 rows"));
  CHECK(contains(error_of([&] { ops::ragged_apply(Tensor::zeros({8}), x, ragged, 1); }),
                 "9 numbers"));
  CHECK(contains(error_of([&] { ops::ragged_softmax(Tensor::zeros({9}), ragged, 2); }),
                 "18 numbers"));
  const Tensor table = Tensor::zeros({3, 2});
  CHECK(contains(error_of([&] { ops::rotary(x, table, 2, false); }), "up to 1"));
  CHECK(contains(error_of([&] { ops::rotary(x, Tensor::zeros({2, 2}), 1, false); }), "[2, 2]"));
  CHECK(contains(error_of([&] { ops::rotary_table(x, x); }), "positions"));
}

}  // namespace retort::testing
