// The number format of a program.
#pragma once

namespace pss {

// Of activations, gradients between layers and the weights that matrix products read. Sums, the loss and the
// weights that learn are float32 under either.
enum class Precision { kF32, kBf16 };

}  // namespace pss
