// From the "post_processor" of a tokenizer.json to its class.
#include "tokenizer/component.h"
#include "tokenizer/processors/processors.h"

namespace retort {

std::unique_ptr<PostProcessor> make_processor(const Json& json, const std::string& where) {
  const std::string type = component_type(json, where);
  if (type == "TemplateProcessing")
    return std::make_unique<TemplateProcessing>(TemplateProcessing::from_json(json, where));
  if (type == "BertProcessing")
    return std::make_unique<FramedProcessing>(FramedProcessing::bert(json, where));
  if (type == "RobertaProcessing")
    return std::make_unique<FramedProcessing>(FramedProcessing::roberta(json, where));
  if (type == "ByteLevel")
    return std::make_unique<ByteLevelProcessing>(json.get("trim_offsets", true),
                                                 json.get("add_prefix_space", true));
  if (type == "Sequence")
    return std::make_unique<ProcessorSequence>(
        component_list<PostProcessor>(json, "processors", where, make_processor));
  fail(where, ": the post_processor ", json_quote(type), " is not known");
}

}  // namespace retort
