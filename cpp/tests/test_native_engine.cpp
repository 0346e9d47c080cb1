// Engine `native` without Python: derivatives, memory, and damaged files.
#include <cstdlib>

#include "allocations.hpp"
#include "check.hpp"
#include "mutations.hpp"
#include "native_evaluation.hpp"

using namespace qallegro;

namespace {

// Central differences with this step are exact to about 1e-9 in float64.
constexpr double step = 1e-4, difference_tolerance = 1e-7;
// float32 against float64: a few hundred sums of rounded numbers of size 1.
constexpr double single_tolerance = 5e-5;

}  // namespace

TEST(forces_and_virial_are_derivatives_of_the_energy) {
  const zip_writer::TemporaryFile file(file_bytes("float64"));
  Potential potential(file.path(), native());
  PeriodicSystem system = lattice(2, 3);
  const Evaluated exact = evaluate(potential, edges_of(system, 4.5, 3));
  for (const int k : {0, 4, 8, 13, 23}) {
    double energies[2];
    for (const int side : {0, 1}) {
      PeriodicSystem moved = system;
      moved.positions[k] += side ? step : -step;
      energies[side] = evaluate(potential, edges_of(moved, 4.5, 3)).results.energy;
    }
    CHECK(std::abs(exact.forces[k]) > 1e-3);
    CHECK_CLOSE(exact.forces[k], -(energies[1] - energies[0]) / (2 * step), difference_tolerance);
  }
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b) {
      double energies[2];
      for (const int side : {0, 1}) {
        PeriodicSystem strained = system;
        const double e = side ? step : -step;
        for (auto *vectors : {&strained.positions, &strained.cell})
          for (std::size_t i = 0; i < vectors->size(); i += 3) (*vectors)[i + a] += e * (*vectors)[i + b];
        energies[side] = evaluate(potential, edges_of(strained, 4.5, 3)).results.energy;
      }
      CHECK_CLOSE(exact.results.virial[3 * a + b], -(energies[1] - energies[0]) / (2 * step), 10 * difference_tolerance);
    }
}

TEST(single_precision_agrees_with_double) {
  const zip_writer::TemporaryFile exact_file(file_bytes("float64")), file(file_bytes("float32"));
  Potential exact(exact_file.path(), native()), single(file.path(), native());
  const Edges edges = edges_of(lattice(3, 7), 4.5, 1);
  const Evaluated a = evaluate(exact, edges), b = evaluate(single, edges);
  for (std::size_t k = 0; k < a.per_atom_energy.size(); ++k) CHECK_CLOSE(b.per_atom_energy[k], a.per_atom_energy[k], single_tolerance);
  for (std::size_t k = 0; k < a.forces.size(); ++k) CHECK_CLOSE(b.forces[k], a.forces[k], single_tolerance);
}

TEST(phases_add_up_to_the_time_of_the_evaluation) {
  const zip_writer::TemporaryFile file(file_bytes("float32"));
  const Edges edges = edges_of(lattice(4, 3), 4.5, 1);
  for (const int sampling : {0, 1, 16}) {
    Options options = native();
    options.stage_sampling = sampling;
    Potential potential(file.path(), options);
    for (int k = 0; k < 3; ++k) evaluate(potential, edges);
    const Timings &t = potential.timings();
    double sum = 0.0;
    for (const double seconds : t.phases) sum += seconds;
    CHECK_CLOSE(sum, t.pack + t.engine + t.scatter, 1e-12);
    for (const Phase phase : {Phase::radial_angular, Phase::tensor_product, Phase::mlp, Phase::backward})
      CHECK((t.phases[phase] > 0.0) == (sampling > 0));
    CHECK((t.phases[Phase::network] > 0.0) == (sampling == 0));
    CHECK(t.growths == 1);
    potential.reset_timings();
    CHECK(potential.timings().phases[Phase::pack] == 0.0);
  }
}

TEST(a_run_in_its_stride_allocates_nothing) {
  const zip_writer::TemporaryFile file(file_bytes("float32"));
  Potential potential(file.path(), native());
  const Edges edges = edges_of(lattice(3, 2), 4.5, 1);
  Evaluated out = evaluate(potential, edges);
  const auto before = allocations();
  for (int k = 0; k < 5; ++k) potential.evaluate(edges.view(), out.results);
  CHECK(allocations() == before);
}

