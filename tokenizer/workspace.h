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
#include "tokenizer/word_cache.h"

namespace retort {

// A token with its place in the text, in bytes, and the number of its word.
struct Detail {
  std::int32_t id;
  std::uint32_t begin, end;
  std::int32_t word;
};

struct Workspace {
  WordCache raw;         // words of raw texts (raw_words.h)
  WordCache normalized;  // and of what normaliser and pre-tokenizer have left
  PreTokens tokens;
  std::vector<Token> made;
  std::vector<Encoding> parts;  // the sequences of a text or pair
  std::vector<Detail> details;
  std::vector<std::int32_t> ids;
  std::vector<char> padded;  // a text with bytes behind it that may be read

  /// Gives back what only a very long text needed.
  void trim() {
    constexpr std::size_t kKept = 1 << 20;
    if (tokens.text.bytes().capacity() > kKept) tokens = PreTokens();
    if (details.capacity() > kKept) std::vector<Detail>().swap(details);
    if (ids.capacity() > kKept) std::vector<std::int32_t>().swap(ids);
    if (padded.capacity() > kKept) std::vector<char>().swap(padded);
  }
};

class WorkspacePool {
 public:
  /// A workspace until it is given back.
  class Lease {
   public:
    explicit Lease(WorkspacePool& pool) : pool_(pool), workspace_(pool.take()) {}
    ~Lease() { pool_.give(std::move(workspace_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Workspace& operator*() const { return *workspace_; }

   private:
    WorkspacePool& pool_;
    std::unique_ptr<Workspace> workspace_;
  };

 private:
  std::unique_ptr<Workspace> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Workspace>();
    std::unique_ptr<Workspace> workspace = std::move(idle_.back());
    idle_.pop_back();
    return workspace;
  }
  void give(std::unique_ptr<Workspace> workspace) {
    workspace->trim();
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(workspace));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace retort
