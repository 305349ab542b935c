// The attention kernels of every instruction set against the formulas in double loops, the scalar
// definition of dropout's bits, and numeric differentiation.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/engine/attention_oracle.h"

namespace retort {
namespace {

using namespace testing;
using Case = AttentionCase;

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {{{1, 1}}, 1, 1},
      {{{2, 3}, {1, 1}, {5, 4}}, 2, 3},
      {{{0, 3}, {3, 0}, {4, 4}, {0, 0}, {2, 7}}, 2, 5, 0.3},
      {{{53, 53}, {49, 49}, {7, 7}}, 3, 32, 0.1},
      {{{17, 16}, {8, 15}, {33, 17}}, 2, 64, 0.25},
      {{{64, 48}, {65, 49}, {63, 47}, {1, 300}}, 1, 31},
      {{{130, 200}, {200, 70}}, 2, 16, 0.1},
      {{{9, 30}}, 1, 256, 0.5},
      {{{20, 25}, {3, 1}}, 2, 255},
      {{{70, 600}}, 1, 8, 0.1},
      // Causal, more keys than queries (a cache) and fewer (queries that see nothing).
      {.sequences = {{3, 3}, {2, 7}, {5, 2}, {100, 130}},
       .heads = 2,
       .head_dim = 4,
       .keys_after = 0},
      // A sliding window that begins behind the first keys of most pieces; dropout with it.
      {.sequences = {{140, 140}, {9, 9}, {1, 50}},
       .heads = 2,
       .head_dim = 16,
       .dropout = 0.2,
       .keys_before = 6,
       .keys_after = 0},
      {.sequences = {{90, 90}, {40, 3}},
       .heads = 1,
       .head_dim = 8,
       .keys_before = 5,
       .keys_after = 5},
      // Grouped heads, whose gradients of keys add up; one key head for all.
      {.sequences = {{20, 25}, {0, 4}, {65, 65}}, .heads = 6, .head_dim = 8, .heads_per_key = 3},
      {.sequences = {{5, 5}}, .heads = 4, .head_dim = 5, .dropout = 0.3, .heads_per_key = 4},
      {.sequences = {{30, 33}, {70, 70}}, .heads = 2, .head_dim = 12, .soft_cap = 0.7},
      {.sequences = {{30, 33}, {70, 70}, {3, 1}}, .heads = 2, .head_dim = 9, .bias = true},
      {.sequences = {{20, 20}, {7, 30}},
       .heads = 4,
       .head_dim = 8,
       .dropout = 0.2,
       .heads_per_key = 2,
       .keys_after = 0,
       .soft_cap = 2,
       .bias = true,
       .map = MapKind::scores},
      {.sequences = {{20, 20}, {3, 0}, {7, 30}, {5, 2}},
       .heads = 2,
       .head_dim = 8,
       .dropout = 0.2,
       .keys_after = 0,
       .map = MapKind::probabilities},
      {.sequences = {{66, 19}}, .heads = 1, .head_dim = 3, .map = MapKind::scores},
      {.sequences = {{66, 19}, {4, 4}},
       .heads = 1,
       .head_dim = 3,
       .map = MapKind::probabilities,
       .out_has_gradient = false},
      // Ranges that overlap: gradients of shared rows add up.
      {.sequences = {{4, 6}, {3, 7}, {70, 4}, {2, 9}},
       .heads = 4,
       .head_dim = 8,
       .heads_per_key = 2,
       .keys_after = 0,
       .bias = true,
       .shared = true},
  };
  return list;
}

template <class T>
constexpr double kTolerance = sizeof(T) == 8 ? 1e-12 : 1e-5;

TEMPLATE_TEST_CASE("attention: forward and derivative follow the formulas", "[kernels][attention]",
                   float, double) {
  const Restore restore;
  set_thread_count(2);
  for_every_isa<TestType>([] {
    for (const Case& c : cases()) {
      INFO(c);
      Attention<TestType> x(c);
      x.forward();
      CHECK(x.mismatches(kTolerance<TestType>, false) == 0);
      x.backward();
      CHECK(x.mismatches(kTolerance<TestType>, true) == 0);
    }
  });
}

TEST_CASE("attention: the derivative agrees with numeric differentiation", "[kernels][attention]") {
  for (const Case& c : {Case{{{3, 4}, {2, 2}}, 2, 3}, Case{{{5, 6}}, 1, 4, 0.3}}) {
    INFO(c);
    Attention<double> x(c);
    x.forward();
    x.backward();
    const auto loss = [&] {
      x.forward();
      double sum = 0;
      for (std::int64_t i = 0; i < x.out.rows; ++i)
        for (std::int64_t j = 0; j < x.width; ++j) sum += x.dout.at(i, j) * x.out.at(i, j);
      return sum;
    };
    int wrong = 0;
    const auto differentiate = [&](Rows<double>& value, Rows<double>& gradient) {
      for (std::int64_t i = 0; i < value.rows; ++i)
        for (std::int64_t j = 0; j < value.columns; ++j) {
          if (std::isnan(gradient.at(i, j))) continue;  // a key row of nobody
          const double before = value.at(i, j), step = 1e-5;
          value.at(i, j) = before + step;
          const double above = loss();
          value.at(i, j) = before - step;
          const double below = loss();
          value.at(i, j) = before;
          wrong += !(std::fabs((above - below) / (2 * step) - gradient.at(i, j)) <= 1e-8);
        }
    };
    differentiate(x.q, x.dq);
    differentiate(x.k, x.dk);
    differentiate(x.v, x.dv);
    CHECK(wrong == 0);
  }
}

