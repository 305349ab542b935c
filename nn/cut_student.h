// A student made of some of its teacher's layers, heads, units and words.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nn/model.h"

namespace retort {

/// Where the weights of a student that is smaller than its teacher come from.
enum class CutInit {
  slice,  ///< units of the largest norms are kept, the same ones in all matrices that share them
  fresh,  ///< what has another size is made anew
};

struct CutOptions {
  std::vector<int> layers = {};  ///< the teacher's layers to keep, counted from 1, ascending
  std::vector<int> decoder_layers = {};  ///< an encoder-decoder's decoder's; empty: the same
  std::string type = "distilbert";  ///< "distilbert", or "same" to keep the teacher's architecture
  bool fresh_head = false;          ///< else the head is copied
  std::uint64_t seed = 42;          ///< for what is made anew
  // Sizes; unset: the teacher's.
  std::optional<std::int64_t> hidden = {}, heads = {}, feed_forward = {};
  CutInit init = CutInit::slice;
  /// Rows of the table of words to keep, ascending; empty: all.
  std::vector<std::int32_t> vocabulary = {};
};

struct CutStudent {
  std::unique_ptr<Model> model;
  std::vector<std::string> notes;  ///< what a user should know: what was folded, copied, made anew
  bool fresh_body = false;         ///< parts of the body were made anew
  bool fresh_head = false;         ///< parts of the head were
};

/// Copies embeddings, the chosen layers and the head (or makes a fresh one), all of them or the
/// units that are kept. Heads are kept as wholes, and heads that share keys and values together; an
/// architecture whose heads fill the hidden size has fewer of them exactly when that is smaller.
/// BERT to DistilBERT: token-type row 0 is added to every position row (DistilBERT has no token
/// types), and pre_classifier starts from the pooler. What only a first layer has (T5's table of
/// distances) becomes that of the student's first layer. Errors: layers that don't exist or don't
/// ascend; a type that can't be cut from this teacher; sizes that make no such model, or that the
/// teacher's weights don't suffice for.
CutStudent cut_student(const Model& teacher, const CutOptions& options);

}  // namespace retort
