// A program of one's own around Retort: one training step, one prediction.
#include <iostream>

#include "autograd/ops.h"
#include "nn/optimizer.h"
#include "nn/weights/load.h"

int main() {
  using namespace retort;
  const Json config = Json::parse(R"({"model_type": "bert", "vocab_size": 100, "hidden_size": 32,
      "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64})", "config");
  const auto model = random_model(ModelConfig::parse(config, "config"), /*seed=*/1);
  Adamw optimizer(model->parameters(), {});
  const TokenSequence yes{{2, 10, 11, 3}, {}}, no{{2, 20, 3}, {}};
  const TokenSequence* const both[] = {&yes, &no};
  const Batch batch = make_batch(both, model->limits());
  const Tensor labels = Tensor::from(std::vector<std::int32_t>{1, 0});
  for (int step = 0; step < 10; ++step) {
    const Variable loss = cross_entropy(model->forward(batch, {}, {}).logits, labels, 0.5);
    backward(loss);
    optimizer.step(/*learning_rate=*/3e-3);
    std::cout << "step " << step << ": loss " << loss.item() << '\n';
  }
  const NoGrad off;
  std::cout << softmax(model->forward(batch, {}, {}).logits).value() << '\n';
}
