// A BERT as a DistilBERT: the same layers under other names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/model.h"

namespace retort {

/// DistilBERT has neither token types nor a pooler: row 0 of BERT's types is added to every
/// position row, and a sequence classifier's pre_classifier starts from the pooler. Whoever reads
/// the notes learns of that. The weights are copies.
std::unique_ptr<Model> bert_to_distilbert(const Model& bert, std::vector<std::string>& notes);

}  // namespace retort
