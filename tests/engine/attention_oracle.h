// Attention's formulas in double loops, over memory that shows a read or write outside of its rows.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <vector>

#include "tensor/ragged.h"
#include "tests/engine/kernel_workspace.h"

namespace retort::testing {

struct AttentionSequence {
  std::int64_t queries, keys;
};

enum class MapKind { none, probabilities, scores };

struct AttentionCase {
  std::vector<AttentionSequence> sequences;
  std::int64_t heads, head_dim;
  double dropout = 0;
  std::int64_t heads_per_key = 1;
  std::int64_t keys_before = kAllKeys, keys_after = kAllKeys;
  double soft_cap = 0;
  bool bias = false;
  MapKind map = MapKind::none;
  bool out_has_gradient = true;
  /// Each range begins two rows behind the one before, so that ranges overlap.
  bool shared = false;
};

inline std::ostream& operator<<(std::ostream& out, const AttentionCase& c) {
  out << c.heads << " heads of " << c.head_dim << ", " << c.heads_per_key
      << " per key head, dropout " << c.dropout << ", window " << c.keys_before << " "
      << c.keys_after << ", cap " << c.soft_cap << (c.bias ? ", bias" : "")
      << (c.map == MapKind::scores ? ", scores" : "")
      << (c.map == MapKind::probabilities ? ", probabilities" : "")
      << (c.out_has_gradient ? "" : ", no dout") << (c.shared ? ", shared keys" : "")
      << ", sequences";
  for (const AttentionSequence& s : c.sequences) out << ' ' << s.queries << 'x' << s.keys;
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
  void zero() {
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < columns; ++j) at(i, j) = T(0);
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

inline std::int64_t total_queries(const AttentionCase& c) {
  std::int64_t n = 0;
  for (const AttentionSequence& s : c.sequences) n += s.queries;
  return n;
}
/// Key ranges have a row that belongs to nobody before each of them (shared ones: none).
inline std::int64_t total_keys(const AttentionCase& c) {
  std::int64_t n = 1;
  for (const AttentionSequence& s : c.sequences) n += s.keys + 1;
  return n;
}
inline std::int64_t map_elements(const AttentionCase& c) {
  std::int64_t n = 0;
  for (const AttentionSequence& s : c.sequences) n += c.heads * s.queries * s.keys;
  return n;
}

template <class T>
struct Attention {
  explicit Attention(const AttentionCase& which, std::uint64_t seed = 3)
      : c(which),
        random(seed),
        width(c.heads * c.head_dim),
        key_width(width / c.heads_per_key),
        q(total_queries(c), width, 3),
        k(total_keys(c), key_width, 1),
        v(total_keys(c), key_width, 5),
        out(total_queries(c), width, 2),
        dout(total_queries(c), width, 4),
        dq(total_queries(c), width, 3),
        dk(total_keys(c), key_width, 1),
        dv(total_keys(c), key_width, 5),
        lse(c.heads, total_queries(c), 0),
        map(1, map_elements(c), 0),
        dmap(1, map_elements(c), 0) {
    for (Rows<T>* x : {&q, &k, &v, &dout, &dmap}) x->randomize(random);
    std::vector<std::int32_t> queries;
    // Ranges lie in memory in the opposite order of their sequences.
    auto begin = static_cast<std::int32_t>(total_keys(c));
    for (const AttentionSequence& s : c.sequences) {
      begin -= static_cast<std::int32_t>(s.keys) + 1;
      queries.push_back(static_cast<std::int32_t>(s.queries));
      key_begin.push_back(c.shared ? 2 * static_cast<std::int32_t>(key_begin.size()) : begin);
      key_length.push_back(static_cast<std::int32_t>(s.keys));
    }
    ragged = Ragged::over_ranges(queries, key_begin, key_length, total_keys(c));
    offsets = ragged.offsets.to_vector<std::int32_t>();
    map_offsets = ragged.block_offsets(c.heads).to_vector<std::int64_t>();
    bias = Rows<T>(c.heads, ragged.max_keys + ragged.max_queries, 3);
    dbias = bias;
    bias.randomize(random);
    if (c.shared) {
      dk.zero();
      dv.zero();
    } else {
      for (std::size_t s = 0; s < key_begin.size(); ++s)
        for (std::int64_t j = 0; j < key_width; ++j) {
          const std::int64_t row = key_begin[s] + key_length[s];
          k.at(row, j) = v.at(row, j) = std::numeric_limits<T>::quiet_NaN();
        }
    }
  }
  AttentionArgs args() {
    AttentionArgs g{};
    g.q = q.data.data();
    g.k = k.data.data();
    g.v = v.data.data();
    g.out = out.data.data();
    g.lse = lse.data.data();
    if (c.bias) g.bias = bias.data.data();
    if (c.map != MapKind::none) g.map = map.data.data();
    g.map_offsets = map_offsets.data();
    g.map_of_scores = c.map == MapKind::scores;
    g.query_offsets = offsets.data();
    g.key_begin = key_begin.data();
    g.key_length = key_length.data();
    g.sequences = static_cast<std::int64_t>(c.sequences.size());
    g.query_rows = q.rows;
    g.max_queries = ragged.max_queries;
    g.max_keys = ragged.max_keys;
    g.heads = c.heads;
    g.key_heads = c.heads / c.heads_per_key;
    g.head_dim = c.head_dim;
    g.q_row = q.row;
    g.k_row = k.row;
    g.v_row = v.row;
    g.out_row = out.row;
    g.bias_row = bias.row;
    g.bias_zero = ragged.max_keys - 1;
    g.keys_before = c.keys_before;
    g.keys_after = c.keys_after;
    g.scale = 1 / std::sqrt(static_cast<double>(c.head_dim));
    g.soft_cap = c.soft_cap;
    g.dropout.drop_below = static_cast<std::uint32_t>(c.dropout * 65536.0);
    g.dropout.scale = 1 / (1 - c.dropout);
    g.dropout.site = {0x123456789ABCDEFull, 17, 5};
    g.dropout.row_offset = 1000;
    return g;
  }
  AttentionBackwardArgs backward_args() {
    AttentionBackwardArgs g{};
    g.forward = args();
    if (c.out_has_gradient) g.dout = dout.data.data();
    if (c.map != MapKind::none) g.dmap = dmap.data.data();
    g.dout_row = dout.row;
    g.group_offsets = ragged.group_offsets.data<std::int32_t>();
    g.group_sequences = ragged.group_sequences.data<std::int32_t>();
    g.groups = ragged.groups;
    g.dq = dq.data.data();
    g.dk = dk.data.data();
    g.dv = dv.data.data();
    if (c.bias) g.dbias = dbias.data.data();
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
    const std::uint32_t bits = random_half(rule.site, at, static_cast<std::uint32_t>(key));
    return bits >= rule.drop_below ? rule.scale : 0;
  }
  /// Compares everything with the formulas; counts elements that are off by more than the
  /// tolerance.
  int mismatches(double tolerance, bool derivative) {
    int wrong = out.touched() + dq.touched() + dk.touched() + dv.touched() + map.touched();
    const auto compare = [&](double expected, T found) {
      const double difference = std::fabs(expected - static_cast<double>(found));
      wrong += !(static_cast<double>(found) == expected ||
                 difference <= tolerance * (1 + std::fabs(expected)));
    };
    const double scale = args().scale, infinity = std::numeric_limits<double>::infinity();
    const std::int64_t d = c.head_dim;
    Rows<double> dk_sum(k.rows, key_width, 0), dv_sum = dk_sum, dbias_sum(c.heads, bias.row, 0);
    for (Rows<double>* x : {&dk_sum, &dv_sum, &dbias_sum}) x->zero();
    std::vector<bool> covered(static_cast<std::size_t>(k.rows));
    for (std::size_t s = 0; s < c.sequences.size(); ++s)
      for (std::int64_t h = 0; h < c.heads; ++h) {
        const std::int64_t queries = c.sequences[s].queries, keys = c.sequences[s].keys;
        const std::int64_t column = h * d, key_column = h / c.heads_per_key * d;
        for (std::int64_t i = 0; i < queries; ++i) {
          const std::int64_t row = offsets[s] + i, position = i + keys - queries;
          const std::int64_t block = map_offsets[s] + (h * queries + i) * keys;
          const auto n = static_cast<std::size_t>(keys);
          std::vector<double> score(n, -infinity), slope(n), p(n);
          double highest = -infinity, total = 0;
          for (std::int64_t j = 0; j < keys; ++j) {
            covered[static_cast<std::size_t>(key_begin[s] + j)] = true;
            if (j < position - c.keys_before || j > position + c.keys_after) continue;
            const auto at = static_cast<std::size_t>(j);
            double x = 0;
            for (std::int64_t e = 0; e < d; ++e)
              x += static_cast<double>(q.at(row, column + e)) *
                   k.at(key_begin[s] + j, key_column + e);
            x *= scale;
            slope[at] = scale;
            if (c.soft_cap > 0) {
              slope[at] *= 1 - std::pow(std::tanh(x / c.soft_cap), 2);
              x = c.soft_cap * std::tanh(x / c.soft_cap);
            }
            if (c.bias) x += bias.at(h, ragged.max_keys - 1 + j - position);
            score[at] = x;
            highest = std::max(highest, x);
          }
          for (std::size_t j = 0; j < n; ++j)
            total += p[j] = score[j] == -infinity ? 0 : std::exp(score[j] - highest);
          for (double& x : p) x = total > 0 ? x / total : 0;
          compare(total > 0 ? highest + std::log(total) : -infinity, lse.at(h, row));
          double d_row = 0;
          for (std::int64_t e = 0; e < d; ++e) {
            double y = 0;
            for (std::int64_t j = 0; j < keys; ++j)
              if (const double x = p[static_cast<std::size_t>(j)]; x != 0)
                y += x * factor(row, h, j) * v.at(key_begin[s] + j, key_column + e);
            compare(y, out.at(row, column + e));
            if (c.out_has_gradient) d_row += y * dout.at(row, column + e);
          }
          if (c.map != MapKind::none)
            for (std::size_t j = 0; j < n; ++j)
              compare(c.map == MapKind::scores ? score[j] : p[j],
                      map.at(0, block + static_cast<int>(j)));
          if (!derivative) continue;
          if (c.map == MapKind::probabilities)
            for (std::size_t j = 0; j < n; ++j)
              d_row += p[j] * dmap.at(0, block + static_cast<int>(j));
          std::vector<double> dq_row(static_cast<std::size_t>(d));
          for (std::int64_t j = 0; j < keys; ++j) {
            const auto at = static_cast<std::size_t>(j);
            if (score[at] == -infinity) continue;
            const std::int64_t key = key_begin[s] + j;
            const double f = factor(row, h, j);
            double dp = 0;
            for (std::int64_t e = 0; c.out_has_gradient && e < d; ++e) {
              dp += f * dout.at(row, column + e) * v.at(key, key_column + e);
              dv_sum.at(key, key_column + e) += p[at] * f * dout.at(row, column + e);
            }
            if (c.map == MapKind::probabilities) dp += dmap.at(0, block + j);
            double ds = p[at] * (dp - d_row);
            if (c.map == MapKind::scores) ds += dmap.at(0, block + j);
            dbias_sum.at(h, ragged.max_keys - 1 + j - position) += ds;
            ds *= slope[at];
            for (std::int64_t e = 0; e < d; ++e) {
              dq_row[static_cast<std::size_t>(e)] += ds * k.at(key, key_column + e);
              dk_sum.at(key, key_column + e) += ds * q.at(row, column + e);
            }
          }
          for (std::int64_t e = 0; e < d; ++e)
            compare(dq_row[static_cast<std::size_t>(e)], dq.at(row, column + e));
        }
      }
    if (!derivative) return wrong;
    for (std::int64_t row = 0; row < k.rows; ++row)
      for (std::int64_t e = 0; e < key_width; ++e) {
        if (covered[static_cast<std::size_t>(row)] || c.shared) {
          compare(dk_sum.at(row, e), dk.at(row, e));
          compare(dv_sum.at(row, e), dv.at(row, e));
        } else if (std::isnan(k.at(row, e))) {  // key rows of nobody stay as they were
          wrong += !std::isnan(dk.at(row, e)) + !std::isnan(dv.at(row, e));
        }
      }
    if (c.bias)
      for (std::int64_t h = 0; h < c.heads; ++h)
        for (std::int64_t r = 0; r < bias.columns; ++r) compare(dbias_sum.at(h, r), dbias.at(h, r));
    return wrong;
  }
  AttentionCase c;
  RandomStream random;
  std::int64_t width, key_width;
  Rows<T> q, k, v, out, dout, dq, dk, dv, lse, map, dmap, bias{0, 0, 0}, dbias{0, 0, 0};
  Ragged ragged;
  std::vector<std::int32_t> offsets, key_begin, key_length;
  std::vector<std::int64_t> map_offsets;
};

}  // namespace retort::testing
