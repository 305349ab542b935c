// Products of bf16 matrices by every instruction set that has kernels for them, and by the scalar
// twin of AMX's tiles, against the arithmetic that the instructions' manuals define: bit for bit.
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "tests/engine/kernel_workspace.h"
#include "tests/engine/matmul_testing.h"

namespace retort {

#if defined(__x86_64__)
namespace isa::amx_twin {
void matmul_bf16(const Launch&, const MatmulArgs&);
std::int64_t matmul_workspace_bf16(const MatmulArgs&, int);
void matmul_pack_bf16(const Launch&, const MatmulPackArgs&);
std::int64_t matmul_pack_workspace_bf16(const MatmulPackArgs&, int);
}  // namespace isa::amx_twin
#endif

namespace {

using namespace testing;

/// One implementation, and how it adds the products of one element of c.
struct Bf16 {
  std::string name;
  Kernel<MatmulArgs> multiply;
  WorkspaceQuery<MatmulArgs> workspace;
  Kernel<MatmulPackArgs> pack;
  WorkspaceQuery<MatmulPackArgs> pack_size;
  float (*add_up)(const std::vector<float>& a, const std::vector<float>& b, bool backwards);
};

// Steps of 32 elements of k, last to first in every second 32 columns of c.
float add_by_steps(const std::vector<float>& a, bool backwards,
                   const std::function<void(float& sum, std::size_t begin, std::size_t end)>& add) {
  const std::size_t steps = (a.size() + 31) / 32;
  float sum = 0;
  for (std::size_t s = 0; s < steps; ++s) {
    const std::size_t begin = 32 * (backwards ? steps - 1 - s : s);
    add(sum, begin, std::min(begin + 32, a.size()));
  }
  return sum;
}

// TDPBF16PS: the even and the odd elements of a step apart, each by fused multiply-adds.
float add_by_tiles(const std::vector<float>& a, const std::vector<float>& b, bool backwards) {
  return add_by_steps(a, backwards, [&](float& sum, std::size_t begin, std::size_t end) {
    float even = 0, odd = 0;
    for (std::size_t p = begin; p < end; ++p)
      (p % 2 == 0 ? even : odd) = std::fma(a[p], b[p], p % 2 == 0 ? even : odd);
    sum += even + odd;
  });
}

// VDPBF16PS: a pair at a time, the odd element first.
float add_by_pairs(const std::vector<float>& a, const std::vector<float>& b, bool backwards) {
  return add_by_steps(a, backwards, [&](float& sum, std::size_t begin, std::size_t end) {
    for (std::size_t p = begin; p < end; p += 2) {
      if (p + 1 < end) sum = std::fma(a[p + 1], b[p + 1], sum);
      sum = std::fma(a[p], b[p], sum);
    }
  });
}

void for_every_bf16(const std::function<void(const Bf16&)>& f) {
  const Restore restore;
  bool any = false;
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    const KernelTable& table = kernels();
    if (!table.matmul[2]) continue;
    INFO(isa);
    any = true;
    f({isa, table.matmul[2], table.matmul_workspace[2], table.matmul_pack[2],
       table.matmul_pack_workspace[2], isa == "amx" ? add_by_tiles : add_by_pairs});
  }
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw")) {
    INFO("amx_twin");
    any = true;
    f({"amx_twin", isa::amx_twin::matmul_bf16, isa::amx_twin::matmul_workspace_bf16,
       isa::amx_twin::matmul_pack_bf16, isa::amx_twin::matmul_pack_workspace_bf16, add_by_tiles});
  }
#endif
  if (!any) RETORT_SKIP("this machine has no kernels for bf16 products");
}

