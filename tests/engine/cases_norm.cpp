// Cases of softmax and the norms.
#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

Case rms_norm_case(const std::string& name, bool one_plus_weight) {
  return {.name = name,
          .functions = {"rms_norm", "reference::rms_norm"},
          .kernels = {"rms_norm", "rms_norm_backward"},
          .f = [=](const Variables& in) { return rms_norm(in[0], in[1], 1e-5, one_plus_weight); },
          .shapes = {{{3, 4}, {4}},
                     {{5}, {5}},
                     {{2, 1}, {1}},
                     {{0, 3}, {3}},
                     {{2, 3, 17}, {17}},
                     {{700, 65}, {65}},
                     {{40, 3000}, {3000}}},
          .reference =
              [=](const Variables& in) {
                return reference::rms_norm(in[0], in[1], 1e-5, one_plus_weight);
              },
          .extreme = true,
          .f32_tolerance = 5e-5,
          .parameters = {1}};
}

}  // namespace

std::vector<Case> norm_cases() {
  const std::vector<std::vector<Shape>> rows = {{{3, 4}},     {{5}},       {{2, 1}},    {{0, 3}},
                                                {{2, 3, 17}}, {{700, 65}}, {{20, 5000}}};
  return {
      {.name = "softmax",
       .functions = {"softmax", "reference::softmax"},
       .kernels = {"softmax", "softmax_backward"},
       .f = [](const Variables& in) { return softmax(in[0]); },
       .shapes = rows,
       .reference = [](const Variables& in) { return reference::softmax(in[0]); },
       .extreme = true},
      {.name = "log_softmax",
       .functions = {"log_softmax", "reference::log_softmax"},
       .kernels = {"softmax", "softmax_backward"},
       .f = [](const Variables& in) { return log_softmax(in[0]); },
       .shapes = rows,
       .reference = [](const Variables& in) { return reference::log_softmax(in[0]); },
       .extreme = true},
      {.name = "layer_norm",
       .functions = {"layer_norm", "reference::layer_norm"},
       .kernels = {"layer_norm", "layer_norm_backward"},
       .f = [](const Variables& in) { return layer_norm(in[0], in[1], in[2], 1e-5); },
       .shapes = {{{3, 4}, {4}, {4}},
                  {{5}, {5}, {5}},
                  {{0, 3}, {3}, {3}},
                  {{2, 3, 17}, {17}, {17}},
                  {{700, 65}, {65}, {65}},
                  {{40, 3000}, {3000}, {3000}}},
       .reference =
           [](const Variables& in) { return reference::layer_norm(in[0], in[1], in[2], 1e-5); },
       .extreme = true,
       .f32_tolerance = 5e-5,
       .parameters = {1, 2}},
      rms_norm_case("rms_norm", false),
      rms_norm_case("rms_norm: 1 + weight", true),
  };
}

}  // namespace retort::testing
