// Arrays that are filled when a file is loaded and only read from then on, also by the kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace qallegro::native {

/// Copies share the elements. What a kernel calls is inlined always: a copy of it compiled for one instruction set must not serve another.
template <class T>
class ConstantArray {
 public:
  ConstantArray() = default;
  ConstantArray(std::vector<T> values)
      : owner_(std::make_shared<const std::vector<T>>(std::move(values))),
        data_(owner_->data()),
        size_(static_cast<std::int64_t>(owner_->size())) {}

  __attribute__((always_inline)) const T *data() const { return data_; }
  __attribute__((always_inline)) std::int64_t size() const { return size_; }
  __attribute__((always_inline)) const T &operator[](std::int64_t k) const { return data_[k]; }
  __attribute__((always_inline)) const T *begin() const { return data_; }
  __attribute__((always_inline)) const T *end() const { return data_ + size_; }

 private:
  std::shared_ptr<const std::vector<T>> owner_;
  const T *data_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace qallegro::native
