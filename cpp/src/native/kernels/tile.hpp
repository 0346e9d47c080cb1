// Edges of a block in tiles of a few vectors, of which everything that a layer needs stays in cache.
#pragma once

#include "native/kernels/gemm.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// One row of a tile, in registers.
template <class Real, int V>
struct Row {
  Vec<Real> v[V];
};

/// Rows of a tile lie this far apart.
template <class Real, int V>
inline constexpr std::int64_t pitch = V * width<Real>;

#define QALLEGRO_ROW template <class Real, int V> inline __attribute__((always_inline))

QALLEGRO_ROW Row<Real, V> load_row(const Real *p) {
  Row<Real, V> r;
#pragma GCC unroll 4
  for (int i = 0; i < V; ++i) r.v[i] = load(p + i * width<Real>);
  return r;
}

QALLEGRO_ROW void store_row(Real *p, const Row<Real, V> &r) {
#pragma GCC unroll 4
  for (int i = 0; i < V; ++i) store<Real>(p + i * width<Real>, r.v[i]);
}

QALLEGRO_ROW Row<Real, V> operator+(const Row<Real, V> &a, const Row<Real, V> &b) {
  Row<Real, V> r;
#pragma GCC unroll 4
  for (int i = 0; i < V; ++i) r.v[i] = a.v[i] + b.v[i];
  return r;
}

QALLEGRO_ROW Row<Real, V> operator-(const Row<Real, V> &a, const Row<Real, V> &b) {
  Row<Real, V> r;
#pragma GCC unroll 4
  for (int i = 0; i < V; ++i) r.v[i] = a.v[i] - b.v[i];
  return r;
}

QALLEGRO_ROW Row<Real, V> operator*(const Row<Real, V> &a, const Row<Real, V> &b) {
  Row<Real, V> r;
#pragma GCC unroll 4
  for (int i = 0; i < V; ++i) r.v[i] = a.v[i] * b.v[i];
  return r;
}

QALLEGRO_ROW Row<Real, V> operator*(Real a, const Row<Real, V> &b) {
  Row<Real, V> r;
#pragma GCC unroll 4
  for (int i = 0; i < V; ++i) r.v[i] = a * b.v[i];
  return r;
}

#undef QALLEGRO_ROW

template <class Real, int V>
inline __attribute__((always_inline)) Row<Real, V> row_of(Real value) {
  Row<Real, V> r;
#pragma GCC unroll 4
  for (int i = 0; i < V; ++i) r.v[i] = broadcast<Real>(value);
  return r;
}

template <class Real, int V>
inline void set_rows(Real *to, std::int64_t count, std::int64_t stride, Real value) {
  for (std::int64_t r = 0; r < count; ++r) store_row<Real, V>(to + r * stride, row_of<Real, V>(value));
}

template <class Real, int V>
inline void copy_rows(const Real *from, std::int64_t from_stride, Real *to, std::int64_t to_stride, std::int64_t count) {
  for (std::int64_t r = 0; r < count; ++r) store_row<Real, V>(to + r * to_stride, load_row<Real, V>(from + r * from_stride));
}

/// A form of the periodic layer; sizes and meaning of the arguments as in `PeriodicKernel`.
template <class Real>
class FormKernel {
 public:
  virtual ~FormKernel() = default;
  virtual std::int64_t kept_rows() const = 0;
  virtual void forward(const Real *x, Real *out, Real *kept, std::int64_t lanes) const = 0;
  virtual void adjoint(const Real *x, Real *kept, const Real *g_out, Real *g_x, std::int64_t lanes) const = 0;
};

/// Runs Form::forward_tile and Form::adjoint_tile over the tiles; `kept` of a tile is one piece of memory.
template <class Real, class Form>
class TiledKernel : public FormKernel<Real> {
 public:
  void forward(const Real *x, Real *out, Real *kept, std::int64_t lanes) const override {
    for (std::int64_t lane = 0, vectors; lane < lanes; lane += vectors * width<Real>) {
      vectors = vectors_at(lanes - lane);
      Real *own = kept + lane * this->kept_rows();
      if (vectors == 3) form().template forward_tile<3>(x + lane, out + lane, own, lanes);
      if (vectors == 2) form().template forward_tile<2>(x + lane, out + lane, own, lanes);
      if (vectors == 1) form().template forward_tile<1>(x + lane, out + lane, own, lanes);
    }
  }

  void adjoint(const Real *x, Real *kept, const Real *g_out, Real *g_x, std::int64_t lanes) const override {
    for (std::int64_t lane = 0, vectors; lane < lanes; lane += vectors * width<Real>) {
      vectors = vectors_at(lanes - lane);
      Real *own = kept + lane * this->kept_rows();
      if (vectors == 3) form().template adjoint_tile<3>(x + lane, own, g_out + lane, g_x + lane, lanes);
      if (vectors == 2) form().template adjoint_tile<2>(x + lane, own, g_out + lane, g_x + lane, lanes);
      if (vectors == 1) form().template adjoint_tile<1>(x + lane, own, g_out + lane, g_x + lane, lanes);
    }
  }

 private:
  const Form &form() const { return static_cast<const Form &>(*this); }

  // As `multiply` splits them: four vectors are two pairs.
  static std::int64_t vectors_at(std::int64_t lanes) {
    const std::int64_t left = lanes / width<Real>;
    return left == 3 || left >= 5 ? 3 : left >= 2 ? 2 : 1;
  }
};

/// Objects that cannot be copied, as many as are known when it is made.
template <class T>
class ObjectList {
 public:
  explicit ObjectList(std::int64_t count = 0) : objects_(count > 0 ? new T[count] : nullptr) {}
  ObjectList(const ObjectList &) = delete;
  ObjectList &operator=(const ObjectList &) = delete;
  ~ObjectList() { delete[] objects_; }
  T &operator[](std::int64_t k) { return objects_[k]; }
  const T &operator[](std::int64_t k) const { return objects_[k]; }

 private:
  T *objects_;
};

}  // namespace qallegro::native::QALLEGRO_ISA
