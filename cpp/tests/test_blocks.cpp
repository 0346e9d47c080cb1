// Cutting ordered rows into rectangular blocks.
#include <algorithm>
#include <numeric>

#include "check.hpp"
#include "runtime/blocks.hpp"

using namespace qallegro;

namespace {

// A selection of rows with the given numbers of neighbors, selected and ordered as the evaluator does.
EdgeSelection rows_with(const std::vector<int> &counts) {
  std::vector<std::int32_t> centers(counts.size()), types(counts.size() + 1, 0);
  std::iota(centers.begin(), centers.end(), 0);
  std::vector<std::int64_t> first{0};
  for (const int count : counts) first.push_back(first.back() + count);
  std::vector<std::int32_t> neighbors(first.back(), static_cast<std::int32_t>(counts.size()));
  std::vector<double> vectors(3 * first.back(), 1.0);
  Record record;
  record.atom_types = {"Cu"};
  record.r_max = 4.0;
  record.cutoffs = {4.0};
  EdgeSelection selection;
  const EdgeList edges{static_cast<std::int64_t>(types.size()), static_cast<std::int64_t>(counts.size()), centers.data(), first.data(),
                       neighbors.data(), vectors.data(), types.data()};
  prepare_selection(edges, selection);
  select_rows(edges, record, 0, edges.n_centers, selection);
  order_rows(selection);
  return selection;
}

std::vector<BlockShape> cut(const EdgeSelection &selection, std::int64_t slots) {
  std::vector<BlockShape> blocks;
  cut_blocks(selection, slots, blocks);
  return blocks;
}

}  // namespace

TEST(rows_are_ordered_by_falling_count_and_ties_keep_their_order) {
  const auto selection = rows_with({3, 0, 5, 3, 1, 5});
  CHECK((selection.order == std::vector<std::int64_t>{2, 5, 0, 3, 4, 1}));
}

TEST(blocks_cover_every_row_once_within_their_bounds) {
  std::vector<int> counts;
  for (int k = 0; k < 500; ++k) counts.push_back((k * 37) % 61);
  const auto selection = rows_with(counts);
  for (const std::int64_t slots : {1, 10, 64, 500, 4096, 1 << 20}) {
    std::int64_t row = 0;
    for (const BlockShape &block : cut(selection, slots)) {
      CHECK(block.first_row == row);
      CHECK(block.n_rows >= 1 && block.n_centers() >= 2 && block.n_slots >= 2);
      CHECK(block.n_rows == 1 || block.n_rows * block.n_slots <= slots);
      for (std::int64_t k = 0; k < block.n_rows; ++k) CHECK(selection.count(selection.order[row + k]) <= block.n_slots);
      row += block.n_rows;
    }
    CHECK(row == 500);
  }
}

TEST(a_system_that_fits_is_one_block) { CHECK(cut(rows_with({30, 28, 31, 29}), 4096).size() == 1); }

TEST(a_dilute_half_does_not_pay_for_the_dense_half) {
  std::vector<int> counts(200, 60);
  counts.insert(counts.end(), 2000, 4);
  std::int64_t slots = 0, edges = 0;
  for (const BlockShape &block : cut(rows_with(counts), 4096)) slots += block.n_centers() * block.n_slots;
  for (const int count : counts) edges += count;
  CHECK(slots < edges * 5 / 4);
}

TEST(a_row_larger_than_a_block_is_still_evaluated) {
  const auto blocks = cut(rows_with({5000, 4, 3}), 100);
  CHECK(blocks[0].n_rows == 1 && blocks[0].n_slots == 5000);
}

int main() { return check::run(); }
