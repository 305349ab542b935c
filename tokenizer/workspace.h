// What one thread needs while it encodes a text, kept from text to text: caches and buffers.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tokenizer/aligned_text.h"
#include "tokenizer/encoding.h"
#include "tokenizer/models/model.h"
#include "tokenizer/token_lists.h"
#include "tokenizer/word_cache.h"

namespace retort {

struct Workspace {
  WordCache raw;         // words of raw texts (raw_words.h)
  WordCache normalized;  // and of what normaliser and pre-tokenizer have left
  PreTokens tokens;
  std::vector<Token> made;
  std::vector<Encoding> parts;  // the sequences of a text or pair
  TokenLists lists;
  std::vector<std::uint32_t> numbers;  // of a text's characters (detail_writer.h)
  std::vector<char> padded;            // a text with bytes behind it that may be read

  /// Gives back what only a very long text needed.
  void trim() {
    constexpr std::size_t kKept = 1 << 20;
    if (tokens.text.bytes().capacity() > kKept) tokens = PreTokens();
    if (lists.ids.capacity() > kKept) lists = TokenLists();
    if (numbers.capacity() > kKept) std::vector<std::uint32_t>().swap(numbers);
    if (padded.capacity() > kKept) std::vector<char>().swap(padded);
  }
};

// Workspaces between texts. Each worker of a loop has a place, and gets what it left there the last
// time: its core's caches may still have it.
class WorkspacePool {
 public:
  /// A workspace until it is given back.
  class Lease {
   public:
    Lease(WorkspacePool& pool, std::size_t place)
        : pool_(pool), place_(place), workspace_(pool.take(place)) {}
    ~Lease() {
      workspace_->raw.share(nullptr);
      workspace_->normalized.share(nullptr);
      pool_.give(std::move(workspace_), place_);
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Workspace& operator*() const { return *workspace_; }

   private:
    WorkspacePool& pool_;
    std::size_t place_;
    std::unique_ptr<Workspace> workspace_;
  };

  /// What the caches of all threads share: of words of raw texts, or of the others. Made when they
  /// are asked for, since one thread has no use for them.
  SharedWords& shared(bool raw) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<SharedWords>& words = raw ? shared_raw_ : shared_normalized_;
    if (!words) words = std::make_unique<SharedWords>();
    return *words;
  }

 private:
  std::unique_ptr<Workspace> take(std::size_t place) {
    const std::lock_guard lock(mutex_);
    if (place < idle_.size() && idle_[place]) return std::move(idle_[place]);
    for (std::unique_ptr<Workspace>& other : idle_)
      if (other) return std::move(other);
    return std::make_unique<Workspace>();
  }
  // Where the place is taken (two loops at once), it goes to any that is free.
  void give(std::unique_ptr<Workspace> workspace, std::size_t place) {
    workspace->trim();
    const std::lock_guard lock(mutex_);
    if (place >= idle_.size()) idle_.resize(place + 1);
    if (idle_[place]) place = free_place();
    idle_[place] = std::move(workspace);
  }
  std::size_t free_place() {
    for (std::size_t place = 0; place < idle_.size(); ++place)
      if (!idle_[place]) return place;
    idle_.emplace_back();
    return idle_.size() - 1;
  }

  std::mutex mutex_;
  std::unique_ptr<SharedWords> shared_raw_, shared_normalized_;
  std::vector<std::unique_ptr<Workspace>> idle_;  // by place; null: in use, or never made
};

}  // namespace retort
