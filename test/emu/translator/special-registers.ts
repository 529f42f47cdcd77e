/** C++ for the registers that PTX gives: who am I, how many are we, what time is it. */

const VECTORS: Readonly<Record<string, (axis: number) => string>> = {
  '%tid': (axis) => `T.index[${axis}]`,
  '%ntid': (axis) => `T.launch->block[${axis}]`,
  '%ctaid': (axis) => `T.block->index[${axis}]`,
  '%nctaid': (axis) => `T.launch->grid[${axis}]`,
  '%clusterid': (axis) => `T.block->index[${axis}]`,
  '%nclusterid': (axis) => `T.launch->grid[${axis}]`,
  '%cluster_ctaid': () => '0u',
  '%cluster_nctaid': () => '1u',
};

const SCALARS: Readonly<Record<string, string>> = {
  '%laneid': 'T.lane',
  '%warpid': '(T.linear / 32)',
  '%nwarpid': 'T.block->num_warps',
  '%smid': '0u',
  '%nsmid': '1u',
  '%gridid': '0u',
  '%lanemask_eq': '(1u << T.lane)',
  '%lanemask_lt': '((1u << T.lane) - 1u)',
  '%lanemask_le': '(u32)((2ull << T.lane) - 1)',
  '%lanemask_gt': '(u32)~((2ull << T.lane) - 1)',
  '%lanemask_ge': '~((1u << T.lane) - 1u)',
  '%clock': '(u32)tick()',
  '%clock_hi': '0u',
  '%clock64': 'tick()',
  '%globaltimer': 'tick()',
  '%globaltimer_lo': '(u32)tick()',
  '%dynamic_smem_size': 'T.launch->dynamic_bytes',
  '%total_smem_size': 'T.shared_bytes',
  '%aggr_smem_size': 'T.shared_bytes',
  '%cluster_ctarank': '0u',
  '%cluster_nctarank': '1u',
  '%is_explicit_cluster': '0u',
  // Cooperative groups read the address of the grid's barrier from these two.
  '%envreg1': '(u32)(T.launch->grid_workspace >> 32)',
  '%envreg2': '(u32)T.launch->grid_workspace',
  WARP_SZ: '32u',
};

/** C++ for a special register, or undefined when it is none. */
export function specialRegister(operand: string): string | undefined {
  const vector = /^(%\w+)\.([xyzw])$/.exec(operand);
  if (vector?.[1] !== undefined && vector[2] !== undefined) {
    if (vector[2] === 'w') return '0u';
    return VECTORS[vector[1]]?.('xyz'.indexOf(vector[2]));
  }
  return SCALARS[operand];
}
