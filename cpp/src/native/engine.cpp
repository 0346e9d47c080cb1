#include "native/engine.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "artefact/zip_file.hpp"
#include "native/instruction_set.hpp"
#include "native/network.hpp"
#include "native/novelty.hpp"
#include "native/radial_table.hpp"

namespace qallegro::native {

namespace {

class NativeEngine final : public Engine {
 public:
  explicit NativeEngine(const EngineRequest &request) : threads_(request.options.threads), isa_(instruction_set()) {
    const Record &record = request.record;
    const ZipFile file(record.path);
    const ZipMember *member = file.find_suffix("/extra/weights.safetensors");
    if (!member) throw Error("`" + record.path + "` must hold a member `extra/weights.safetensors`; export the model again");
    const TensorFile weights(file.read(*member), record.path);
    const Plan plan = make_plan(read_network(nlohmann::json::parse(record.json), weights, record.path));
    const bool single = record.dtype == "float32";
    // A table is as exact as float32 is; float64 is for those who want every digit.
    const auto table = single ? make_radial_table(plan) : std::nullopt;
    kernel_ = make_kernel(isa_, plan, table ? &*table : nullptr, single, threads_, request.options.stage_sampling);
    read_novelty(file, record, plan.num_types);
    description_ = "native on cpu, " + isa_ + ", " + record.dtype + " network, " + (table ? "tabulated" : "computed") + " radial functions, " +
                   std::to_string(threads_) + (threads_ == 1 ? " thread" : " threads");
  }

  void evaluate(const Block &block, int thread) override {
    if (!block.novelty) {
      kernel_->evaluate(block, 0, block.n_filled, thread, nullptr);
      return;
    }
    const int width = novelty_->width();
    std::vector<double> &latents = latents_[thread];
    if (latents.size() < static_cast<std::size_t>(block.n_filled * width)) latents.resize(block.n_filled * width);
    kernel_->evaluate(block, 0, block.n_filled, thread, latents.data());
    for (std::int64_t c = 0; c < block.n_filled; ++c)
      block.novelty[c] = novelty_->novelty(latents.data() + c * width, static_cast<int>(block.center_types[c]));
  }
  bool knows_novelty() const override { return novelty_.has_value(); }
  std::string description() const override { return description_; }
  std::int64_t slots_per_block() const override { return slots; }
  int concurrent_blocks() const override { return threads_; }

  std::vector<StageTime> stage_times() const override {
    std::vector<StageTime> times;
    const double *seconds = kernel_->stage_seconds();
    for (int s = 0; seconds && s < stage_count; ++s) {
      times.push_back({stages[s].name, 0.0});
      for (int thread = 0; thread < threads_; ++thread) times.back().seconds += seconds[thread * stage_count + s];
    }
    return times;
  }

  PhaseTimes sampled_phases() const override {
    PhaseTimes times;
    const double *seconds = kernel_->stage_seconds();
    for (int k = 0; seconds && k < threads_ * stage_count; ++k) times[stages[k % stage_count].phase] += seconds[k];
    return times;
  }

  void reset_stage_times() override {
    if (double *seconds = kernel_->stage_seconds()) std::fill_n(seconds, threads_ * stage_count, 0.0);
  }

 private:
  // Small enough that packed edges are still in the cache when the kernel reads them.
  static constexpr std::int64_t slots = 1024;

  // Files of imported models and of earlier releases have none. A readout without a hidden layer has no latent features of its own.
  void read_novelty(const ZipFile &file, const Record &record, int num_types) {
    const ZipMember *member = file.find_suffix("/extra/novelty.safetensors");
    if (!member) return;
    NoveltyScale scale(TensorFile(file.read(*member), record.path), num_types);
    if (scale.width() != kernel_->latent_width()) return;
    novelty_ = std::move(scale);
    latents_.resize(threads_);
  }

  int threads_;
  std::string isa_, description_;
  std::unique_ptr<Kernel> kernel_;
  std::optional<NoveltyScale> novelty_;
  std::vector<std::vector<double>> latents_;  ///< of the block that each thread works on
};

}  // namespace

std::string refusal(const Record &record) {
  const auto parsed = nlohmann::json::parse(record.json, nullptr, false);
  const auto known = [](const nlohmann::json &value, std::initializer_list<const char *> names) {
    for (const char *name : names)
      if (value == name) return true;
    return false;
  };
  const auto model = parsed.find("model");
  if (model == parsed.end() || !model->is_object() || !model->contains("variant") || !model->contains("l_max"))
    return "needs a record that describes an Allegro network (`model`)";
  if (!known(model->at("variant"), {"allegro", "allegro_mlp", "allegro_qdi", "allegro_rff"}))
    return "does not know the variant " + model->at("variant").dump();
  if (model->contains("pair_potential") && !model->at("pair_potential").is_null() && model->at("pair_potential") != "zbl")
    return "does not know the pair potential " + model->at("pair_potential").dump();
  return {};
}

std::unique_ptr<Engine> make_engine(const EngineRequest &request) { return std::make_unique<NativeEngine>(request); }

}  // namespace qallegro::native
