// gemm_body.cuh for bfloat16, large tiles. One file a variant: a program loads what it needs.
#include "backend/cuda/gemm_body.cuh"

PSS_GEMM_KERNELS(Bfloat16, bf16, large, pss::kGemmLargeTile, pss::kGemmLargeThreads, 64)
