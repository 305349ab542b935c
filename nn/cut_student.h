// A student made of some of its teacher's layers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/model.h"

namespace retort {

struct CutOptions {
  std::vector<int> layers;            ///< the teacher's layers to keep, counted from 1, ascending
  std::vector<int> decoder_layers = {};  ///< an encoder-decoder's decoder's; empty: the same
  std::string type = "distilbert";    ///< "distilbert", or "same" to keep the teacher's architecture
  bool fresh_head = false;            ///< else the head is copied
  std::uint64_t seed = 42;            ///< for a fresh head
};

struct CutStudent {
  std::unique_ptr<Model> model;
  std::vector<std::string> notes;  ///< what a user should know: what was folded, copied, made anew
};

/// Copies embeddings, the chosen layers and the head (or makes a fresh one). BERT to DistilBERT:
/// token-type row 0 is added to every position row (DistilBERT has no token types), and
/// pre_classifier starts from the pooler. What only a first layer has (T5's table of distances)
/// becomes that of the student's first layer. Errors: layers that don't exist or don't ascend; a type
/// that can't be cut from this teacher.
CutStudent cut_student(const Model& teacher, const CutOptions& options);

}  // namespace retort