TEMPLATE_TEST_CASE("attention: a row's bits depend on its own sequence only",
                   "[kernels][attention]", float, double) {
  for_every_isa<TestType>([] {
    // The same 70 keys once with 150 queries beside two other sequences, once with the last few.
    Case masked{.sequences = {{11, 90}, {150, 70}, {5, 5}},
                .heads = 2,
                .head_dim = 24,
                .keys_before = 33,
                .keys_after = 0,
                .bias = true};
    for (const Case& c : {Case{masked.sequences, 2, 24}, masked}) {
      Attention<TestType> all(c);
      all.forward();
      for (const std::int64_t n : {1, 2, 7, 8, 9, 40, 64, 65}) {
        Attention<TestType> some(c);
        const std::int32_t offsets[] = {0, static_cast<std::int32_t>(n)};
        AttentionArgs args = some.args();
        args.sequences = 1;
        args.q = &some.q.at(161 - n, 0);
        args.out = &some.out.at(161 - n, 0);
        args.query_offsets = offsets;
        args.key_begin = &some.key_begin[1];
        args.key_length = &some.key_length[1];
        args.query_rows = n;
        args.max_queries = n;
        args.max_keys = 70;
        run_in_workspace(kernels().attention[kHalf<TestType>],
                         kernels().attention_workspace[kHalf<TestType>], args);
        int wrong = 0;
        for (std::int64_t i = 161 - n; i < 161; ++i)
          for (std::int64_t j = 0; j < some.width; ++j)
            wrong += some.out.at(i, j) != all.out.at(i, j);
        for (std::int64_t h = 0; h < 2; ++h)
          for (std::int64_t i = 0; i < n; ++i)
            wrong +=
                some.lse.data[static_cast<std::size_t>(h * n + i)] != all.lse.at(h, 161 - n + i);
        INFO(c << ": queries " << n);
        CHECK(wrong == 0);
      }
    }
  });
}

TEMPLATE_TEST_CASE("attention: any number of threads gives the same bits", "[kernels][attention]",
                   float, double) {
  for_every_isa<TestType>([] {
    const Case c{.sequences = {{53, 53}, {150, 80}, {4, 60}, {1, 1}, {70, 70}},
                 .heads = 4,
                 .head_dim = 32,
                 .dropout = 0.1,
                 .heads_per_key = 2,
                 .keys_before = 40,
                 .bias = true,
                 .map = MapKind::probabilities,
                 .shared = true};
    std::vector<std::vector<TestType>> first;
    for (const int n : thread_counts()) {
      set_thread_count(n);
      Attention<TestType> x(c);
      x.forward();
      x.backward();
      INFO("threads " << n);
      std::vector<std::vector<TestType>> found = {x.out.data, x.lse.data, x.map.data,  x.dq.data,
                                                  x.dk.data,  x.dv.data,  x.dbias.data};
      if (n == 1) first = found;
      for (std::size_t i = 0; i < found.size(); ++i)
        CHECK(std::memcmp(found[i].data(), first[i].data(), found[i].size() * sizeof(TestType)) ==
              0);
    }
  });
}

TEMPLATE_TEST_CASE("attention: NaN stays in its sequence and head", "[kernels][attention]", float,
                   double) {
  for_every_isa<TestType>([] {
    Attention<TestType> x({{{20, 20}, {30, 40}}, 2, 17});
    const TestType nan = std::numeric_limits<TestType>::quiet_NaN();
    x.q.at(3, 0) = nan;                     // row 3, head 0
    x.k.at(x.key_begin[1] + 39, 17) = nan;  // sequence 1, head 1
    x.forward();
    x.backward();
    int wrong = 0;
    for (std::int64_t i = 0; i < 50; ++i)
      for (std::int64_t j = 0; j < 34; ++j) {
        const bool hit = (i == 3 && j < 17) || (i >= 20 && j >= 17);
        wrong += std::isnan(x.out.at(i, j)) != hit;
        wrong += std::isnan(x.dq.at(i, j)) != hit;
      }
    for (std::int64_t i = 0; i < 20; ++i)  // every key of sequence 0 met row 3, in head 0 only
      for (std::int64_t j = 0; j < 34; ++j)
        wrong += std::isnan(x.dk.at(x.key_begin[0] + i, j)) != (j < 17);
    CHECK(wrong == 0);
  });
}

TEMPLATE_TEST_CASE("attention: large scores", "[kernels][attention]", float, double) {
  for_every_isa<TestType>([] {
    Attention<TestType> x({{{9, 21}}, 1, 8});
    for (std::int64_t i = 0; i < 9; ++i)
      for (std::int64_t j = 0; j < 8; ++j) x.q.at(i, j) *= TestType(10000);
    x.forward();
    // Scores of ±1e4: rounding moves an exponent by 1e4 · epsilon, and all results stay finite.
    CHECK(x.mismatches(1e5 * static_cast<double>(std::numeric_limits<TestType>::epsilon()),
                       false) == 0);
  });
}

}  // namespace
}  // namespace retort
