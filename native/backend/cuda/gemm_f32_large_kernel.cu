// gemm_body.cuh for float32, large tiles. One file a variant: a program loads what it needs.
#include "backend/cuda/gemm_body.cuh"

PSS_GEMM_KERNELS(Float32, f32, large, pss::kGemmLargeTile, pss::kGemmLargeThreads, 64)
