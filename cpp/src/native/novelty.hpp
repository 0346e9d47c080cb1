// How new an atom is to the model: the Mahalanobis distance of its latent features from those of the training set (docs/uncertainty.md).
#pragma once

#include <vector>

#include "native/tensor_file.hpp"

namespace qallegro::native {

class NoveltyScale {
 public:
  /// Throws `Error` unless the tensors fit the species.
  NoveltyScale(const TensorFile &file, int num_types);

  int width() const { return width_; }

  /// Of features (width), in units of the farthest atom of the training set; infinite for a species that it has no atoms of.
  double novelty(const double *features, int type) const;

 private:
  int width_;
  std::vector<double> mean_, whitening_, reach_;  ///< (types, width), (types, width, width), (types)
};

}  // namespace qallegro::native
