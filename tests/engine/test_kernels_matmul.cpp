// The matmul kernel of every instruction set against its own definition: each element is one chain
// of fused multiply-adds in ascending order of p, so results are compared bit for bit. Tables wider
// than the generic one have a product of their own in f64 too.
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "tests/engine/kernel_workspace.h"
#include "tests/engine/matmul_testing.h"

namespace retort {
namespace {

using namespace testing;

template <class T>
void run(const MatmulArgs& args) {
  run_in_workspace(kernels().matmul[kHalf<T>], kernels().matmul_workspace[kHalf<T>], args);
}

/// One product: operands, a destination with gaps between its rows, and the check.
template <class T>
struct Product {
  explicit Product(const ProductCase& which)
      : c(which),
        a(c.a, c.batch, c.m, c.k, random),
        b(c.b, c.batch, c.k, c.n, random),
        start(Layout::rows, c.batch, c.m, c.n, random) {
    for (std::int64_t j = 0; j < c.n; ++j) bias.push_back(static_cast<T>(random.normal()));
    row = c.n + 3;
    next = c.m * row + 11;
    result.assign(static_cast<std::size_t>(c.batch * next), T(1234));
    for (std::int64_t s = 0; s < c.batch; ++s)
      for (std::int64_t i = 0; i < c.m; ++i)
        for (std::int64_t j = 0; j < c.n; ++j)  // NaN: what is overwritten must not be read
          out(s, i, j) = c.accumulate ? start.at(s, i, j) : std::numeric_limits<T>::quiet_NaN();
  }
  T& out(std::int64_t s, std::int64_t i, std::int64_t j) {
    return result[static_cast<std::size_t>(s * next + i * row + j)];
  }
  MatmulArgs args() {
    MatmulArgs g{};
    g.a = a.begin();
    g.b = b.begin();
    g.c = result.data();
    g.bias = c.bias ? bias.data() : nullptr;
    g.batch = c.batch;
    g.m = c.m;
    g.n = c.n;
    g.k = c.k;
    g.a_batch = a.next;
    g.a_row = a.row;
    g.a_col = a.column;
    g.b_batch = b.next;
    g.b_row = b.row;
    g.b_col = b.column;
    g.c_batch = next;
    g.c_row = row;
    g.accumulate = c.accumulate;
    return g;
  }
  T expected(std::int64_t s, std::int64_t i, std::int64_t j) {
    T sum = c.accumulate ? start.at(s, i, j) : T(0);
    for (std::int64_t p = 0; p < c.k; ++p) sum = std::fma(a.at(s, i, p), b.at(s, p, j), sum);
    return c.bias ? sum + bias[static_cast<std::size_t>(j)] : sum;
  }
  /// Elements that differ from the definition (of a large product: among a sample), plus those
  /// between and behind the rows that were touched.
  int mismatches() {
    int wrong = 0;
    const std::int64_t total = c.batch * c.m * c.n;
    const bool sampled = total * c.k > (kQuick ? 500'000 : 20'000'000);
    for (std::int64_t e = 0; e < (sampled ? 3000 : total); ++e) {
      const auto at =
          sampled ? static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(total))) : e;
      const std::int64_t s = at / (c.m * c.n), i = at / c.n % c.m, j = at % c.n;
      wrong += !same(out(s, i, j), expected(s, i, j));
    }
    for (std::int64_t s = 0; s < c.batch; ++s)
      for (std::int64_t x = 0; x < next; ++x)
        if (x >= c.m * row || x % row >= c.n)
          wrong += result[static_cast<std::size_t>(s * next + x)] != T(1234);
    return wrong;
  }
  ProductCase c;
  RandomStream random{1};
  Operand<T> a, b, start;
  std::vector<T> bias, result;
  std::int64_t row = 0, next = 0;
};

template <class T>
void check_case(const ProductCase& c) {
  INFO(c);
  Product<T> product(c);
  run<T>(product.args());
  CHECK(product.mismatches() == 0);
}

TEMPLATE_TEST_CASE("matmul: sizes around the tile, every layout", "[kernels][matmul]", float,
                   double) {
  const std::vector<std::int64_t> ms = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 17, 33};
  const std::vector<std::int64_t> ns = {1, 2, 4, 7, 8, 9, 15, 16, 17, 23, 24, 25, 47, 48, 49, 97};
  const std::vector<std::int64_t> ks = {0, 1, 2, 3, 7, 8, 9, 31, 191, 192, 193, 400};
  for_every_isa<float>([&] {
    RandomStream random(7);
    const auto pick = [&](const auto& list) { return list[random.below(std::size(list))]; };
    for (int trial = 0; trial < (kQuick ? 60 : 300); ++trial) {
      ProductCase c{};
      c.batch = trial % 5 == 0 ? 3 : 1;
      c.m = pick(ms);
      c.n = pick(ns);
      c.k = pick(ks);
      c.a = pick(kLayouts);
      c.b = pick(kLayouts);
      c.accumulate = random.below(2) == 1;
      c.bias = random.below(2) == 1;
      check_case<TestType>(c);
    }
  });
}

