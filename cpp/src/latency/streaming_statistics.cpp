#include "qallegro/streaming_statistics.hpp"

#include <algorithm>
#include <cmath>

namespace qallegro {

namespace {

constexpr double shortest = 1e-9, longest = 1e4;
const double log_growth = std::log((1.0 + StreamingStatistics::relative_accuracy) / (1.0 - StreamingStatistics::relative_accuracy));
const auto bucket_count = static_cast<std::int64_t>(std::ceil(std::log(longest / shortest) / log_growth)) + 1;

std::int64_t bucket_of(double seconds) {
  const auto bucket = static_cast<std::int64_t>(std::ceil(std::log(seconds / shortest) / log_growth));
  return std::min(bucket, bucket_count - 1);
}

// The value whose relative distance to both bounds of the bucket is the same.
double middle_of(std::int64_t bucket) {
  return shortest * std::exp(static_cast<double>(bucket) * log_growth) * (1.0 - StreamingStatistics::relative_accuracy);
}

}  // namespace

void StreamingStatistics::add(double seconds) {
  if (std::isnan(seconds)) return;
  min_ = count_ == 0 ? seconds : std::min(min_, seconds);
  max_ = std::max(max_, seconds);
  total_ += seconds;
  ++count_;
  if (seconds <= shortest) {
    ++tiny_;
    return;
  }
  if (buckets_.empty()) buckets_.resize(bucket_count);
  ++buckets_[bucket_of(seconds)];
}

std::vector<double> StreamingStatistics::sums() const {
  std::vector<double> values(3 + bucket_count);
  values[0] = static_cast<double>(count_);
  values[1] = total_;
  values[2] = static_cast<double>(tiny_);
  for (std::size_t b = 0; b < buckets_.size(); ++b) values[3 + b] = static_cast<double>(buckets_[b]);
  return values;
}

StreamingStatistics StreamingStatistics::merged(const std::vector<double> &sums, double min, double max) {
  StreamingStatistics statistics;
  statistics.count_ = static_cast<std::int64_t>(sums[0]);
  if (statistics.count_ == 0) return statistics;
  statistics.total_ = sums[1];
  statistics.tiny_ = static_cast<std::int64_t>(sums[2]);
  statistics.min_ = min;
  statistics.max_ = max;
  statistics.buckets_.resize(bucket_count);
  for (std::int64_t b = 0; b < bucket_count; ++b) statistics.buckets_[b] = static_cast<std::int64_t>(sums[3 + b]);
  return statistics;
}

double StreamingStatistics::quantile(double q) const {
  if (count_ == 0) return 0.0;
  const auto rank = static_cast<std::int64_t>(q * static_cast<double>(count_ - 1));
  std::int64_t passed = tiny_;
  if (rank < passed) return min_;
  for (std::size_t b = 0; b < buckets_.size(); ++b) {
    passed += buckets_[b];
    if (rank < passed) return std::clamp(middle_of(static_cast<std::int64_t>(b)), min_, max_);
  }
  return max_;
}

}  // namespace qallegro
