// Runs an engine over all blocks of a system and brings its results back to atoms.
#pragma once

#include <memory>
#include <vector>

#include "qallegro/engine.hpp"
#include "qallegro/potential.hpp"
#include "runtime/blocks.hpp"

namespace qallegro {

class Evaluator {
 public:
  Evaluator(Record record, std::unique_ptr<Engine> engine) : record_(std::move(record)), engine_(std::move(engine)) {}

  const Record &record() const { return record_; }
  const Engine &engine() const { return *engine_; }
  const Timings &timings() const { return timings_; }
  void reset_timings() { timings_ = {}; }

  /// See `Potential::evaluate`. After an error the accumulators hold a part of the sums.
  void evaluate(const EdgeList &edges, Results &results);

 private:
  Record record_;
  std::unique_ptr<Engine> engine_;
  Timings timings_;
  EdgeSelection selection_;
  std::vector<BlockShape> blocks_;
  BlockBuffers buffers_;
};

}  // namespace qallegro