TEMPLATE_TEST_CASE("matmul: blocked products", "[kernels][matmul]", float, double) {
  const Restore restore;
  set_thread_count(3);
  for_every_isa<float>([] {
    for (const Layout a : kLayouts)
      for (const Layout b : kLayouts) check_case<TestType>({1, 75, 150, 203, a, b, false, true});
    check_case<TestType>({1, 600, 50, 70, Layout::rows, Layout::columns, true, true});
    check_case<TestType>({1, 65, 400, 100, Layout::columns, Layout::rows, true, false});
    check_case<TestType>({2, 130, 49, 385, Layout::rows, Layout::rows, false, true});
    // Deeper than one shared block of B.
    check_case<TestType>({1, 66, 20, 4500, Layout::rows, Layout::columns, true, true});
  });
}

TEST_CASE("matmul: wider than one shared block of B", "[kernels][matmul]") {
  for_every_isa<float>([] { check_case<float>({1, 65, 5000, 900, Layout::rows, Layout::rows}); });
}

TEMPLATE_TEST_CASE("matmul: empty sizes", "[kernels][matmul]", float, double) {
  for_every_isa<float>([] {
    for (const bool accumulate : {false, true})
      for (const bool bias : {false, true}) {
        check_case<TestType>({1, 5, 50, 0, Layout::rows, Layout::rows, accumulate, bias});
        check_case<TestType>({1, 100, 200, 0, Layout::rows, Layout::rows, accumulate, bias});
        check_case<TestType>({2, 0, 9, 4, Layout::rows, Layout::rows, accumulate, bias});
        check_case<TestType>({2, 9, 0, 4, Layout::rows, Layout::rows, accumulate, bias});
        check_case<TestType>({0, 9, 9, 4, Layout::rows, Layout::rows, accumulate, bias});
      }
  });
}

TEMPLATE_TEST_CASE("matmul: one operand for the whole batch", "[kernels][matmul]", float, double) {
  for_every_isa<float>([] {
    Product<TestType> product({4, 6, 21, 13});
    MatmulArgs args = product.args();
    args.b_batch = 0;
    run<TestType>(args);
    for (std::int64_t s = 1; s < 4; ++s)
      for (std::int64_t p = 0; p < 13; ++p)
        for (std::int64_t j = 0; j < 21; ++j) product.b.at(s, p, j) = product.b.at(0, p, j);
    CHECK(product.mismatches() == 0);
  });
}

TEMPLATE_TEST_CASE("matmul: agrees with sums in long double", "[kernels][matmul]", float, double) {
  for_every_isa<float>([] {
    Product<TestType> product({1, 70, 100, 350, Layout::rows, Layout::columns});
    run<TestType>(product.args());
    // A chain of 350 rounded sums of products of unit variance, with a factor to spare.
    const double tolerance = 350 * 4.0 * std::numeric_limits<TestType>::epsilon();
    int wrong = 0;
    for (std::int64_t i = 0; i < 70; ++i)
      for (std::int64_t j = 0; j < 100; ++j) {
        long double sum = 0;
        for (std::int64_t p = 0; p < 350; ++p)
          sum += static_cast<long double>(product.a.at(0, i, p)) * product.b.at(0, p, j);
        const double found = product.out(0, i, j);
        wrong += !(std::fabs(static_cast<double>(sum) - found) <= tolerance);
      }
    CHECK(wrong == 0);
  });
}

