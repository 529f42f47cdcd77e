// Arguments of cin_kernel.cu and cin_products_kernel.cu, and the sizes that host and device agree on.
//
// On a GPU every map is a row: column b*D + d is component d of sample b. `ld` floats lie between two rows,
// and columns up to a multiple of four are there: their e is zero, and so are their gradients.
#pragma once

#include <cstdint>

#include "backend/cuda/divisor.h"

namespace pss {

// Slots [B, F, D] to and from rows [F, ld].
struct CinRowsArguments {
  float* slots;
  float* rows;
  int64_t slots_ld, ld;
  Divisor by_D;
  int32_t B, F, D;
};

// The maps of a layer that go out: columns [first, first + maps) of the output and its gradient.
struct CinOutputArguments {
  float* out;         // forward
  const float* dout;  // backward
  float* hidden;      // [maps, ld]: the backward puts the maps' gradients in their place
  int64_t out_ld, ld;
  Divisor by_D;
  int32_t first, maps;
  int32_t B, D;
  int32_t lanes;  // side by side along d: a power of two up to 32
};

struct CinBiasArguments {
  float* gradient;       // [N]
  const float* dhidden;  // [N, ld]
  int64_t ld;
  int32_t columns;
};

// One layer's products with z[h*F + m] = below[h] * e[m], which is formed tile by tile.
struct CinProductArguments {
  float* hidden;        // [N, ld]; its gradient in the backward passes
  float* below;         // [H, ld]: slots in the first layer
  const float* e;       // [F, ld]
  const float* weight;  // [N, weight_ld]
  const float* bias;    // [N]
  float* de;            // [F, ld]
  float* dweight;       // parts of [N, weight_ld], part_stride apart
  int64_t ld, weight_ld, part_stride;
  Divisor by_F;
  int32_t N, H, F;
  int32_t columns;           // of the batch, up to a multiple of four
  int32_t columns_per_part;  // whole steps of a sum
  int32_t is_first;          // the layer that reads the slots
  int32_t adds;              // to de, which later layers have begun
};

constexpr int kCinTile = 64;      // rows and columns of a block's products
constexpr int kCinStep = 32;      // of a sum, at once
constexpr int kCinThreads = 128;  // of products
constexpr int kCinRowThreads = 256;
constexpr int kCinStages = 3;                               // of the input gradient's pipeline
constexpr int kCinOutputMaps = 32, kCinOutputSamples = 32;  // of a block

// Rows of dz in shared memory, such that the eight rows which a warp stores at once lie in different banks.
constexpr int kCinRow = kCinTile + 16;

// Shared memory of the input gradient: stages, dz, the gradient of the slots, sums that cross tiles.
constexpr int64_t cin_shared_floats(int F) {
  return kCinStages * 2 * kCinTile * kCinStep + kCinTile * kCinRow + (int64_t{F} + 2) * kCinTile;
}

}  // namespace pss
