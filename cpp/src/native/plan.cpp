#include "native/plan.hpp"

#include <map>
#include <utility>

namespace qallegro::native {

namespace {

// Sources in the order in which they become known: the radial network, then t_k and the features of latent perceptron k.
constexpr int radial_source = 0;
int tensor_source(int k) { return 1 + 2 * k; }
int hidden_source(int k) { return 2 + 2 * k; }

/// A sum of products of sources with matrices.
using Combination = std::map<int, Matrix>;

Combination through(const Combination &x, const Matrix &w) {
  Combination result;
  for (const auto &[source, matrix] : x) result[source] = product(matrix, w);
  return result;
}

void add(Combination &to, const Combination &x) {
  for (const auto &[source, matrix] : x) accumulate(to[source], matrix);
}

Combination columns_of(const Combination &x, int first, int count) {
  Combination result;
  for (const auto &[source, matrix] : x) result[source] = columns(matrix, first, count);
  return result;
}

/// Concatenated inputs times W: each input meets its own rows of W.
Combination concatenated(const std::vector<Combination> &inputs, int width, const Matrix &w) {
  Combination result;
  for (std::size_t k = 0; k < inputs.size(); ++k) add(result, through(inputs[k], rows(w, static_cast<int>(k) * width, width)));
  return result;
}

struct Target {
  Combination value;
  int width = 0;
  int row = 0;
};

/// Products of one source with all targets that hold it; neighboring rows become one matrix.
std::vector<LinearOp> ops_of(int source, const std::vector<Target> &targets, std::vector<bool> &written) {
  std::vector<LinearOp> ops;
  for (std::size_t k = 0; k < targets.size(); ++k) {
    const auto found = targets[k].value.find(source);
    if (found == targets[k].value.end() || targets[k].width == 0) continue;
    const Matrix &w = found->second;
    const bool add = written[k];
    written[k] = true;
    if (!ops.empty() && ops.back().add == add && ops.back().target + ops.back().weights.out == targets[k].row) {
      const Matrix &left = ops.back().weights;
      Matrix joined(w.in, left.out + w.out);
      for (int i = 0; i < w.in; ++i) {
        for (int o = 0; o < left.out; ++o) joined(i, o) = left(i, o);
        for (int o = 0; o < w.out; ++o) joined(i, left.out + o) = w(i, o);
      }
      ops.back().weights = std::move(joined);
    } else {
      ops.push_back({targets[k].row, add, w});
    }
  }
  return ops;
}

Chain chain_of(const Perceptron &mlp, int input) {
  Chain chain;
  chain.activation = mlp.activation;
  chain.input = input;
  for (std::size_t k = 1; k + 1 < mlp.linears.size(); ++k) chain.hidden.push_back(mlp.linears[k]);
  return chain;
}

std::vector<Stage> merged(const std::vector<Stage> &stages) {
  std::vector<Stage> result;
  for (const Stage &stage : stages) {
    if (stage.kind == Stage::Kind::activation && stage.activation == Activation::identity) continue;
    if (stage.kind == Stage::Kind::linear && !result.empty() && result.back().kind == Stage::Kind::linear)
      result.back().linear = product(result.back().linear, stage.linear);
    else
      result.push_back(stage);
  }
  return result;
}

}  // namespace

int Plan::radial_functions() const {
  int count = 0;
  for (const LinearOp &op : radial_ops) count += op.weights.out;
  return count;
}

Plan make_plan(Network network) {
  Plan plan;
  plan.num_types = network.num_types;
  plan.l_max = network.l_max;
  plan.channels = network.channels;
  plan.cutoffs = std::move(network.cutoffs);
  plan.environment_norm = std::move(network.environment_norm);
  plan.scales = std::move(network.scales);
  plan.shifts = std::move(network.shifts);
  const int layers = static_cast<int>(network.layers.size());
  plan.couplings = couplings(network.l_max, network.parity, layers);
  for (int degree = 2; degree <= network.l_max; ++degree) plan.harmonics.push_back(harmonic_step(degree));
  for (Layer &layer : network.layers) plan.path_weights.push_back(std::move(layer.path_weights));
  const int features = network.features, weights = network.channels * (network.l_max + 1);

  // The radial network up to its last activation is the first source.
  const Perceptron &embed = network.scalar_embed;
  Matrix h;
  plan.radial = std::move(network.radial);
  if (embed.linears.size() == 1) {
    plan.radial_chain.input = plan.radial.pairs.front().out;
    h = embed.linears.front();
  } else {
    for (Matrix &pair : plan.radial.pairs) pair = product(pair, embed.linears.front());
    plan.radial_chain = chain_of(embed, embed.linears.front().out);
    h = embed.linears.back();
  }
  const Matrix projected = product(h, network.first_projection);

  std::vector<Combination> scalars{{{radial_source, columns(projected, 0, features)}}};
  std::vector<Combination> environment{{{radial_source, columns(projected, features, weights)}}};
  std::vector<Target> pre(layers);
  for (int k = 0; k < layers; ++k) {
    const Perceptron &latent = network.layers[k].latent;
    Combination first = concatenated(scalars, features, rows(latent.linears.front(), 0, features * (k + 1)));
    first[tensor_source(k)] = rows(latent.linears.front(), features * (k + 1), network.channels);
    LatentPlan step;
    Combination z;
    if (latent.linears.size() == 1) {
      z = std::move(first);
    } else {
      pre[k] = {std::move(first), latent.linears.front().out, 0};
      step.chain = chain_of(latent, pre[k].width);
      z[hidden_source(k)] = latent.linears.back();
    }
    scalars.push_back(columns_of(z, 0, features));
    if (k + 1 < layers) environment.push_back(columns_of(z, features, weights));
    plan.latents.push_back(std::move(step));
  }

  // What depends on distances alone comes first and in one piece, so that a table fills it row after row.
  std::vector<Target> targets;
  const auto place = [&](Combination value, int width) {
    targets.push_back({std::move(value), width, plan.rows});
    plan.rows += width;
    return targets.back().row;
  };
  plan.tensor_weights = place({{radial_source, product(h, network.tensor_embed)}}, weights);
  plan.environment_weights.push_back(place(environment[0], weights));
  for (int k = 0; k < layers; ++k) plan.latents[k].pre = place(std::move(pre[k].value), pre[k].width);
  plan.head_width = network.head.out;
  plan.head = place(concatenated(scalars, features, network.head), network.head.out);
  for (int k = 1; k < layers; ++k) plan.environment_weights.push_back(place(environment[k], weights));

  std::vector<bool> written(targets.size(), false);
  plan.radial_ops = ops_of(radial_source, targets, written);
  for (int k = 0; k < layers; ++k) {
    plan.latents[k].tensor_ops = ops_of(tensor_source(k), targets, written);
    plan.latents[k].hidden_ops = ops_of(hidden_source(k), targets, written);
  }
  plan.stages = merged(network.stages);
  plan.periodic = std::move(network.periodic);
  plan.zbl = std::move(network.zbl);
  return plan;
}

}  // namespace qallegro::native
