// Instructions that newer architectures have: vector reductions to global memory.
extern "C" __global__ void vector_reductions(float* sum, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;
  asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(sum + (t % 3) * 4), "f"(1.f), "f"(2.f),
               "f"(3.f), "f"(4.f)
               : "memory");
  asm volatile("red.global.add.v2.f32 [%0], {%1, %2};" ::"l"(sum + 12 + (t % 2) * 2), "f"(0.5f), "f"(0.25f)
               : "memory");
}
