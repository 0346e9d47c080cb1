// Evaluates the periodic layer of an exported file on given features (tests/quantum/test_native_surrogates.py).
//
//   native_layer FILE ISA single|double REPEATS INPUT OUTPUT
//
// INPUT holds edges, then x (edges, features), then g_out (edges, outputs), OUTPUT gets out and g_x, all of them float64 of this machine.
// The seconds that REPEATS evaluations took are printed.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "artefact/zip_file.hpp"
#include "native/tensor_file.hpp"
#include "native_layer.hpp"
#include "qallegro/error.hpp"

using namespace qallegro;
using namespace qallegro::native;

namespace {

EvaluateLayer *evaluator(const std::string &isa) {
  if (isa == "plain") return plain::evaluate_layer;
#if defined(QALLEGRO_X86_KERNELS)
  if (isa == "avx2") return avx2::evaluate_layer;
  if (isa == "avx512") return avx512::evaluate_layer;
#endif
  throw Error("instruction set `" + isa + "` is not in this program");
}

std::string member(const ZipFile &file, const std::string &suffix) {
  const ZipMember *found = file.find_suffix(suffix);
  if (!found) throw Error("no member `" + suffix + "`");
  return file.read(*found);
}

int run(char **arguments) {
  const ZipFile file(arguments[1]);
  const auto record = nlohmann::json::parse(member(file, "/extra/qallegro.json"));
  const PeriodicLayer layer = read_periodic_layer(record, TensorFile(member(file, "/extra/weights.safetensors"), file.path()));
  std::ifstream input(arguments[5], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
  std::vector<double> numbers(bytes.size() / sizeof(double));
  bytes.copy(reinterpret_cast<char *>(numbers.data()), numbers.size() * sizeof(double));
  LayerArrays arrays;
  arrays.edges = static_cast<std::int64_t>(numbers.at(0));
  const std::size_t in = arrays.edges * layer.num_features, out = arrays.edges * layer.num_outputs;
  if (numbers.size() != 1 + in + out) throw Error("`INPUT` has the wrong size for " + std::to_string(layer.num_features) + " features");
  std::vector<double> results(out + in);
  arrays.x = numbers.data() + 1;
  arrays.g_out = arrays.x + in;
  arrays.out = results.data();
  arrays.g_x = results.data() + out;
  std::printf("%.9g\n", evaluator(arguments[2])(layer, std::string(arguments[3]) == "single", arrays, std::atoi(arguments[4])));
  std::ofstream output(arguments[6], std::ios::binary);
  output.write(reinterpret_cast<const char *>(results.data()), static_cast<std::streamsize>(results.size() * sizeof(double)));
  return output ? 0 : 1;
}

}  // namespace

int main(int count, char **arguments) {
  try {
    if (count != 7) throw Error("6 arguments are needed: FILE ISA single|double REPEATS INPUT OUTPUT");
    return run(arguments);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
