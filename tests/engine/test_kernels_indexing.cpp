// gather, scatter_add and sort against plain loops.
#include <algorithm>
#include <numeric>

#include "tests/engine/kernel_testing.h"
#include "tests/engine/kernel_workspace.h"

using namespace retort;
using namespace retort::testing;

namespace {

struct Shape {
  Lines lines;
  std::int64_t count;
};

const Shape kShapes[] = {
    {{1, 1, 1}, 1},      {{1, 5, 1}, 9},  {{3, 7, 15}, 4},     {{2, 6, 16}, 3}, {{2, 6, 17}, 11},
    {{1, 300, 1}, 5000}, {{4, 9, 65}, 0}, {{40, 20, 130}, 30}, {{0, 4, 3}, 2},  {{1, 2, 20000}, 3}};

std::int64_t elements(const Lines& lines) { return lines.outer * lines.size * lines.inner; }

Guarded<std::int64_t> some_places(std::int64_t n, std::int64_t size) {
  RandomStream random(9);
  Guarded<std::int64_t> places(n);
  for (std::int64_t i = 0; i < n; ++i)
    places[i] = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size)));
  return places;
}

// Calls f(element on the list's side, element on the other side) in order.
template <class F>
void for_each_pair(const Shape& shape, const Guarded<std::int64_t>& index, bool shared, F&& f) {
  const Lines& lines = shape.lines;
  for (std::int64_t o = 0; o < lines.outer; ++o)
    for (std::int64_t j = 0; j < shape.count; ++j)
      for (std::int64_t i = 0; i < lines.inner; ++i) {
        const std::int64_t at = (o * shape.count + j) * lines.inner + i;
        f(at, (o * lines.size + index[shared ? j : at]) * lines.inner + i);
      }
}

}  // namespace

TEST_CASE("gather takes what the list names", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const Shape& shape : kShapes)
      for (const bool shared : {false, true}) {
        const std::int64_t count = shape.lines.outer * shape.count * shape.lines.inner;
        const auto index = some_places(shared ? shape.count : count, shape.lines.size);
        const Guarded<T> x(hostile_values(elements(shape.lines), 3));
        const auto y = same_for_all_threads([&] {
          Guarded<T> result(count);
          launch<T>(kernels().gather, GatherArgs{x.data(), index.data(), result.data(), shape.lines,
                                                 shape.count, shared});
          return result;
        });
        std::vector<double> expected(static_cast<std::size_t>(count));
        for_each_pair(shape, index, shared, [&](std::int64_t at, std::int64_t from) {
          expected[static_cast<std::size_t>(at)] = static_cast<double>(x[from]);
        });
        INFO(shape.lines.outer << " x " << shape.lines.size << " x " << shape.lines.inner
                               << ", shared " << shared);
        CHECK(first_far(y, expected, 0, 0) == -1);
      }
  });
}

TEST_CASE("scatter_add adds in the order of the list", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const Shape& shape : kShapes)
      for (const bool shared : {false, true}) {
        const std::int64_t count = shape.lines.outer * shape.count * shape.lines.inner;
        const auto index = some_places(shared ? shape.count : count, shape.lines.size);
        const Guarded<T> x(random_values(count, 4));
        const auto before = random_values(elements(shape.lines), 5);
        const auto y = same_for_all_threads([&] {
          Guarded<T> result(before);
          launch<T>(kernels().scatter_add, ScatterAddArgs{x.data(), index.data(), result.data(),
                                                          shape.lines, shape.count, shared});
          return result;
        });
        Guarded<T> expected(before);
        for_each_pair(shape, index, shared,
                      [&](std::int64_t at, std::int64_t to) { expected[to] += x[at]; });
        INFO(shape.lines.outer << " x " << shape.lines.size << " x " << shape.lines.inner
                               << ", shared " << shared);
        CHECK(y.same_bits(expected));  // the same order of additions
      }
  });
}

TEST_CASE("sort is stable and puts NaN last, or first when descending", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const Lines& lines :
         {Lines{1, 1, 1}, Lines{1, 2, 1}, Lines{3, 16, 1}, Lines{2, 17, 3}, Lines{1, 33, 2},
          Lines{2, 100, 5}, Lines{1, 5000, 1}, Lines{50, 64, 9}})
      for (const bool descending : {false, true})
        for (const std::int64_t wanted : {lines.size, lines.size / 10, std::int64_t{1}}) {
          const std::int64_t count = lines.outer * wanted * lines.inner;
          auto values = hostile_values(elements(lines), 6);  // zeros of both signs, NaN, infinities
          for (std::size_t i = 0; i < values.size(); i += 2) values[i] = std::round(values[i]);
          const Guarded<T> x(values);
          Guarded<std::int64_t> places(count);
          const auto y = same_for_all_threads([&] {
            Guarded<T> result(count);
            run_in_workspace(
                kernels().sort[kHalf<T>], kernels().sort_workspace[kHalf<T>],
                SortArgs{x.data(), result.data(), places.data(), lines, wanted, descending});
            CHECK(places.intact());
            return result;
          });
          std::int64_t wrong = 0;
          for (std::int64_t line = 0; line < lines.outer * lines.inner; ++line) {
            const std::int64_t outer = line / lines.inner, inner = line % lines.inner;
            const auto at = [&](std::int64_t j) {
              return static_cast<double>(x[(outer * lines.size + j) * lines.inner + inner]);
            };
            std::vector<std::int64_t> order(static_cast<std::size_t>(lines.size));
            std::iota(order.begin(), order.end(), 0);
            std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
              const double left = at(descending ? b : a), right = at(descending ? a : b);
              return std::isnan(right) ? !std::isnan(left) : left < right;
            });
            for (std::int64_t j = 0; j < wanted; ++j) {
              const std::int64_t to = (outer * wanted + j) * lines.inner + inner;
              const std::int64_t place = order[static_cast<std::size_t>(j)];
              wrong += places[to] != place;
              wrong += std::memcmp(y.data() + to,
                                   x.data() + (outer * lines.size + place) * lines.inner + inner,
                                   sizeof(T)) != 0;
            }
          }
          INFO(lines.outer << " x " << lines.size << " x " << lines.inner << ", the first "
                           << wanted << ", descending " << descending);
          CHECK(wrong == 0);
        }
  });
}
