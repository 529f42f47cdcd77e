// What CUB's block primitives compile to.
#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>

// Sorts 512 keys a block, sums them, and scans the sums of the threads.
extern "C" __global__ void sort_and_scan(const int* in, int* out, int* sum, int* scanned) {
  using Sort = cub::BlockRadixSort<int, 128, 4>;
  using Reduce = cub::BlockReduce<int, 128>;
  using Scan = cub::BlockScan<int, 128>;
  __shared__ union {
    typename Sort::TempStorage sort;
    typename Reduce::TempStorage reduce;
    typename Scan::TempStorage scan;
  } memory;
  const int first = blockIdx.x * 512 + threadIdx.x * 4;
  int keys[4];
  for (int i = 0; i < 4; i++) keys[i] = in[first + i];
  Sort(memory.sort).Sort(keys);
  __syncthreads();
  int own = keys[0] + keys[1] + keys[2] + keys[3];
  int total = Reduce(memory.reduce).Sum(own);
  if (threadIdx.x == 0) sum[blockIdx.x] = total;
  __syncthreads();
  int before;
  Scan(memory.scan).ExclusiveSum(own, before);
  scanned[blockIdx.x * 128 + threadIdx.x] = before;
  for (int i = 0; i < 4; i++) out[first + i] = keys[i];
}
