// Statistics of a stream of times in a fixed amount of memory.
#pragma once

#include <cstdint>
#include <vector>

namespace qallegro {

/// Count, mean, extremes and quantiles of seconds that are given one by one.
///
/// Quantiles come from a DDSketch (Masson, Rim, Lee, Proc. VLDB Endow. 12, 2195 (2019)): counts in buckets whose bounds grow by a constant
/// factor, so that every quantile of times between 1 ns and 3 hours is within `relative_accuracy` of the true one, whatever the length of the
/// stream. Sketches of several ranks or runs can be merged without loss.
class StreamingStatistics {
 public:
  static constexpr double relative_accuracy = 0.01;

  /// What ranks add up to merge their streams, of a length that is the same for all: count, total, and counts of buckets.
  std::vector<double> sums() const;
  /// The stream of several ranks from the added `sums`, the least `min` and the greatest `max` of those that have any.
  static StreamingStatistics merged(const std::vector<double> &sums, double min, double max);

  /// seconds: not negative; a NaN counts as nothing.
  void add(double seconds);

  std::int64_t count() const { return count_; }
  double total() const { return total_; }
  double mean() const { return count_ > 0 ? total_ / static_cast<double>(count_) : 0.0; }
  double min() const { return count_ > 0 ? min_ : 0.0; }
  double max() const { return max_; }
  /// The value that a share q of the stream does not exceed, 0 <= q <= 1; 0 for an empty stream.
  double quantile(double q) const;

 private:
  std::vector<std::int64_t> buckets_;  // empty until the first time that is long enough for one
  std::int64_t count_ = 0, tiny_ = 0;
  double total_ = 0.0, min_ = 0.0, max_ = 0.0;
};

}  // namespace qallegro
