// gemm_body.cuh for inputs rounded to TF32, large tiles. One file a variant: a program loads what it needs.
#include "backend/cuda/gemm_body.cuh"

PSS_GEMM_KERNELS(Tf32, tf32, large, pss::kGemmLargeTile, pss::kGemmLargeThreads, 64)
