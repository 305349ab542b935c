#include "nn/cache.h"

#include <algorithm>

#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::int64_t kLeastRoom = 64;  // rows

void copy(const Tensor& from, std::int64_t from_row, Tensor& to, std::int64_t to_row,
          std::int64_t rows) {
  if (rows > 0)
    to.slice(0, to_row, to_row + rows).copy_from(from.slice(0, from_row, from_row + rows));
}

}  // namespace

const KeyValueCache::Place& KeyValueCache::place(std::int64_t sequence) const {
  check(sequence >= 0 && sequence < sequences(), "cache: there is no sequence ", sequence, " of ",
        sequences());
  return places_[static_cast<std::size_t>(sequence)];
}

Ragged KeyValueCache::extend(std::span<const std::int32_t> lengths) {
  if (places_.empty()) places_.resize(lengths.size());
  check(lengths.size() == places_.size(), "cache: tokens of ", lengths.size(),
        " sequences were given, it holds ", places_.size());
  bool fits = true;
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    Place& place = places_[s];
    check(lengths[s] >= 0 && place.length + lengths[s] <= positions_, "cache: a sequence has ",
          place.length, " tokens and gets ", lengths[s], ", the model has ", positions_,
          " positions");
    place.added = lengths[s];
    fits &= place.length + place.added <= place.room;
  }
  if (!fits) move_all();
  std::vector<std::int32_t> begins, key_lengths;
  for (Place& place : places_) {
    place.length += place.added;
    begins.push_back(static_cast<std::int32_t>(place.begin));
    key_lengths.push_back(static_cast<std::int32_t>(place.length));
  }
  return Ragged::over_ranges(lengths, begins, key_lengths, rows_);
}

const KeyValueRows& KeyValueCache::append(int layer, const Tensor& keys, const Tensor& values) {
  const auto index = static_cast<std::size_t>(layer - 1);
  if (index >= layers_.size()) layers_.resize(index + 1);
  KeyValueRows& rows = layers_[index];
  if (!rows.keys.defined())
    rows = {Tensor::empty({rows_, keys.size(1)}, keys.dtype()),
            Tensor::empty({rows_, values.size(1)}, values.dtype())};
  std::int64_t tokens = 0;
  for (const Place& place : places_) tokens += place.added;
  check(keys.size(0) == tokens && values.size(0) == tokens, "cache: keys ", keys.shape(),
        " and values ", values.shape(), " were given for ", tokens, " tokens");
  std::int64_t from = 0;
  for (const Place& place : places_) {
    const std::int64_t to = place.begin + place.length - place.added;
    copy(keys, from, rows.keys, to, place.added);
    copy(values, from, rows.values, to, place.added);
    from += place.added;
  }
  return rows;
}

// Gives every sequence a new place with twice the room that it needs.
void KeyValueCache::move_all() {
  std::vector<Place> moved = places_;
  rows_ = 0;
  for (Place& place : moved) {
    place.begin = rows_;
    place.room = std::min(positions_, std::max(kLeastRoom, 2 * (place.length + place.added)));
    rows_ += place.room;
  }
  for (KeyValueRows& rows : layers_)
    for (Tensor* tensor : {&rows.keys, &rows.values}) {
      Tensor larger = Tensor::empty({rows_, tensor->size(1)}, tensor->dtype());
      for (std::size_t s = 0; s < moved.size(); ++s)
        copy(*tensor, places_[s].begin, larger, moved[s].begin, moved[s].length);
      *tensor = larger;
    }
  places_ = std::move(moved);
}

void KeyValueCache::copy_rows(const Place& from, const Place& to) {
  for (KeyValueRows& rows : layers_) {
    copy(rows.keys, from.begin, rows.keys, to.begin, from.length);
    copy(rows.values, from.begin, rows.values, to.begin, from.length);
  }
}

void KeyValueCache::select(std::span<const std::int64_t> sources) {
  std::vector<Place> chosen, free;
  for (const std::int64_t source : sources) chosen.push_back(place(source));
  for (std::int64_t s = 0; s < sequences(); ++s)
    if (std::find(sources.begin(), sources.end(), s) == sources.end()) free.push_back(place(s));
  // The first that takes a sequence over stays where it is; the others move to places that became
  // free, or everybody moves.
  struct Copy {
    Place from;
    std::size_t to;
  };
  std::vector<Copy> copies;
  bool fits = true;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (std::find(sources.begin(), sources.begin() + static_cast<std::ptrdiff_t>(i), sources[i]) ==
        sources.begin() + static_cast<std::ptrdiff_t>(i))
      continue;
    const auto large_enough = std::find_if(
        free.begin(), free.end(), [&](const Place& x) { return x.room >= chosen[i].length; });
    fits &= large_enough != free.end();
    if (!fits) break;
    copies.push_back({chosen[i], i});
    chosen[i].begin = large_enough->begin;
    chosen[i].room = large_enough->room;
    free.erase(large_enough);
  }
  if (!fits)
    for (const Copy& copy : copies) chosen[copy.to] = copy.from;
  places_ = std::move(chosen);
  if (prompts_.sequences() > 0) prompts_.select(sources);
  if (!fits) return move_all();
  for (const Copy& copy : copies) copy_rows(copy.from, places_[copy.to]);
}

}  // namespace retort
