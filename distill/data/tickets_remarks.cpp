// What stands around the matter of a ticket.
#include "distill/data/tickets_grammar.h"

namespace retort {

TicketRemarks ticket_remarks() {
  return {
      {"Hello,", "Hi,", "Hi team,", "Dear support,", "Good morning,", "Hey there,",
       "Urgent:", "Quick question:", "Hello support,",
       "Please help:", "Sorry to bother you:", "As I said on the phone,"},
      {"Thanks.", "Thank you for your help.", "Please reply soon.", "Kind regards.",
       "What can I do?", "Any ideas?", "Many thanks in advance.", "Please call me back.",
       "I am waiting for an answer.", "Best wishes."},
      {"This started yesterday.", "I noticed it on Monday.", "I asked about this last week.",
       "I have tried everything.", "A colleague told me to write to you.",
       "I have been a customer for years.", "I looked in the manual first.",
       "I am on a business trip.", "It is the third time this month.", "My boss is asking.",
       "I restarted my laptop before.", "I need an answer today."},
      {"{} works fine, but", "I have no trouble with {}, but",
       "This is not about {}:", "{} is in order, only"},
      {"{} works fine.", "I have no trouble with {}.", "This is not about {}.",
       "Everything is in order with {}."},
      {"This is solved now.", "No help is needed any more.", "The problem has gone away.",
       "You can close this ticket."},
      {"This is not solved now.", "More help is needed.", "The problem has not gone away.",
       "You can not close this ticket."},
  };
}

}  // namespace retort