TEST(what_is_missing_or_wrong_is_named) {
  auto tensors = native_file::tensors();
  tensors.erase(tensors.begin() + 8);
  const zip_writer::TemporaryFile missing(native_file::bytes_of(native_file::record("float32"), native_file::safetensors(tensors, 1)));
  CHECK_ERROR(Potential(missing.path(), native()), "tensor_embed.weight");
  tensors = native_file::tensors();
  tensors[8].shape = {5, 8};
  const zip_writer::TemporaryFile reshaped(native_file::bytes_of(native_file::record("float32"), native_file::safetensors(tensors, 1)));
  CHECK_ERROR(Potential(reshaped.path(), native()), "tensor_embed.weight");
  std::string model = native_file::model_record();
  model.replace(model.find("\"allegro\""), 9, "\"nequip\"");
  const zip_writer::TemporaryFile foreign(
      native_file::bytes_of(native_file::record("float32", model), native_file::safetensors(native_file::tensors(), 1)));
  CHECK_ERROR(Potential(foreign.path(), native()), "use engine `torchscript`");
  CHECK_ERROR(Potential(foreign.path(), native()), "nequip");
  Options cuda = native();
  cuda.device = "cuda";
  const zip_writer::TemporaryFile good(file_bytes("float32"));
  CHECK_ERROR(Potential(good.path(), cuda), "runs on the CPU");
}

TEST(instruction_sets_agree_and_unknown_ones_are_refused) {
  const zip_writer::TemporaryFile file(file_bytes("float64"));
  const Edges edges = edges_of(lattice(2, 9), 4.5, 3);
  setenv("QALLEGRO_ISA", "plain", 1);
  Potential plain(file.path(), native());
  CHECK(plain.description().find("plain") != std::string::npos);
  setenv("QALLEGRO_ISA", "neon", 1);
  CHECK_ERROR(Potential(file.path(), native()), "`QALLEGRO_ISA` must be one of");
  unsetenv("QALLEGRO_ISA");
  Potential best(file.path(), native());
  const Evaluated a = evaluate(plain, edges), b = evaluate(best, edges);
  for (std::size_t k = 0; k < a.forces.size(); ++k) CHECK_CLOSE(a.forces[k], b.forces[k], 1e-12);
}

TEST(novelty_is_told_by_files_that_hold_its_scale) {
  const std::string record = native_file::record("float64"), weights = native_file::safetensors(native_file::tensors(), 5);
  const Edges edges = edges_of(lattice(2, 9), 4.5, 3);
  const zip_writer::TemporaryFile file(file_bytes("float64")), old(native_file::bytes_of(record, weights));
  Potential knowing(file.path(), native()), ignorant(old.path(), native());
  const Evaluated a = evaluate(knowing, edges), b = evaluate(ignorant, edges);
  CHECK(a.forces == b.forces && !ignorant.knows_novelty() && b.novelty.empty());
  for (std::size_t k = 0; k < a.novelty.size(); ++k) CHECK((a.novelty[k] >= 0.0) == (k < a.per_atom_energy.size() && a.per_atom_energy[k] != 0.0));
  Results results;
  std::vector<double> novelty(edges.types.size());
  results.novelty = novelty.data();
  CHECK_ERROR(ignorant.evaluate(edges.view(), results), "train and export it with this release");
  auto tensors = native_file::novelty_tensors();
  tensors[1].shape = {2, 6, 5};
  const zip_writer::TemporaryFile torn(native_file::bytes_of(record, weights, native_file::safetensors(tensors, 3)));
  CHECK_ERROR(Potential(torn.path(), native()), "whitening");
}

// Whatever is done to the record, the weights or the scale of novelty: an error, or a model that evaluates to something finite or says that it does not.
TEST(damaged_files_never_crash) {
  std::mt19937_64 generator(17);
  const std::vector<std::string> whole = {native_file::record("float64"), native_file::safetensors(native_file::tensors(), 5),
                                          native_file::safetensors(native_file::novelty_tensors(), 3)};
  const Edges edges = edges_of(lattice(2, 9), 4.5, 2);
  int refused = 0, ran = 0;
  for (int k = 0; k < 900; ++k) {
    std::vector<std::string> members = whole;
    members[k % 3] = mutations::mutated(members[k % 3], generator);
    const zip_writer::TemporaryFile file(native_file::bytes_of(members[0], members[1], members[2]));
    try {
      Potential potential(file.path(), native());
      evaluate(potential, edges);
      ++ran;
    } catch (const Error &) {
      ++refused;
    }
  }
  CHECK(refused > 250 && ran > 25);
}

int main() { return check::run(); }