/// One product: operands, a destination with gaps between its rows, and the check.
struct Product {
  Product(const ProductCase& which, bool wide, bool activate)
      : c(which),
        f32_result(wide),
        gelu(activate),
        a(c.a, c.batch, c.m, c.k, random),
        b(c.b, c.batch, c.k, c.n, random),
        start(Layout::rows, c.batch, c.m, c.n, random) {
    for (std::int64_t j = 0; j < c.n; ++j) bias.push_back(static_cast<float>(random.normal()));
    row = c.n + 3;
    next = c.m * row + 11;
    const auto size = static_cast<std::size_t>(c.batch * next);
    narrow.assign(size, bf16(kUntouched));
    full.assign(size, kUntouched);
    for (std::int64_t s = 0; s < c.batch; ++s)
      for (std::int64_t i = 0; i < c.m; ++i)
        for (std::int64_t j = 0; j < c.n; ++j)  // NaN: what is overwritten must not be read
          set(s, i, j,
              c.accumulate ? static_cast<float>(start.at(s, i, j)) : static_cast<float>(kNan));
  }
  std::size_t index(std::int64_t s, std::int64_t i, std::int64_t j) const {
    return static_cast<std::size_t>(s * next + i * row + j);
  }
  void set(std::int64_t s, std::int64_t i, std::int64_t j, float x) {
    narrow[index(s, i, j)] = bf16(x);
    full[index(s, i, j)] = x;
  }
  float out(std::int64_t s, std::int64_t i, std::int64_t j) const {
    return f32_result ? full[index(s, i, j)] : static_cast<float>(narrow[index(s, i, j)]);
  }
  MatmulArgs args() {
    MatmulArgs g{};
    g.a = a.begin();
    g.b = b.begin();
    g.c = f32_result ? static_cast<void*>(full.data()) : narrow.data();
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
    g.gelu = gelu;
    g.f32_result = f32_result;
    return g;
  }
  float expected(const Bf16& bf, std::int64_t s, std::int64_t i, std::int64_t j) {
    std::vector<float> x, y;
    for (std::int64_t p = 0; p < c.k; ++p) {
      x.push_back(static_cast<float>(a.at(s, i, p)));
      y.push_back(static_cast<float>(b.at(s, p, j)));
    }
    float sum = bf.add_up(x, y, j / 32 % 2 != 0);
    if (c.accumulate) sum += static_cast<float>(start.at(s, i, j));
    return c.bias ? sum + bias[static_cast<std::size_t>(j)] : sum;
  }
  bool right(const Bf16& bf, std::int64_t s, std::int64_t i, std::int64_t j) {
    const float sum = expected(bf, s, i, j), found = out(s, i, j);
    if (gelu) {  // its own error is bounded elsewhere
      const double x = sum, y = 0.5 * x * (1 + std::erf(x * std::sqrt(0.5)));
      return close(found, y, f32_result ? 1e-5 : 1.0 / 250, 1e-6);
    }
    return same(found, f32_result ? sum : static_cast<float>(bf16(sum)));
  }
  /// Elements that differ from the definition (of a large product: among a sample), plus those
  /// between and behind the rows that were touched.
  int mismatches(const Bf16& bf) {
    int wrong = 0;
    const std::int64_t total = c.batch * c.m * c.n;
    const bool sampled = total * c.k > 3'000'000;
    for (std::int64_t e = 0; e < (sampled ? 1500 : total); ++e) {
      const auto at =
          sampled ? static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(total))) : e;
      wrong += !right(bf, at / (c.m * c.n), at / c.n % c.m, at % c.n);
    }
    for (std::int64_t s = 0; s < c.batch; ++s)
      for (std::int64_t x = 0; x < next; ++x)
        if (x >= c.m * row || x % row >= c.n)
          wrong += f32_result ? full[index(s, 0, x)] != kUntouched
                              : static_cast<float>(narrow[index(s, 0, x)]) != kUntouched;
    return wrong;
  }
  bool same_bits(const Product& other) const {
    return std::memcmp(full.data(), other.full.data(), full.size() * sizeof(float)) == 0 &&
           std::memcmp(narrow.data(), other.narrow.data(), narrow.size() * sizeof(bf16)) == 0;
  }
  static constexpr float kUntouched = 1024;  // exact in bf16
  ProductCase c;
  bool f32_result, gelu;
  RandomStream random{1};
  Operand<bf16> a, b, start;
  std::vector<float> bias, full;
  std::vector<bf16> narrow;
  std::int64_t row = 0, next = 0;
};

