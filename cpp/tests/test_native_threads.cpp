// Engine `native` on several threads.
#include "check.hpp"
#include "native_evaluation.hpp"

using namespace qallegro;

TEST(threads_give_the_same_bits_every_time) {
  const zip_writer::TemporaryFile file(file_bytes("float64"));
  const Edges edges = edges_of(lattice(4, 11), 4.5, 1);
  Potential one(file.path(), native(1));
  const Evaluated alone = evaluate(one, edges);
  CHECK(one.knows_novelty() && alone.novelty[0] > 0.0);
  for (const int threads : {2, 3, 8}) {
    Potential potential(file.path(), native(threads));
    const Evaluated first = evaluate(potential, edges), second = evaluate(potential, edges);
    CHECK(first.forces == second.forces && first.per_atom_energy == second.per_atom_energy);
    CHECK(first.novelty == alone.novelty && second.novelty == alone.novelty);
    CHECK(first.results.energy == second.results.energy && first.results.virial == second.results.virial);
    for (std::size_t k = 0; k < alone.forces.size(); ++k) CHECK_CLOSE(first.forces[k], alone.forces[k], 1e-12);
    CHECK_CLOSE(first.results.energy, alone.results.energy, 1e-11);
  }
}

TEST(an_error_on_a_thread_arrives_as_it_is) {
  const zip_writer::TemporaryFile file(file_bytes("float64"));
  Potential potential(file.path(), native(3));
  Edges edges = edges_of(lattice(3, 2), 4.5, 1);
  for (int a = 0; a < 3; ++a) edges.vectors[edges.vectors.size() - 3 + a] = 0.0;
  CHECK_ERROR(evaluate(potential, edges), "the atoms lie on top of one another");
  edges = edges_of(lattice(3, 2), 4.5, 1);
  evaluate(potential, edges);
}

int main() { return check::run(); }
