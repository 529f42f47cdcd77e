// gemm_body.cuh for float32, small tiles. One file a variant: a program loads what it needs.
#include "backend/cuda/gemm_body.cuh"

PSS_GEMM_KERNELS(Float32, f32, small, pss::kGemmSmallTile, pss::kGemmSmallThreads, 32)
