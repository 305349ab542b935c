// The grammar of tickets about accounts and access.
#include "distill/data/tickets_grammar.h"

namespace retort {

TicketKind access_tickets() {
  TicketKind kind;
  kind.products = {
      {{"my account", "my user account", "my profile"}, 0.3},
      {{"my mailbox", "my email", "my inbox"}, -1.0},
      {{"the customer portal", "the customer website", "the client area"}, -0.2},
      {{"the company network", "the vpn", "the remote connection"}, 0.7},
  };
  kind.problems = {
      // 0: the customer can't get in
      {{"I can't log into {}", "unable to access {}", "{} rejects my password",
        "signing in to {} does not work", "I cannot get into {}", "{} says that my login is wrong"},
       1,
       -0.1},
      // 1: the customer can't get out
      {{"I can't log out of {}", "unable to leave {}", "{} keeps me signed in",
        "signing out of {} does not work", "how do I end my session in {}",
        "{} says that my login is still active"},
       0,
       0.2},
      // 2: the reset link doesn't come
      {{"the reset link for {} never arrives", "I forgot the key to {} and get no mail",
        "no mail comes when I reset the password of {}",
        "I am still waiting for the recovery code of {}", "recovery of {} sends me nothing",
        "{} does not send the link for a new password"},
       3,
       0.6},
      // 3: another address
      {{"I want to change the address in {}", "how do I use another contact for {}",
        "please move {} to my new address", "my details in {} are outdated",
        "{} still sends mail to my old address", "where can I edit my address in {}"},
       2,
       0.9},
      // 4: to be removed
      {{"I want to delete {}", "please close {} for me", "how do I get rid of {}",
        "cancel my registration for {}", "erase my data from {}",
        "I would like to leave {} for good"},
       5,
       -0.8},
      // 5: somebody else got in
      {{"somebody else is using {}", "I see a strange login in {}", "{} was hacked",
        "an unknown person got into {}", "there is activity in {} that is not mine",
        "I think my password for {} was stolen"},
       4,
       -0.5},
  };
  return kind;
}

}  // namespace retort
