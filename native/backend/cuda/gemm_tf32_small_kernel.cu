// gemm_body.cuh for inputs rounded to TF32, small tiles. One file a variant: a program loads what it needs.
#include "backend/cuda/gemm_body.cuh"

PSS_GEMM_KERNELS(Tf32, tf32, small, pss::kGemmSmallTile, pss::kGemmSmallThreads, 32)
