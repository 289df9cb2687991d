/**
 * What a step of the tests came to.
 *
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {Skip[]} skips
 */

/** @typedef {{ name: string, reason: string }} Skip */

/**
 * A program that only succeeds or fails counts as one check.
 *
 * @param {boolean} ok
 * @returns {Counts}
 */
export function oneCheck(ok) {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skips: [] };
}

/**
 * Adds up what `cargo test` printed: one result line per test binary, one line per ignored test.
 * A run that failed without a failed test (a compile error, a crash) or that had no tests is a failure.
 *
 * @param {string} output
 * @param {boolean} ok whether cargo succeeded
 * @returns {Counts}
 */
export function countCargo(output, ok) {
  let [passed, failed] = [0, 0];
  for (const [, passedHere, failedHere] of output.matchAll(
    /^test result: \w+\. (\d+) passed; (\d+) failed;/gm,
  )) {
    passed += Number(passedHere);
    failed += Number(failedHere);
  }
  const skips = [...output.matchAll(/^test (.+) \.\.\. ignored(?:, (.+))?$/gm)].map(
    ([, name = '', reason]) => ({
      name,
      reason: reason ?? 'no reason given',
    }),
  );
  return { passed, failed: failed === 0 && (!ok || passed === 0) ? 1 : failed, skips };
}

/**
 * @param {Counts | null} report what the vitest reporter left, null when vitest never came to its end
 * @param {boolean} ok whether vitest succeeded
 * @param {number} uncollected test files on disk that vitest did not see
 * @returns {Counts}
 */
export function countVitest(report, ok, uncollected) {
  const { passed, failed, skips } = report ?? { passed: 0, failed: 0, skips: [] };
  // Errors outside of tests fail the run without failing a test.
  return { passed, failed: (failed === 0 && (!ok || passed === 0) ? 1 : failed) + uncollected, skips };
}

/**
 * @param {Counts[]} all
 * @param {boolean} skipsFail
 */
export function addUp(all, skipsFail) {
  const passed = all.reduce((sum, counts) => sum + counts.passed, 0);
  const failed = all.reduce((sum, counts) => sum + counts.failed, 0);
  const skipped = all.reduce((sum, counts) => sum + counts.skips.length, 0);
  return skipsFail ? { passed, failed: failed + skipped, skipped: 0 } : { passed, failed, skipped };
}

/** @param {{ passed: number, failed: number, skipped: number }} total */
export function totalLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
