// Sorting along lines, and the first few of a sorted line. A number becomes an integer with the
// same order, and ties are broken by place: so every order is total, the sort is stable by itself,
// and one comparison of integers serves all number types.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

struct Item {
  std::uint64_t key;
  std::int64_t place;
};

RETORT_INLINE bool before(const Item& a, const Item& b) {
  return a.key < b.key || (a.key == b.key && a.place < b.place);
}

// Integers in the order of the numbers, NaN last; reversed, so that NaN is first, if descending.
RETORT_INLINE std::uint64_t key_of(double x, bool descending) {
  if (x == 0) x = 0;  // −0
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const std::uint64_t sign = std::uint64_t{1} << 63;
  std::uint64_t key = bits & sign ? ~bits : bits | sign;
  if (x != x) key = ~std::uint64_t{0};
  return descending ? ~key : key;
}

constexpr std::int64_t kRun = 16;  // sorted by insertion

void sort_run(Item* items, std::int64_t n) {
  for (std::int64_t i = 1; i < n; ++i) {
    const Item item = items[i];
    std::int64_t at = i;
    for (; at > 0 && before(item, items[at - 1]); --at) items[at] = items[at - 1];
    items[at] = item;
  }
}

// Merges sorted runs of growing length between two buffers; returns the one that holds the result.
Item* merge_sort(Item* items, Item* other, std::int64_t n) {
  for (std::int64_t begin = 0; begin < n; begin += kRun)
    sort_run(items + begin, smaller(kRun, n - begin));
  for (std::int64_t run = kRun; run < n; run *= 2) {
    for (std::int64_t begin = 0; begin < n; begin += 2 * run) {
      const std::int64_t middle = smaller(n, begin + run), end = smaller(n, begin + 2 * run);
      std::int64_t left = begin, right = middle;
      for (std::int64_t to = begin; to < end; ++to) {
        const bool take_left =
            right == end || (left < middle && !before(items[right], items[left]));
        other[to] = items[take_left ? left++ : right++];
      }
    }
    Item* const merged = other;
    other = items;
    items = merged;
  }
  return items;
}

// Lets items[at] sink in a heap of n whose parents come after their children in order.
void sink(Item* items, std::int64_t at, std::int64_t n) {
  const Item item = items[at];
  for (std::int64_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
    if (child + 1 < n && before(items[child], items[child + 1])) ++child;
    if (!before(item, items[child])) break;
    items[at] = items[child];
    at = child;
  }
  items[at] = item;
}

template <class S>
void sort(const Launch& launch, const SortArgs& args) {
  const S* x = static_cast<const S*>(args.x);
  S* y = static_cast<S*>(args.y);
  const std::int64_t size = args.lines.size, inner = args.lines.inner, count = args.count;
  const bool few = count < size / 8;  // a heap of the best so far instead of sorting all
  const std::int64_t lines = args.lines.outer * inner;
  parallel_ranges(
      lines, larger(1, kGrain / larger(1, 16 * size)),
      [&](std::int64_t first, std::int64_t last, int worker) {
        Item* const items = static_cast<Item*>(launch.workspace) + worker * 2 * size;
        for (std::int64_t line = first; line < last; ++line) {
          const std::int64_t outer = line / inner;
          const S* from = x + outer * size * inner + line % inner;
          const auto item = [&](std::int64_t j) {
            return Item{key_of(static_cast<double>(read(from + j * inner)), args.descending), j};
          };
          const std::int64_t held = few ? count : size;
          for (std::int64_t j = 0; j < held; ++j) items[j] = item(j);
          if (few && count > 0) {
            for (std::int64_t at = count / 2; at-- > 0;) sink(items, at, count);
            for (std::int64_t j = count; j < size; ++j) {
              const Item next = item(j);
              if (!before(next, items[0])) continue;
              items[0] = next;
              sink(items, 0, count);
            }
          }
          const Item* const sorted = merge_sort(items, items + size, held);
          for (std::int64_t j = 0; j < count; ++j) {
            const std::int64_t to = (outer * count + j) * inner + line % inner;
            y[to] = from[sorted[j].place * inner];
            args.index[to] = sorted[j].place;
          }
        }
      });
}

template <class S>
std::int64_t sort_workspace(const SortArgs& args, int threads) {
  return threads * 2 * args.lines.size * static_cast<std::int64_t>(sizeof(Item));
}

}  // namespace

RETORT_EXPORT(sort, SortArgs)
RETORT_EXPORT_WORKSPACE(sort, SortArgs)

}  // namespace retort::isa::RETORT_ISA
