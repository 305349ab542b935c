// The grammar of the demo's support tickets, as data: what a ticket can be about (kinds, products,
// problems) and what surrounds it (greetings, remarks). tickets.cpp combines these; the phrases
// themselves stand in tickets_<kind>.cpp and tickets_remarks.cpp, one readable list each.
#pragma once

#include <string_view>
#include <vector>

namespace retort {

using Phrases = std::vector<std::string_view>;

/// One thing that customers write about, under each of its names (noun phrases with their article;
/// the usual one first).
struct TicketProduct {
  Phrases names;
  double surge;  ///< from -1 to 1: how readily its tickets come in numbers (see tickets.h)
};

/// One thing that can be the matter, in several wordings, the usual ones first; "{}" stands for the
/// product's name, exactly once in each. Wordings of one problem share few words; wordings of a
/// problem and of its `rival` (the index of another problem of the kind) share many.
struct TicketProblem {
  Phrases wordings;
  int rival;
  double surge;  ///< as a product's
};

/// Products and the problems that any of them can have.
struct TicketKind {
  std::vector<TicketProduct> products;
  std::vector<TicketProblem> problems;
};

/// Phrases that can stand around the matter itself.
struct TicketRemarks {
  Phrases greetings;
  Phrases closings;
  Phrases circumstances;    ///< say when or how; they change nothing
  Phrases mentions_before;  ///< name another product ("{}") that is fine, before the matter
  Phrases mentions_after;   ///< the same, after it
  Phrases solved;           ///< the matter is closed: no duplicate of an open one
  Phrases
      unsolved;  ///< nearly the words of `solved`, but the matter is open, as it is without them
};

TicketKind software_tickets();
TicketKind access_tickets();
TicketKind payment_tickets();
TicketKind device_tickets();
TicketRemarks ticket_remarks();

}  // namespace retort
