// Marks functions that kernels call too: definitions that host and device must share to the bit.
#pragma once

#ifdef __CUDACC__
#define PSS_HOST_DEVICE __host__ __device__
#else
#define PSS_HOST_DEVICE
#endif
