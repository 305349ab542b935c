// Words that threads share: what one thread adds, others find whole or not at all.
#include "tokenizer/shared_words.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/catch.h"
#include "tokenizer/word_cache.h"

using namespace retort;

namespace {

std::string word(int number) { return "w" + std::to_string(number); }

// Tokens that tell the word by each of their fields; those of every seventh word don't follow one
// another.
std::vector<Token> tokens_of(int number) {
  const auto size = static_cast<std::uint32_t>(word(number).size());
  std::vector<Token> tokens;
  const std::uint32_t count = 1 + static_cast<std::uint32_t>(number) % size;
  for (std::uint32_t i = 0; i < count; ++i)
    tokens.push_back(
        {number * 16 + static_cast<std::int32_t>(i), i, i + 1 == count ? size : i + 1});
  if (number % 7 == 0) tokens.back() = {tokens.back().id, 1, 0};
  return tokens;
}

// Whether `found` is what find() gives of the word.
bool is_whole(const std::vector<Token>& found, int number) {
  const std::vector<Token> expected = tokens_of(number);
  if (found.size() != expected.size()) return false;
  const bool covered = number % 7 != 0;
  if (cover(found, word(number).size()) != covered) return false;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].id != expected[i].id) return false;
    if (covered && (found[i].begin != expected[i].begin || found[i].end != expected[i].end))
      return false;
  }
  return true;
}

}  // namespace

TEST_CASE("shared words: many threads add and find at once", "[tokenizer]") {
  constexpr int kThreads = 8, kWords = 20000;
  SharedWords words;
  std::atomic<int> wrong{0}, hits{0}, started{0};
  const auto work = [&](int thread) {
    ++started;
    while (started < kThreads) std::this_thread::yield();
    std::vector<Token> found;
    for (int i = 0; i < kWords; ++i) {
      // All in about the same order, so that they meet.
      const int number = (i ^ thread) % kWords;
      const std::string text = word(number);
      found.clear();
      if (words.find(WordKey::of(text), found)) {
        ++hits;
        if (!is_whole(found, number)) ++wrong;
      } else {
        words.add(WordKey::of(text), tokens_of(number));
      }
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(work, thread);
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(hits > kWords);
}

TEST_CASE("shared words: a full table keeps what it has", "[tokenizer]") {
  constexpr int kFirst = 10000, kAll = 300000;
  SharedWords words;
  std::vector<Token> found;
  for (int i = 0; i < kFirst; ++i) words.add(WordKey::of(word(i)), tokens_of(i));
  const auto count = [&](int begin, int end) {
    int there = 0;
    for (int i = begin; i < end; ++i) {
      found.clear();
      if (!words.find(WordKey::of(word(i)), found)) continue;
      REQUIRE(is_whole(found, i));
      ++there;
    }
    return there;
  };
  const int before = count(0, kFirst);
  CHECK(before > kFirst * 99 / 100);
  for (int i = kFirst; i < kAll; ++i) words.add(WordKey::of(word(i)), tokens_of(i));
  CHECK(count(0, kFirst) == before);
  CHECK(count(kFirst, kAll) > 50000);
  CHECK(count(kFirst, kAll) < kAll / 2);
}

TEST_CASE("shared words: what isn't shared", "[tokenizer]") {
  SharedWords words;
  const WordKey key = WordKey::of("tenletters");
  std::vector<Token> tokens, found;
  for (std::uint32_t i = 0; i < 10; ++i) tokens.push_back({static_cast<std::int32_t>(i), i, i + 1});
  words.add(key, tokens);
  CHECK_FALSE(words.find(key, found));
  tokens.resize(9);
  tokens.back().end = 10;
  words.add(key, tokens);
  REQUIRE(words.find(key, found));
  CHECK(found.size() == 9);
  CHECK(cover(found, 10));
}

TEST_CASE("shared words: one cache has from another what it lacks", "[tokenizer]") {
  SharedWords words;
  WordCache one, two, alone;
  one.share(&words);
  two.share(&words);
  int made = 0;
  const auto find = [&](WordCache& cache) {
    const WordCache::Found found = cache.find(WordKey::of("ab"), [&](std::vector<Token>& tokens) {
      ++made;
      tokens.push_back({5, 0, 1});
      tokens.push_back({6, 1, 2});
    });
    return found.count == 2 && found.ids[0] == 5 && found.ids[1] == 6 && found.lengths != nullptr;
  };
  CHECK(find(one));
  CHECK(find(two));
  CHECK(made == 1);
  CHECK(find(alone));
  CHECK(made == 2);
}
