// Files that torch.save wrote (pytorch_model.bin and hand-made checkpoints): a zip archive with a
// pickle and one entry per storage (PyTorch 1.6 and later), or the older format, pickles with the
// storages behind them. Older models have nothing else.
//
// Of a checkpoint every tensor is found that stands in its dictionaries, under the keys that lead
// to it, joined by dots: {"model": {"a.weight": …}} has the tensor "model.a.weight". Numbers,
// texts, lists and the like are passed over.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "nn/weights/weight_file.h"

namespace retort {

/// Parses a whole file that lies in memory; the spans point into `file`. `name` starts every
/// message. Nothing from the file is executed (see pickle.h). Tensors may share storages, have
/// offsets and strides. Errors: those of Pickle and read_zip; another format; a file written by a
/// big-endian machine; a tensor that doesn't lie in its storage, a storage that isn't there or of
/// another size than it should be; dictionaries that hold each other; a name twice.
WeightContent parse_torch_file(std::span<const std::byte> file, const std::string& name);

}  // namespace retort
