#include "native/novelty.hpp"

#include <cmath>
#include <limits>

#include "qallegro/error.hpp"

namespace qallegro::native {

NoveltyScale::NoveltyScale(const TensorFile &file, int num_types) {
  const Tensor &mean = file.get("mean", {num_types, -1});
  const std::int64_t width = mean.size(1);
  width_ = static_cast<int>(width);
  mean_ = mean.values;
  whitening_ = file.get("whitening", {num_types, width, width}).values;
  reach_ = file.get("reach", {num_types}).values;
  for (const std::vector<double> *values : {&mean_, &whitening_, &reach_})
    for (const double value : *values)
      if (!std::isfinite(value)) throw Error("the scale of novelty must be finite, one of its numbers is " + std::to_string(value) + "; export the model again");
}

double NoveltyScale::novelty(const double *features, int type) const {
  if (!(reach_[type] > 0.0)) return std::numeric_limits<double>::infinity();
  const double *mean = mean_.data() + static_cast<std::size_t>(type) * width_;
  const double *row = whitening_.data() + static_cast<std::size_t>(type) * width_ * width_;
  double sum = 0.0;
  for (int a = 0; a < width_; ++a, row += width_) {
    double component = 0.0;
    for (int b = 0; b < width_; ++b) component += row[b] * (features[b] - mean[b]);
    sum += component * component;
  }
  return std::sqrt(sum) / reach_[type];
}

}  // namespace qallegro::native
