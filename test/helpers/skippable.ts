import type { Test } from 'uvu';

/**
 * Registers a test that needs something this machine may lack. Where it lacks it, the test counts as skipped and the
 * reason is printed in the form that `npm test` collects for its end.
 * @param reason why the test can't run here, or undefined when it can
 */
export function testUnless(test: Test, reason: string | undefined, name: string, run: () => unknown): void {
  if (reason === undefined) {
    test(name, async () => {
      await run();
    });
    return;
  }
  process.stdout.write(`skipped: ${name}: ${reason}\n`);
  test.skip(name);
}