void run(const Bf16& bf, const MatmulArgs& args) {
  run_in_workspace(bf.multiply, bf.workspace, args);
}

void check_case(const Bf16& bf, const ProductCase& c, bool f32_result = true, bool gelu = false) {
  INFO(c << ", f32 result " << f32_result << ", gelu " << gelu);
  Product product(c, f32_result, gelu);
  run(bf, product.args());
  CHECK(product.mismatches(bf) == 0);
}

TEST_CASE("bf16 matmul: sizes around the tiles, every layout", "[kernels][matmul]") {
  const std::vector<std::int64_t> ms = {1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 48, 65};
  const std::vector<std::int64_t> ns = {1, 3, 15, 16, 17, 31, 32, 33, 47, 64, 65, 97};
  const std::vector<std::int64_t> ks = {0, 1, 2, 3, 15, 31, 32, 33, 63, 64, 65, 100};
  for_every_bf16([&](const Bf16& bf) {
    RandomStream random(7);
    const auto pick = [&](const auto& list) { return list[random.below(std::size(list))]; };
    for (int trial = 0; trial < (kQuick ? 60 : 250); ++trial) {
      ProductCase c{};
      c.batch = trial % 5 == 0 ? 3 : 1;
      c.m = pick(ms);
      c.n = pick(ns);
      c.k = pick(ks);
      c.a = pick(kLayouts);
      c.b = pick(kLayouts);
      c.accumulate = random.below(2) == 1;
      c.bias = random.below(2) == 1;
      check_case(bf, c, random.below(2) == 1, random.below(4) == 1);
    }
  });
}

TEST_CASE("bf16 matmul: blocked products", "[kernels][matmul]") {
  for_every_bf16([](const Bf16& bf) {
    set_thread_count(3);
    for (const Layout a : {Layout::rows, Layout::padded_columns, Layout::every_other})
      for (const Layout b : {Layout::padded_rows, Layout::columns, Layout::every_other})
        check_case(bf, {1, 300, 150, 203, a, b, false, true}, false);
    check_case(bf, {1, 700, 50, 170, Layout::rows, Layout::columns, true, true});
    check_case(bf, {2, 270, 49, 390, Layout::columns, Layout::rows, true, false}, false);
    // Wider than one chunk of packed B (of an odd number of panels), and deeper.
    for (const bool gelu : {false, true})
      check_case(bf, {1, 70, 1820, 800, Layout::rows, Layout::columns, false, true}, !gelu, gelu);
    check_case(bf, {1, 66, 40, 21000, Layout::columns, Layout::rows});
  });
}

