// Ten pairs as a support desk gets them, written by hand in the grammar's wordings. The five that
// are no duplicates go from near to far: two opposites, another problem, another product, nothing
// in common.
#include "distill/data/tickets.h"

namespace retort {

std::vector<TicketPair> support_desk_pairs() {
  struct Pair {
    const char* a;
    const char* b;
    bool duplicates;
  };
  static constexpr Pair kPairs[] = {
      {"I can't log into my account", "Unable to access my account", true},
      {"The mobile app crashes as soon as it starts",
       "The app on my phone closes right after opening", true},
      {"I was charged twice for my subscription", "There is a duplicate charge for my monthly plan",
       true},
      {"The reset link for my email never arrives",
       "No mail comes when I reset the password of my mailbox", true},
      {"The printer won't turn on", "My laser printer shows no sign of life", true},
      {"I can't log into my account", "I can't log out of my account", false},
      {"I want to cancel my subscription", "I want to renew my subscription", false},
      {"The calendar sends me too many notifications",
       "The calendar does not sync with my other devices", false},
      {"The router keeps losing the connection", "The printer keeps losing the connection", false},
      {"I want my money back for my order", "My laser printer shows no sign of life", false},
  };
  std::vector<TicketPair> pairs;
  for (const auto& pair : kPairs) {
    TicketPair made;
    made.text_a = pair.a;
    made.text_b = pair.b;
    made.label = pair.duplicates ? 1 : 0;
    made.matter_a = made.matter_b = -1;
    pairs.push_back(made);
  }
  return pairs;
}

}  // namespace retort
