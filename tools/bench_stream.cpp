// Memory streams: the limits that the other families are held against, walk by walk.
#include "tools/bench.h"

namespace retort::tools {

std::vector<BenchCase> stream_cases(const BenchOptions& options) {
  struct Kind {
    const char* name;
    Stream stream;
  };
  // 1, 2, 4 and 8 arrays, and the traffic of AdamW (28 bytes a parameter).
  const std::vector<Kind> kinds = {{"read", {1, 0, 0}},         {"write", {0, 1, 0}},
                                   {"copy", {1, 1, 0}},         {"add in place", {2, 1, 1}},
                                   {"add three", {3, 1, 0}},    {"seven to one", {7, 1, 0}},
                                   {"four to four", {4, 4, 0}}, {"adamw", {4, 3, 3}}};
  std::vector<BenchCase> cases;
  for (const Kind& kind : kinds)
    for (const StreamWalk& walk : stream_walks()) {
      if (walk.places > 1 && !options.all_shapes) continue;
      if (walk.non_temporal && kind.stream.writes == 0) continue;
      BenchCase c;
      c.name = std::string(kind.name) + (walk.non_temporal ? ", non-temporal" : ", plain");
      c.shape = {kind.stream.reads, kind.stream.writes, walk.places};
      c.limit = kind.stream;
      c.limit.bytes = options.bytes;
      c.work = run_stream(c.limit, walk);
      c.call = [stream = c.limit, walk] { run_stream(stream, walk); };
      cases.push_back(std::move(c));
    }
  return cases;
}

}  // namespace retort::tools
