// Vectors of edges. Everything in this folder is compiled once for each instruction set, into a namespace of its own.
//
// No file here may define anything outside that namespace, nor instantiate a template of the standard library that could be shared with
// other files: the linker keeps one copy of such a function, and it might be one with instructions that the processor does not have.
#pragma once

#include <cstdint>
#include <cstring>
#include <new>

#if !defined(QALLEGRO_ISA) || !defined(QALLEGRO_VECTOR_BYTES)
#error "QALLEGRO_ISA and QALLEGRO_VECTOR_BYTES are set by cpp/src/native/CMakeLists.txt"
#endif

namespace qallegro::native::QALLEGRO_ISA {

inline constexpr int vector_bytes = QALLEGRO_VECTOR_BYTES;

template <class Real>
struct Types;
template <>
struct Types<float> {
  typedef float V __attribute__((vector_size(QALLEGRO_VECTOR_BYTES)));
  typedef std::int32_t I __attribute__((vector_size(QALLEGRO_VECTOR_BYTES)));
};
template <>
struct Types<double> {
  typedef double V __attribute__((vector_size(QALLEGRO_VECTOR_BYTES)));
  typedef std::int64_t I __attribute__((vector_size(QALLEGRO_VECTOR_BYTES)));
};

/// A vector of reals, and one of integers of the same size (masks: all bits set or none).
template <class Real>
using Vec = typename Types<Real>::V;
template <class Real>
using IntVec = typename Types<Real>::I;
template <class Real>
inline constexpr int width = vector_bytes / static_cast<int>(sizeof(Real));

/// Rows are aligned to whole vectors.
template <class Real>
inline __attribute__((always_inline)) Vec<Real> load(const Real *p) {
  Vec<Real> v;
  std::memcpy(&v, __builtin_assume_aligned(p, vector_bytes), sizeof(v));
  return v;
}

template <class Real>
inline __attribute__((always_inline)) void store(Real *p, Vec<Real> v) {
  std::memcpy(__builtin_assume_aligned(p, vector_bytes), &v, sizeof(v));
}

template <class Real>
inline __attribute__((always_inline)) Vec<Real> broadcast(Real x) {
  return Vec<Real>{} + x;
}

template <class Real>
inline __attribute__((always_inline)) Real sum(Vec<Real> v) {
  Real s = 0;
#pragma GCC unroll 16
  for (int i = 0; i < width<Real>; ++i) s += v[i];
  return s;
}

template <class Real>
inline __attribute__((always_inline)) IntVec<Real> bits(Vec<Real> v) {
  IntVec<Real> i;
  std::memcpy(&i, &v, sizeof(i));
  return i;
}

template <class Real>
inline __attribute__((always_inline)) Vec<Real> from_bits(IntVec<Real> i) {
  Vec<Real> v;
  std::memcpy(&v, &i, sizeof(v));
  return v;
}

/// Memory aligned to whole vectors that only grows; elements are not kept when it does.
template <class Real>
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  Buffer(Buffer &&other) noexcept : data_(other.data_), size_(other.size_) {
    other.data_ = nullptr;
    other.size_ = 0;
  }
  Buffer &operator=(Buffer &&other) noexcept {
    if (this != &other) {
      ::operator delete[](data_, std::align_val_t{64});
      data_ = other.data_;
      size_ = other.size_;
      other.data_ = nullptr;
      other.size_ = 0;
    }
    return *this;
  }
  ~Buffer() { ::operator delete[](data_, std::align_val_t{64}); }

  Real *at_least(std::size_t size) {
    if (size > size_) {
      ::operator delete[](data_, std::align_val_t{64});
      data_ = nullptr;
      size_ = 0;
      data_ = static_cast<Real *>(::operator new[](size * sizeof(Real), std::align_val_t{64}));
      std::memset(data_, 0, size * sizeof(Real));
      size_ = size;
    }
    return data_;
  }
  Real *data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  Real *data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace qallegro::native::QALLEGRO_ISA
