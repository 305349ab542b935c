#include "nn/deferred_rows.h"

#include <algorithm>

#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

// After so many steps all rows settle, so that the list of steps stays short.
constexpr std::size_t kMostSteps = 4096;

}  // namespace

DeferredRows::DeferredRows(Tensor parameter, Tensor m, Tensor v)
    : parameter_(std::move(parameter)),
      m_(std::move(m)),
      v_(std::move(v)),
      done_(static_cast<std::size_t>(parameter_.size(0)), 0) {
  for (const Tensor* tensor : {&parameter_, &m_, &v_}) {
    check(tensor->storage()->deferred == nullptr,
          "adamw: two optimisers put off steps of one parameter of shape ", parameter_.shape());
    tensor->storage()->deferred = this;
  }
}

DeferredRows::~DeferredRows() {
  settle();
  for (const Tensor* tensor : {&parameter_, &m_, &v_}) tensor->storage()->deferred = nullptr;
}

void DeferredRows::step(const RowSparse& gradient, const AdamwStep& step) {
  const std::lock_guard lock(mutex_);
  if (steps_.size() == kMostSteps) settle_locked();
  steps_.push_back(step);
  ops::adamw_rows(parameter_, gradient, m_, v_, done_, steps_);
  for (const Tensor* tensor : {&parameter_, &m_, &v_}) ++tensor->storage()->version;
}

void DeferredRows::settle() {
  const std::lock_guard lock(mutex_);
  settle_locked();
}

void DeferredRows::settle_locked() {
  if (steps_.empty()) return;
  ops::adamw_catch_up(parameter_, m_, v_, {}, done_, steps_);
  steps_.clear();
  std::fill(done_.begin(), done_.end(), 0);
}

void DeferredRows::settle_rows(std::span<const std::int32_t> rows, std::int64_t columns) {
  const std::lock_guard lock(mutex_);
  if (steps_.empty()) return;
  if (columns != parameter_.size(1)) return settle_locked();
  // Each row once: two threads must not catch up with one row.
  std::vector<std::int32_t> behind;
  for (const std::int32_t row : rows)
    if (done_[static_cast<std::size_t>(row)] < static_cast<std::int32_t>(steps_.size()))
      behind.push_back(row);
  std::sort(behind.begin(), behind.end());
  behind.erase(std::unique(behind.begin(), behind.end()), behind.end());
  if (!behind.empty()) ops::adamw_catch_up(parameter_, m_, v_, behind, done_, steps_);
}

}  // namespace retort
