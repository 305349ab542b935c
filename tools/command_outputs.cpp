// retort outputs: what a model computes inside, for one text.
#include <optional>

#include "distill/examples.h"
#include "distill/model_directory.h"
#include "nn/weights/load.h"
#include "nn/weights/safetensors.h"
#include "tensor/base/error.h"
#include "tools/arguments.h"
#include "tools/commands.h"

namespace retort::tools {
namespace {

// Tensors to write, and their values until then.
class TensorFile {
 public:
  void add(const std::string& name, const Tensor& value) {
    kept_.push_back(value.to(DType::f32).contiguous());
    const Tensor& kept = kept_.back();
    tensors_.push_back(
        {name, kept.dtype(), {kept.shape().begin(), kept.shape().end()}, kept.raw()});
  }
  void write(const std::string& path) const { write_safetensors(path, tensors_); }

 private:
  std::vector<Tensor> kept_;
  std::vector<TensorToWrite> tensors_;
};

// [tokens, heads · head_dim] → [heads, tokens, head_dim].
Tensor by_heads(const Tensor& rows, std::int64_t head_dim) {
  return rows.reshape({rows.shape()[0], rows.shape()[1] / head_dim, head_dim}).permute({1, 0, 2});
}

// The stacks of layers of an encoder-decoder, or the only one: what the names of their tensors begin
// with, and what is wanted of them.
struct Stack {
  const char* prefix;
  LayerWants& wanted;
  std::int64_t layers;
  bool hidden;  // there are hidden states, too
};

std::vector<Stack> stacks_of(const ModelConfig& config, Want& want) {
  if (!config.has_decoder()) return {{"", want, config.layers, true}};
  return {{"encoder.", want.encoder, config.layers, true},
          {"decoder.", want, config.decoder_layers, true},
          {"cross.", want.cross, config.decoder_layers, false}};
}

// One stack's tensors, each under `prefix`, kind and layer.
void add_layers(TensorFile& file, const std::string& prefix, const LayerTensors& tensors,
                const ModelConfig& config, const Ragged& ragged) {
  for (const LayerTensorKind& kind : kLayerTensorKinds)
    for (const auto& [layer, variable] : tensors.*kind.given) {
      const std::string name = prefix + kind.name + "." + std::to_string(layer);
      const Tensor& value = variable.value();
      if (kind.given == &LayerTensors::hidden) file.add(name, value);
      else if (kind.given == &LayerTensors::attention || kind.given == &LayerTensors::scores)
        file.add(name, value.reshape({-1, ragged.max_queries, ragged.max_keys}));
      else file.add(name, by_heads(value, config.head_size()));
    }
}

struct Outputs {
  std::string model, text, pair, out, task, want;
  std::vector<std::string> rename;
  bool has_text = false, has_pair = false;
  std::vector<std::int32_t> ids, types, targets;
  int threads = 0;

  int run() const {
    apply_threads(threads);
    check(has_text != !ids.empty(), "outputs: expected either --text or --ids, found ",
          has_text ? "both" : "neither");
    ModelConfig config = ModelConfig::read(model);
    if (!task.empty()) config.task = parse_task(task);
    const Want wanted = parse_want(config);
    const LoadedModel loaded = load_model(model, config, {.frozen = true, .rename = rename});
    if (wanted.logits) {
      check_trained_head(loaded.report, model);
      warn(DirectoryFacts::read(model).warnings(model));
    }
    check(targets.empty() == (config.targets() != Targets::given), "--target-ids: ",
          targets.empty() ? "expected what the decoder reads: its start token " +
                                std::to_string(config.decoder_start_token_id) +
                                " and what comes behind it"
                          : "this model and head have no decoder that reads them");
    TokenSequence sequence = has_text ? tokenized() : TokenSequence{ids, types};
    sequence.target_ids = targets;
    const TokenSequence* only = &sequence;
    const NoGrad off;
    const Batch batch = make_batch({&only, 1}, loaded.model->limits());
    const Output output = loaded.model->forward(batch, wanted, {});
    TensorFile file;
    if (wanted.logits) {
      const Tensor& logits = output.logits.value();
      // One row per sequence loses its axis, rows of tokens keep theirs.
      const bool pooled =
          config.task == Task::sequence_classification || config.task == Task::embedding;
      file.add("logits", pooled ? logits.reshape({-1}) : logits);
    }
    if (config.has_decoder()) {
      add_layers(file, "encoder.", output.encoder, config, batch.ragged);
      add_layers(file, "decoder.", output, config, batch.target->ragged);
      add_layers(file, "cross.", output.cross, config, batch.cross);
    } else {
      add_layers(file, "", output, config, batch.ragged);
    }
    file.write(out);
    return 0;
  }

  // Without --want: all hidden states, and logits where there is a head.
  Want parse_want(const ModelConfig& config) const {
    Want wanted;
    wanted.logits = want.empty() && config.task != Task::none;
    std::string names = "logits";
    for (const LayerTensorKind& kind : kLayerTensorKinds) names += ", " + std::string(kind.name);
    for (const std::string& part : CLI::detail::split(want.empty() ? "hidden" : want, ',')) {
      bool known = part == "logits";
      wanted.logits |= known;
      for (const LayerTensorKind& kind : kLayerTensorKinds)
        if (part == kind.name) {
          known = true;
          for (const Stack& stack : stacks_of(config, wanted))
            if (stack.hidden || kind.wanted != &LayerWants::hidden)
              for (int layer = kind.first_layer; layer <= stack.layers; ++layer)
                (stack.wanted.*kind.wanted).insert(layer);
        }
      check(known, "--want: expected some of ", names, ", found '", part, "'");
    }
    return wanted;
  }

  TokenSequence tokenized() const {
    const ModelDirectory directory = ModelDirectory::open(model);
    return encode_text(directory.tokenizer, text,
                       has_pair ? std::optional<std::string_view>(pair) : std::nullopt,
                       directory.max_length(0), directory.facts.pair_style);
  }
};

}  // namespace

void add_outputs(CLI::App& app, Action& action) {
  static Outputs outputs;
  CLI::App* command = app.add_subcommand("outputs", "Write a model's inner tensors for one text");
  command->add_option("--model", outputs.model, "Model directory")->required();
  add_rename(*command, outputs.rename);
  CLI::Option* text = command->add_option("--text", outputs.text, "The text");
  CLI::Option* pair = command->add_option("--pair", outputs.pair, "Its second text")->needs(text);
  command->add_option("--ids", outputs.ids, "Token ids instead of a text")->delimiter(',');
  command->add_option("--types", outputs.types, "Their token types")->delimiter(',');
  command
      ->add_option("--target-ids", outputs.targets,
                   "What an encoder-decoder's decoder reads: its start token, then what it wrote")
      ->delimiter(',');
  command->add_option("--task", outputs.task,
                      "Which head, instead of config.json's: sequence-classification, masked-lm, "
                      "embedding, none, …");
  command->add_option("--want", outputs.want,
                      "Some of logits, hidden, attention, scores, query, key, value "
                      "(default: hidden, and logits where there is a head)");
  command
      ->add_option("--out", outputs.out,
                   "safetensors file: logits, hidden.0 (embeddings) to hidden.N, attention.1 to …; "
                   "of an encoder-decoder encoder.hidden.0, decoder.hidden.0, cross.attention.1 …")
      ->required();
  add_threads(*command, outputs.threads);
  command->callback([&action, text, pair] {
    outputs.has_text = text->count() > 0;
    outputs.has_pair = pair->count() > 0;
    action = [] { return outputs.run(); };
  });
}

}  // namespace retort::tools