TEMPLATE_TEST_CASE("matmul: a row's bits don't depend on the other rows", "[kernels][matmul]",
                   float, double) {
  for_every_isa<float>([] {
    for (const Layout layout : {Layout::rows, Layout::columns}) {
      const ProductCase c{1, 300, 75, 210, layout, Layout::columns, false, true};
      Product<TestType> all(c);
      run<TestType>(all.args());
      for (std::int64_t m = 1; m <= 40; m += kQuick ? 7 : 1) {
        Product<TestType> some(c);
        MatmulArgs args = some.args();
        args.m = m;
        args.a = &some.a.at(0, c.m - m, 0);
        run<TestType>(args);
        int wrong = 0;
        for (std::int64_t i = 0; i < m; ++i)
          for (std::int64_t j = 0; j < c.n; ++j)
            wrong += !same(some.out(0, i, j), all.out(0, c.m - m + i, j));
        INFO("rows " << m);
        CHECK(wrong == 0);
      }
    }
  });
}

TEMPLATE_TEST_CASE("matmul: any number of threads gives the same bits", "[kernels][matmul]", float,
                   double) {
  for_every_isa<float>([] {
    for (const ProductCase& c :
         {ProductCase{1, 850, 100, 90}, ProductCase{1, 90, 850, 90, Layout::columns},
          ProductCase{40, 10, 12, 64},
          ProductCase{1, 3, 700, 300, Layout::rows, Layout::columns}}) {
      std::vector<TestType> first;
      for (const int n : thread_counts()) {
        set_thread_count(n);
        Product<TestType> product(c);
        run<TestType>(product.args());
        if (n == 1) first = product.result;
        INFO(c << ", threads " << n);
        const std::size_t bytes = first.size() * sizeof(TestType);
        CHECK(std::memcmp(first.data(), product.result.data(), bytes) == 0);
      }
    }
  });
}

TEMPLATE_TEST_CASE("matmul: NaN reaches its row or column and no other", "[kernels][matmul]", float,
                   double) {
  for_every_isa<float>([] {
    for (const std::int64_t m : {5, 90}) {
      Product<TestType> product({1, m, 70, 400});
      product.a.at(0, 3, 200) = std::numeric_limits<TestType>::quiet_NaN();
      product.b.at(0, 0, 69) = std::numeric_limits<TestType>::quiet_NaN();
      run<TestType>(product.args());
      int wrong = 0;
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < 70; ++j)
          wrong += std::isnan(product.out(0, i, j)) != (i == 3 || j == 69);
      CHECK(wrong == 0);
    }
  });
}

TEMPLATE_TEST_CASE("matmul: packing an operand before changes no bit", "[kernels][matmul]", float,
                   double) {
  for_every_isa<float>([] {
    set_thread_count(3);
    for (const Layout layout : kLayouts)
      for (const std::int64_t m :
           kQuick ? std::vector{20, 65} : std::vector{1, 20, 64, 65, 300}) {
        const ProductCase c{1, m, 203, 410, Layout::rows, layout, false, true};
        INFO(c);
        Product<TestType> product(c);
        MatmulArgs args = product.args();
        const MatmulPackArgs pack{args.b, args.n, args.k, args.b_row, args.b_col};
        const std::int64_t bytes = kernels().matmul_pack_workspace[kHalf<TestType>](pack, 1);
        std::vector<TestType> packed(static_cast<std::size_t>(bytes) / sizeof(TestType) + 16,
                                     TestType(kNan));
        void* start = packed.data();
        std::size_t space = packed.size() * sizeof(TestType);
        REQUIRE(std::align(64, static_cast<std::size_t>(bytes), start, space) != nullptr);
        kernels().matmul_pack[kHalf<TestType>]({nullptr, start}, pack);
        args.packed_b = start;
        args.b = nullptr;
        run<TestType>(args);
        CHECK(product.mismatches() == 0);
      }
  });
}

TEMPLATE_TEST_CASE("matmul: gelu follows the bias in every column", "[kernels][matmul]", float,
                   double) {
  for_every_isa<float>([] {
    for (const std::int64_t m : {1, 33, 130})
      for (const std::int64_t n : {1, 47, 150}) {
        const ProductCase c{1, m, n, 230, Layout::rows, Layout::columns, false, true};
        INFO(c);
        Product<TestType> plain(c), activated(c);
        run<TestType>(plain.args());
        MatmulArgs args = activated.args();
        args.gelu = true;
        run<TestType>(args);
        int wrong = 0;
        for (std::int64_t i = 0; i < m; ++i)
          for (std::int64_t j = 0; j < n; ++j) {
            const double x = plain.out(0, i, j), y = 0.5 * x * (1 + std::erf(x * std::sqrt(0.5)));
            wrong += !close(activated.out(0, i, j), y, sizeof(TestType) == 4 ? 1e-5 : 1e-14, 1e-6);
          }
        CHECK(wrong == 0);
      }
  });
}

}  // namespace
}  // namespace retort
