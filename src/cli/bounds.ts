import type { Command } from 'commander';
import { formatQuantity } from '../format/quantity.ts';
import { DERIVATIONS, type RequiredSizes, requiredSizes } from '../theory/required-size.ts';
import { createOutput } from './output.ts';
import { anyNumber, exampleHelp, type SharedOptions, wholeNumber } from './shared-options.ts';
import { formatTable } from './text-table.ts';

interface BoundsOptions extends SharedOptions {
  readonly rows: number;
  readonly dim: number;
  readonly epsilon: number;
  readonly delta: number;
  readonly rho?: number;
  readonly json: boolean;
}

/** Adds `pss bounds`. */
export function registerBounds(program: Command): void {
  program
    .command('bounds')
    .summary('Say how small a table can be made according to the theory')
    .description(
      'Prints the sizes of M that Theorems 6 and 7 ask for, so that a sketch M = S·E of a table approximates it within ε with probability 1 − δ, with the formula and the constants taken. Theorem 6 is about inner products of whole columns of E; Theorem 7, with --rho, about single rows of importance above ρ.',
    )
    .requiredOption('--rows <n>', 'rows of the table', wholeNumber(1))
    .requiredOption('--dim <d>', 'floats of a row', wholeNumber(1))
    .requiredOption('--epsilon <e>', 'relative error allowed, up to 1', anyNumber)
    .requiredOption('--delta <p>', 'probability of a larger error', anyNumber)
    .option(
      '--rho <r>',
      "importance |E[i]|/σ from which on single rows count, σ being E's largest singular value",
      anyNumber,
    )
    .option('--json', 'print one JSON object', false)
    .addHelpText(
      'after',
      exampleHelp('pss bounds --rows 40000000 --dim 128 --epsilon 0.1 --delta 0.01 --rho 0.05'),
    )
    .action((options: BoundsOptions) => {
      const { rows, dim, epsilon, delta, rho } = options;
      const required = requiredSizes({ rows, dim, epsilon, delta, ...(rho === undefined ? {} : { rho }) });
      const output = createOutput(options);
      if (options.json) output.result(JSON.stringify({ ...required, derivations: DERIVATIONS }));
      else output.result(describe(required));
    });
}

function describe({ target, sizes, pairEpsilon, mostImportantRows }: RequiredSizes): string {
  const { rows, dim, epsilon, delta, rho } = target;
  const floats = rows * dim;
  const derivations = [...new Set(sizes.map(({ derivation }) => derivation))];
  const lines = [
    `A table of ${rows} × ${dim} floats (${formatQuantity(floats * 4, 'bytes')}), ε = ${epsilon}, δ = ${delta}${rho === undefined ? '' : `, ρ = ${rho}`}.`,
    '',
    formatTable(
      ['theorem', 'S', 'by', 'rows k', 'non-zeros', '|M| floats', '|M| bytes', 'compression'],
      sizes.map((size) => [
        String(size.theorem),
        size.construction,
        size.derivation,
        String(size.memoryRows),
        String(size.nonZeros),
        String(size.memorySize),
        formatQuantity(size.memoryBytes, 'bytes'),
        size.compression >= 1 ? `${size.compression.toPrecision(3)}x` : 'none: larger than the table',
      ]),
      ['left', 'left', 'left'],
    ),
    '',
    ...derivations.map(
      (name) => `${name.padEnd(9)}  ${DERIVATIONS[name].formula}; ${DERIVATIONS[name].source}.`,
    ),
  ];
  if (mostImportantRows !== undefined) {
    lines.push(
      '',
      `At most ${mostImportantRows} of ${rows} rows can have an importance above ${rho}.`,
      `Theorem 4: inner products of two such rows are then right within ${pairEpsilon.toPrecision(3)} of the product of their lengths.`,
    );
  }
  return lines.join('\n');
}
