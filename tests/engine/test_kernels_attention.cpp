// The attention kernels of every instruction set against the formulas in double loops, the scalar
// definition of dropout's bits, and numeric differentiation.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/engine/kernel_workspace.h"

namespace retort {
namespace {

using namespace testing;

struct Sequence {
  std::int64_t queries, keys;
};

struct Case {
  std::vector<Sequence> sequences;
  std::int64_t heads, head_dim;
  double dropout = 0;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  out << c.heads << " heads of " << c.head_dim << ", dropout " << c.dropout << ", sequences";
  for (const Sequence& s : c.sequences) out << ' ' << s.queries << 'x' << s.keys;
  return out;
}

/// [rows, columns] with NaN between and behind the rows, so that a kernel that reads there shows,
/// and one that writes there too.
template <class T>
struct Rows {
  Rows(std::int64_t row_count, std::int64_t width, std::int64_t pad)
      : rows(row_count),
        columns(width),
        row(width + pad),
        data(static_cast<std::size_t>(row_count * (width + pad) + 32),
             std::numeric_limits<T>::quiet_NaN()) {}
  void randomize(RandomStream& random) {
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < columns; ++j) at(i, j) = static_cast<T>(random.normal());
  }
  T& at(std::int64_t i, std::int64_t j) { return data[static_cast<std::size_t>(i * row + j)]; }
  /// Elements outside the rows that are no longer NaN.
  int touched() const {
    int n = 0;
    for (std::size_t x = 0; x < data.size(); ++x) {
      const auto at = static_cast<std::int64_t>(x);
      if (at >= rows * row || at % row >= columns) n += !std::isnan(data[x]);
    }
    return n;
  }
  std::int64_t rows, columns, row;
  std::vector<T> data;
};

std::int64_t total_queries(const Case& c) {
  std::int64_t n = 0;
  for (const Sequence& s : c.sequences) n += s.queries;
  return n;
}
/// Key ranges have a row that belongs to nobody before each of them.
std::int64_t total_keys(const Case& c) {
  std::int64_t n = 1;
  for (const Sequence& s : c.sequences) n += s.keys + 1;
  return n;
}

template <class T>
struct Attention {
  explicit Attention(const Case& which, std::uint64_t seed = 3)
      : c(which),
        random(seed),
        width(c.heads * c.head_dim),
        q(total_queries(c), width, 3),
        k(total_keys(c), width, 1),
        v(total_keys(c), width, 5),
        out(total_queries(c), width, 2),
        dout(total_queries(c), width, 4),
        dq(total_queries(c), width, 3),
        dk(total_keys(c), width, 1),
        dv(total_keys(c), width, 5),
        lse(c.heads, total_queries(c), 0) {
    for (Rows<T>* x : {&q, &k, &v, &dout}) x->randomize(random);
    offsets.push_back(0);
    for (const Sequence& s : c.sequences)
      offsets.push_back(offsets.back() + static_cast<std::int32_t>(s.queries));
    // Ranges lie in memory in the opposite order of their sequences.
    auto begin = static_cast<std::int32_t>(total_keys(c));
    for (const Sequence& s : c.sequences) {
      begin -= static_cast<std::int32_t>(s.keys) + 1;
      key_begin.push_back(begin);
      key_length.push_back(static_cast<std::int32_t>(s.keys));
      for (std::int64_t j = 0; j < width; ++j)
        k.at(begin + s.keys, j) = v.at(begin + s.keys, j) = std::numeric_limits<T>::quiet_NaN();
    }
  }
  AttentionArgs args() {
    AttentionArgs g{};
    g.q = q.data.data();
    g.k = k.data.data();
    g.v = v.data.data();
    g.out = out.data.data();
    g.lse = lse.data.data();
    g.query_offsets = offsets.data();
    g.key_begin = key_begin.data();
    g.key_length = key_length.data();
    g.sequences = static_cast<std::int64_t>(c.sequences.size());
    g.query_rows = q.rows;
    for (const Sequence& s : c.sequences) {
      g.max_queries = std::max(g.max_queries, s.queries);
      g.max_keys = std::max(g.max_keys, s.keys);
    }
    g.heads = c.heads;
    g.head_dim = c.head_dim;
    g.q_row = q.row;
    g.k_row = k.row;
    g.v_row = v.row;
    g.out_row = out.row;
    g.scale = 1 / std::sqrt(static_cast<double>(c.head_dim));
    g.dropout.drop_below = static_cast<std::uint32_t>(c.dropout * 4294967296.0);
    g.dropout.scale = 1 / (1 - c.dropout);
    g.dropout.site = {0x123456789ABCDEFull, 17, 5};
    g.dropout.row_offset = 1000;
    return g;
  }
  AttentionBackwardArgs backward_args() {
    AttentionBackwardArgs g{};
    g.forward = args();
    g.dout = dout.data.data();
    g.dout_row = dout.row;
    g.dq = dq.data.data();
    g.dk = dk.data.data();
    g.dv = dv.data.data();
    return g;
  }
  void forward() {
    run_in_workspace(kernels().attention[kHalf<T>], kernels().attention_workspace[kHalf<T>],
                     args());
  }
  void backward() {
    run_in_workspace(kernels().attention_backward[kHalf<T>],
                     kernels().attention_backward_workspace[kHalf<T>], backward_args());
  }
  /// What dropout multiplies a probability by, from the scalar definition.
  double factor(std::int64_t row, std::int64_t head, std::int64_t key) {
    const DropoutRule rule = args().dropout;
    if (rule.drop_below == 0) return 1;
    const auto at = static_cast<std::uint32_t>((rule.row_offset + row) * c.heads + head);
    const PhiloxBlock block = random_block(rule.site, at, static_cast<std::uint32_t>(key / 4));
    return block.word[key % 4] >= rule.drop_below ? rule.scale : 0;
  }
  /// Compares everything with the formulas; counts elements that are off by more than the
  /// tolerance.
  int mismatches(double tolerance, bool derivative) {
    int wrong = out.touched() + dq.touched() + dk.touched() + dv.touched();
    const auto compare = [&](double expected, T found) {
      wrong += !(std::fabs(expected - static_cast<double>(found)) <=
                 tolerance * (1 + std::fabs(expected)));
    };
    const double scale = args().scale;
    for (std::size_t s = 0; s < c.sequences.size(); ++s)
      for (std::int64_t h = 0; h < c.heads; ++h) {
        const std::int64_t keys = c.sequences[s].keys, first = key_begin[s], d = c.head_dim;
        std::vector<double> dk_sum(static_cast<std::size_t>(keys * d)), dv_sum = dk_sum;
        for (std::int64_t i = offsets[s]; i < offsets[s + 1]; ++i) {
          std::vector<double> p(static_cast<std::size_t>(keys)), dp = p, f = p;
          double highest = -std::numeric_limits<double>::infinity(), total = 0;
          for (std::int64_t j = 0; j < keys; ++j) {
            double dot = 0;
            for (std::int64_t e = 0; e < d; ++e)
              dot += static_cast<double>(q.at(i, h * d + e)) * k.at(first + j, h * d + e);
            p[static_cast<std::size_t>(j)] = dot * scale;
            highest = std::max(highest, dot * scale);
          }
          for (double& x : p) total += x = std::exp(x - highest);
          for (double& x : p) x /= total;
          if (keys > 0) compare(highest + std::log(total), lse.at(h, i));
          else wrong += lse.at(h, i) != -std::numeric_limits<T>::infinity();
          for (std::size_t j = 0; j < p.size(); ++j) f[j] = factor(i, h, static_cast<int>(j));
          double d_row = 0;
          for (std::int64_t e = 0; e < d; ++e) {
            double y = 0;
            for (std::size_t j = 0; j < p.size(); ++j)
              y += p[j] * f[j] * v.at(first + static_cast<int>(j), h * d + e);
            compare(y, out.at(i, h * d + e));
            d_row += y * dout.at(i, h * d + e);
          }
          if (!derivative) continue;
          std::vector<double> dq_row(static_cast<std::size_t>(d));
          for (std::size_t j = 0; j < p.size(); ++j) {
            const std::int64_t key = first + static_cast<int>(j);
            for (std::int64_t e = 0; e < d; ++e) {
              dp[j] += f[j] * dout.at(i, h * d + e) * v.at(key, h * d + e);
              dv_sum[j * static_cast<std::size_t>(d) + static_cast<std::size_t>(e)] +=
                  p[j] * f[j] * dout.at(i, h * d + e);
            }
            const double ds = scale * p[j] * (dp[j] - d_row);
            for (std::int64_t e = 0; e < d; ++e) {
              dq_row[static_cast<std::size_t>(e)] += ds * k.at(key, h * d + e);
              dk_sum[j * static_cast<std::size_t>(d) + static_cast<std::size_t>(e)] +=
                  ds * q.at(i, h * d + e);
            }
          }
          for (std::int64_t e = 0; e < d; ++e)
            compare(dq_row[static_cast<std::size_t>(e)], dq.at(i, h * d + e));
        }
        if (!derivative) continue;
        for (std::int64_t j = 0; j < keys; ++j)
          for (std::int64_t e = 0; e < d; ++e) {
            compare(dk_sum[static_cast<std::size_t>(j * d + e)], dk.at(first + j, h * d + e));
            compare(dv_sum[static_cast<std::size_t>(j * d + e)], dv.at(first + j, h * d + e));
          }
      }
    for (std::size_t s = 0; derivative && s < c.sequences.size(); ++s)
      for (std::int64_t e = 0; e < width; ++e) {  // key rows of nobody stay as they were
        const std::int64_t row = key_begin[s] + c.sequences[s].keys;
        wrong += !std::isnan(dk.at(row, e)) + !std::isnan(dv.at(row, e));
      }
    return wrong;
  }
  Case c;
  RandomStream random;
  std::int64_t width;
  Rows<T> q, k, v, out, dout, dq, dk, dv, lse;
  std::vector<std::int32_t> offsets, key_begin, key_length;
};

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
    const Case c{{{11, 90}, {150, 70}, {5, 5}}, 2, 24};
    Attention<TestType> all(c);
    all.forward();
    all.backward();
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
          wrong += some.lse.data[static_cast<std::size_t>(h * n + i)] != all.lse.at(h, 161 - n + i);
      INFO("queries " << n);
      CHECK(wrong == 0);
    }
  });
}

TEMPLATE_TEST_CASE("attention: any number of threads gives the same bits", "[kernels][attention]",
                   float, double) {
  for_every_isa<TestType>([] {
    const Case c{{{53, 53}, {150, 80}, {4, 60}, {1, 1}, {70, 70}}, 3, 32, 0.1};
    std::vector<std::vector<TestType>> first;
    for (const int n : {1, 2, 3, 8}) {
      set_thread_count(n);
      Attention<TestType> x(c);
      x.forward();
      x.backward();
      INFO("threads " << n);
      std::vector<std::vector<TestType>> found = {x.out.data, x.lse.data, x.dq.data, x.dk.data,
                                                  x.dv.data};
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
