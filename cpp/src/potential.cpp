#include "qallegro/potential.hpp"

#include "artefact/record.hpp"
#include "artefact/zip_file.hpp"
#include "engines/engine_table.hpp"
#include "runtime/evaluator.hpp"

namespace qallegro {

struct Potential::Impl {
  Evaluator evaluator;
  std::string description;
  int threads;
};

Potential::Potential(const std::string &path, const Options &options) {
  Record record = read_record(path);
  ZipFile(path).verify();
  auto engine = make_engine(record, options);
  impl_ = std::make_unique<Impl>(Impl{Evaluator(std::move(record), std::move(engine)), {}, threads_for(options)});
  impl_->description = impl_->evaluator.engine().description();
}

Potential::~Potential() = default;
Potential::Potential(Potential &&) noexcept = default;
Potential &Potential::operator=(Potential &&) noexcept = default;

const Record &Potential::record() const { return impl_->evaluator.record(); }
const std::string &Potential::description() const { return impl_->description; }
int Potential::threads() const { return impl_->threads; }
void Potential::evaluate(const EdgeList &edges, Results &results) { impl_->evaluator.evaluate(edges, results); }
bool Potential::knows_novelty() const { return impl_->evaluator.engine().knows_novelty(); }
const Timings &Potential::timings() const { return impl_->evaluator.timings(); }
void Potential::reset_timings() { impl_->evaluator.reset_timings(); }
std::vector<StageTime> Potential::stage_times() const { return impl_->evaluator.engine().stage_times(); }

}  // namespace qallegro
