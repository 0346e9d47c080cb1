// Runs an engine over all blocks of a system and brings its results back to atoms.
#pragma once

#include <exception>
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
  void reset_timings() {
    timings_ = {};
    sampled_ = {};
    engine_->reset_stage_times();
  }

  /// See `Potential::evaluate`. After an error the accumulators hold a part of the sums.
  void evaluate(const EdgeList &edges, Results &results);

 private:
  Record record_;
  std::unique_ptr<Engine> engine_;
  Timings timings_;
  PhaseTimes sampled_;         // of the engine, after the last evaluation
  std::size_t capacity_ = 0;   // of all buffers, after the last evaluation
  /// What one thread fills; the first one adds to the caller's arrays, the others to their own.
  struct Share {
    BlockBuffers buffers;
    Results results;
    Timings timings;
    std::vector<double> per_atom_energy, forces, per_atom_virial, per_atom_virial_centroid;
    std::exception_ptr error;
  };

  void prepare(Share &share, bool first, const EdgeList &edges, const Results &results) const;
  void evaluate_blocks(const EdgeList &edges, std::size_t begin, std::size_t end, int thread, Share &share);
  void gather(const EdgeList &edges, Results &results);
  void rethrow_first();
  void split_engine_time(double seconds);
  std::size_t buffer_capacity() const;

  EdgeSelection selection_;
  std::vector<BlockShape> blocks_;
  std::vector<std::size_t> cuts_;  ///< where the blocks of each thread begin, and the end
  std::vector<Share> shares_;
};

}  // namespace qallegro
