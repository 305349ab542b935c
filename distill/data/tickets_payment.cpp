// The grammar of tickets about money.
#include "distill/data/tickets_grammar.h"

namespace retort {

TicketKind payment_tickets() {
  TicketKind kind;
  kind.products = {
      {{"my subscription", "my monthly plan", "the membership"}, 1.0},
      {{"my order", "my purchase", "the goods"}, -0.3},
      {{"my insurance", "the insurance policy", "my cover"}, 0.6},
      {{"my phone contract", "my mobile tariff", "the sim card"}, -0.7},
  };
  kind.problems = {
      // 0: charged twice
      {{"I was charged twice for {}", "there is a duplicate charge for {}",
        "you took the money for {} two times", "my card shows two payments for {}",
        "{} was billed double", "I paid {} once but two amounts left my bank"},
       1,
       0.5},
      // 1: charged too much
      {{"I was charged too much for {}", "there is a wrong charge for {}",
        "you took more money for {} than promised", "my bill shows a high price for {}",
        "{} costs more than the offer said", "my discount for {} is missing"},
       0,
       0.8},
      // 2: to be cancelled
      {{"I want to cancel {}", "how do I end {}", "please stop {}", "I don't need {} any more",
        "I would like to quit {}", "terminate {} for me"},
       3,
       -0.9},
      // 3: to be prolonged
      {{"I want to renew {}", "how do I extend {}", "please continue {} for another year",
        "I still need {} after the end", "I would like to keep {} longer", "prolong {} for me"},
       2,
       -0.6},
      // 4: the money is to come back
      {{"I want my money back for {}", "when do I get the refund for {}",
        "please return the payment for {}", "I am waiting to be repaid for {}",
        "{} was cancelled but not paid back", "nobody has sent me the refund of {}"},
       5,
       -0.2},
      // 5: another way of paying
      {{"I want to pay {} with another card", "how do I change the payment method of {}",
        "please use my new bank for {}", "my card for {} has expired",
        "replace the bank details of {}", "{} is linked to an old credit card"},
       4,
       0.1},
  };
  return kind;
}

}  // namespace retort