TEST_CASE("bf16 matmul: a row's bits don't depend on the other rows", "[kernels][matmul]") {
  for_every_bf16([](const Bf16& bf) {
    for (const Layout layout : {Layout::rows, Layout::columns}) {
      const ProductCase c{1, 600, 75, 130, layout, Layout::columns, false, true};
      Product all(c, true, false);
      run(bf, all.args());
      for (std::int64_t m = 1; m <= 80; m += m < 40 && !kQuick ? 1 : 13) {
        Product some(c, true, false);
        MatmulArgs args = some.args();
        args.m = m;
        args.a = &some.a.at(0, c.m - m, 0);
        run(bf, args);
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

TEST_CASE("bf16 matmul: any number of threads gives the same bits", "[kernels][matmul]") {
  for_every_bf16([](const Bf16& bf) {
    for (const ProductCase& c :
         {ProductCase{1, 850, 100, 90}, ProductCase{1, 90, 850, 90, Layout::columns},
          ProductCase{40, 10, 12, 64},
          ProductCase{1, 3, 700, 300, Layout::rows, Layout::columns}}) {
      set_thread_count(1);
      Product first(c, false, false);
      run(bf, first.args());
      for (const int n : thread_counts()) {
        set_thread_count(n);
        Product product(c, false, false);
        run(bf, product.args());
        INFO(c << ", threads " << n);
        CHECK(product.same_bits(first));
      }
    }
  });
}

TEST_CASE("bf16 matmul: packing an operand before changes no bit", "[kernels][matmul]") {
  for_every_bf16([](const Bf16& bf) {
    const auto check = [&](const ProductCase& c) {
      Product direct(c, false, false), prepared(c, false, false);
      run(bf, direct.args());
      MatmulArgs args = prepared.args();
      const MatmulPackArgs pack{args.b, args.n, args.k, args.b_row, args.b_col};
      const auto bytes = static_cast<std::size_t>(bf.pack_size(pack, 1));
      std::vector<std::uint32_t> packed(bytes / 4 + 32, 0xFFFFFFFFu);
      void* start = packed.data();
      std::size_t space = packed.size() * 4;
      REQUIRE(std::align(64, bytes, start, space) != nullptr);
      bf.pack({nullptr, start}, pack);
      args.packed_b = start;
      args.b = nullptr;
      run(bf, args);
      INFO(c);
      CHECK(prepared.same_bits(direct));
    };
    for (const Layout layout : kLayouts)
      for (const std::int64_t m : {1, 20, 64, 65, 270})
        check({1, m, 203, 130, Layout::rows, layout, false, true});
    // More than one chunk of panels.
    check({1, 70, 1700, 800, Layout::rows, Layout::columns, false, true});
    // Few rows, for which panels go by once.
    for (const int threads : thread_counts()) {
      set_thread_count(threads);
      check({1, 3, 1700, 800, Layout::rows, Layout::columns, false, true});
    }
  });
}

TEST_CASE("bf16 matmul: NaN reaches its row or column and no other", "[kernels][matmul]") {
  for_every_bf16([](const Bf16& bf) {
    for (const std::int64_t m : {4, 5, 290}) {
      Product product({1, m, 70, 400}, false, false);
      product.a.at(0, 3, 200) = bf16(static_cast<float>(kNan));
      product.b.at(0, 0, 69) = bf16(static_cast<float>(kNan));
      run(bf, product.args());
      int wrong = 0;
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < 70; ++j)
          wrong += std::isnan(product.out(0, i, j)) != (i == 3 || j == 69);
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("bf16 matmul: denormal numbers count as zeros", "[kernels][matmul]") {
  for_every_bf16([](const Bf16& bf) {
    for (const auto& [f32_result, m] : {std::pair{false, 3}, {true, 3}, {true, 20}}) {
      Product product({1, m, 20, 40}, f32_result, false);
      for (std::int64_t p = 0; p < 40; ++p) {
        product.a.at(0, 0, p) = bf16(0x1p-130f);  // too small already
        product.a.at(0, 1, p) = bf16(0x1p-100f);  // too small as a product
        for (std::int64_t j = 0; j < 20; ++j) product.b.at(0, p, j) = bf16(0x1p-30f);
      }
      run(bf, product.args());
      for (std::int64_t j = 0; j < 20; ++j) {
        CHECK(product.out(0, 0, j) == 0);
        CHECK(product.out(0, 1, j) == 0);
        CHECK(product.out(0, 2, j) != 0);
      }
    }
  });
}

#if defined(__x86_64__)
TEST_CASE("bf16 matmul: AMX tiles are released", "[kernels][matmul]") {
  const Restore restore;
  const std::vector<std::string> isas = available_isas();
  if (std::find(isas.begin(), isas.end(), "amx") == isas.end())
    RETORT_SKIP("this machine has no AMX");
  use_isa("amx");
  set_thread_count(1);  // on this thread
  for (const std::int64_t m : {4, 400}) {
    Product product({1, m, 100, 64}, false, false);
    run_in_workspace(kernels().matmul[2], kernels().matmul_workspace[2], product.args());
    alignas(64) unsigned char configuration[64];
    std::memset(configuration, 0xFF, sizeof configuration);
    asm volatile("sttilecfg %0" : "=m"(configuration));
    CHECK(configuration[0] == 0);
  }
}
#endif

}  // namespace
}  // namespace retort
