// Learns XOR: two inputs, eight hidden units, plain gradient descent.
#include <iostream>

#include "autograd/ops.h"
#include "tensor/ops.h"

int main() {
  using namespace retort;
  const Variable x = Tensor::from(std::vector<float>{0, 0, 0, 1, 1, 0, 1, 1}, {4, 2});
  const Variable y = Tensor::from(std::vector<float>{0, 1, 1, 0}, {4, 1});
  Variables p;
  RandomStream random(/*seed=*/1);
  for (const Shape& shape : {Shape{8, 2}, Shape{8}, Shape{1, 8}, Shape{1}}) {
    std::vector<float> start(static_cast<std::size_t>(shape.count()));
    for (float& number : start) number = static_cast<float>(random.normal());
    p.push_back(Variable::parameter(Tensor::from(start, shape)));
  }
  for (int step = 0; step <= 400; ++step) {
    const Variable prediction = sigmoid(linear(tanh(linear(x, p[0], p[1])), p[2], p[3]));
    const Variable loss = mean(square(prediction - y));
    if (step % 100 == 0) std::cout << "step " << step << ": loss " << loss.value() << '\n';
    if (step == 400) std::cout << prediction.value() << '\n';
    backward(loss);
    for (Variable& parameter : p) {
      ops::add_to(parameter.leaf_value(), ops::scale(parameter.gradient().value(), -2));
      parameter.clear_gradient();
    }
  }
}
