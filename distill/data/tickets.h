// Demo data: pairs of support tickets, labelled as duplicates or not, from a grammar.
//
// A ticket is about a matter: one product, one problem, open or solved. Two tickets are duplicates
// when all three agree, so the labels are exact: whoever knows the grammar scores 100 %. Words alone
// don't tell: a product has several names and a problem several wordings with few words in common,
// while the pairs that are no duplicates are mostly near misses: the same product with a problem that
// is worded alike, the same words about another product, the two products of a ticket swapped
// (one is broken, the other mentioned as fine), the same matter solved and still open.
//
// No text occurs twice in one set, nor is one of the support desk's, so parts cut from one set share
// no text; what they share is the grammar. Sets of different seeds may have texts in common.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace retort {

struct TicketPair {
  std::string text_a;
  std::string text_b;
  int label = 0;     ///< 1: duplicates, 0: not
  int matter_a = 0;  ///< which (product, problem, open or solved); equal exactly when label is 1
  int matter_b = 0;
};

/// The most rows that one set may have.
inline constexpr std::int64_t kMaxTicketRows = 200000;

/// `rows` pairs, about half of them duplicates; a function of rows' prefix and seed alone: the first n
/// pairs are the same for every rows >= n. Errors: rows outside 1 .. kMaxTicketRows.
std::vector<TicketPair> make_tickets(std::int64_t rows, std::uint64_t seed);

/// The pairs as a .tsv file with the columns text_a, text_b and label.
std::string tickets_tsv(const std::vector<TicketPair>& pairs);

/// Ten pairs as a support desk gets them, five duplicates and five not; what the demo predicts at its
/// end. Their wordings are the grammar's, their texts are in no set that make_tickets makes.
std::vector<TicketPair> support_desk_pairs();

}  // namespace retort
