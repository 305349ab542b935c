// Demo data: pairs of support tickets, labelled as duplicates or not, from a grammar.
//
// A ticket is about a matter: one product, one problem, open or solved. Two tickets are duplicates
// when all three agree, so the labels are exact: whoever knows the grammar scores 100 %. Words
// alone don't tell: a product has several names and a problem several wordings with few words in
// common, while three in ten of the pairs that are no duplicates are near misses: the same product
// with another problem, often one that is worded alike; the same words about another product; the
// two products of a ticket swapped (one is broken, the other mentioned as fine); the same matter
// solved and still open.
//
// As at a real desk, some matters come in numbers (an outage) and others singly, so a reader of one
// text alone does better than chance. That is on purpose: a small transformer without pretraining
// sees no gradient towards comparing two texts until it tells the matters apart, and this is what
// makes it.
//
// No pair occurs twice in one set (nor with its texts exchanged, nor in other capitals or
// punctuation), and none of the support desk's is in any; so a part cut from a set tests pairs that
// training has not seen. Single texts, and the phrases that they are made of, do recur: a set of
// 8,000 pairs has some 7,000 different texts. Sets of different seeds may have pairs in common.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace retort {

struct TicketPair {
  std::string text_a;
  std::string text_b;
  int label = 0;     ///< 1: duplicates, 0: not
  int matter_a = 0;  ///< which (product, problem, open or solved); equal exactly when label is 1;
                     ///< -1 for the support desk's
  int matter_b = 0;
};

/// The most rows that one set may have.
inline constexpr std::int64_t kMaxTicketRows = 200000;

/// `rows` pairs, about half of them duplicates. The same seed gives the same pairs everywhere;
/// fewer rows are the first of more. Errors: rows outside 1 .. kMaxTicketRows.
std::vector<TicketPair> make_tickets(std::int64_t rows, std::uint64_t seed);

/// The pairs as a .tsv file with the columns text_a, text_b and label.
std::string tickets_tsv(const std::vector<TicketPair>& pairs);

/// Ten pairs as a support desk gets them, five duplicates and five not; what the demo predicts at
/// its end. Their wordings are the grammar's; make_tickets leaves these pairs out.
std::vector<TicketPair> support_desk_pairs();

}  // namespace retort
