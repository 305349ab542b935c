// From many texts to their tokens, over threads.
#include <algorithm>
#include <limits>
#include <optional>

#include "tensor/base/error.h"
#include "tensor/base/parallel.h"
#include "tokenizer/detail_writer.h"
#include "tokenizer/tokenizer.h"

namespace retort {
namespace {

// Texts of whose tokens the lists of a batch can say everything: not pairs, nor those that are cut
// to a length, nor where the tokens' texts or the blanks around them are asked for. Those take the
// way of a text alone.
struct ShortWay {
  std::optional<Frame> frame;
  std::size_t longest = std::numeric_limits<std::size_t>::max();  // tokens, special ones too
};

}  // namespace

void Tokenizer::encode_batch(std::span<const std::string_view> texts,
                             std::span<const std::string_view> pairs, const EncodeOptions& options,
                             EncodedBatch& batch) const {
  check(pairs.empty() || pairs.size() == texts.size(), "there are ", texts.size(), " texts but ",
        pairs.size(), " to pair them with");
  ShortWay way;
  if (pairs.empty() && !options.texts && !(options.details && trims_))
    way.frame = processor_ == nullptr ? Frame() : processor_->frame(options.add_special_tokens);
  if (options.truncation) way.longest = options.truncation->max_length;
  const auto workers = static_cast<std::size_t>(thread_count());
  batch.start(texts.size(), workers, options.details, way.frame.value_or(Frame()));
  const bool raw = raw_rule() != RawWords::Rule::kNone;
  SharedWords* const shared = workers > 1 && texts.size() > 1 ? &workspaces_->shared(raw) : nullptr;
  std::vector<std::optional<WorkspacePool::Lease>> leases(workers);
  // Texts that a worker takes at a time: few enough for the last ones to end together.
  const auto count = static_cast<std::int64_t>(texts.size());
  const std::int64_t grain = std::clamp<std::int64_t>(count / (32 * thread_count()), 1, 16);
  const auto encode_some = [&](std::int64_t first, std::int64_t last, int number) {
    const auto worker = static_cast<std::size_t>(number);
    if (!leases[worker]) {
      leases[worker].emplace(*workspaces_, worker);
      ((**leases[worker]).*(raw ? &Workspace::raw : &Workspace::normalized)).share(shared);
    }
    Workspace& workspace = **leases[worker];
    EncodedBatch::Part& part = batch.parts_[worker];
    for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last); ++i) {
      if (way.frame && encode_into(batch, part, i, texts[i], options, way.longest, workspace))
        continue;
      batch.add(part, i,
                encode_in(workspace, texts[i],
                          pairs.empty() ? std::nullopt : std::optional(pairs[i]), options));
    }
  };
  try {
    parallel_ranges(count, grain, encode_some);
  } catch (...) {
    batch.start(0, workers, options.details, Frame());
    throw;
  }
  batch.finish();
}

// False, and nothing is written: the text has more tokens than `longest`.
bool Tokenizer::encode_into(EncodedBatch& batch, EncodedBatch::Part& part, std::size_t i,
                            std::string_view text, const EncodeOptions& options,
                            std::size_t longest, Workspace& workspace) const {
  check_text(text, "text");
  const bool special_too = !options.special_tokens_are_text;
  const std::size_t begin = batch.begin_text(part);
  std::optional<DetailWriter> out;
  if (options.details) {
    out.emplace(text, part.lists, workspace.numbers, nullptr, nullptr);
    write_details(text, special_too, workspace, *out);
  } else {
    write_ids(text, special_too, workspace, part.lists);
  }
  if (part.lists.count - begin + batch.frame_.behind.size() > longest) {
    part.lists.count = begin;
    return false;
  }
  batch.end_text(part, begin, i, out ? &*out : nullptr);
  return true;
}

}  // namespace retort
