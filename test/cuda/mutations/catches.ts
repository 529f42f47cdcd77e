import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { runTestFile } from '../../helpers/run-test-file.ts';
import { testUnless } from '../../helpers/skippable.ts';
import { buildMutant } from './mutant.ts';
import type { Mutation } from './mutation.ts';

/**
 * Registers a test for each mutation: the file that should catch it fails, and says what it should. First, that the same
 * files pass in the same way with a copy that isn't mutated; otherwise anything could have made them fail.
 */
export function testMutations(test: Test, reason: string | undefined, mutations: readonly Mutation[]): void {
  const chosen = mutations.filter(({ core }) => core === true || process.env['PSS_MUTATIONS'] === 'all');
  const [first] = chosen;
  if (!first) return;
  testUnless(test, reason, `a copy without a mistake passes (${first.caughtBy})`, () => {
    const { status, text } = runMutant({ ...first, replace: first.find });
    assert.is(status, 0, text);
  });
  for (const mutation of chosen) {
    testUnless(test, reason, `caught: ${mutation.name}`, () => {
      const { status, text } = runMutant(mutation);
      assert.is.not(status, 0, `${mutation.caughtBy} passed`);
      assert.match(text, mutation.says);
    });
  }
}

function runMutant(mutation: Mutation) {
  return runTestFile(`test/cuda/${mutation.caughtBy}-cuda.test.ts`, {
    PTX_LIMIT: '60',
    ...mutation.env,
    ...buildMutant(mutation),
  });
}
