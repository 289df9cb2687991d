import { describe, expect, test } from 'vitest';
import { addUp, countCargo, countVitest, oneCheck, totalLine } from '../../scripts/lib/counts.mjs';

const cargoOutput = `
running 3 tests
test popcount_of_nothing_is_zero ... ok
test needs_avx512 ... ignored, this CPU has no AVX-512
test slow ... ignored
test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s

running 12 tests
test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s
`;

describe('countCargo', () => {
  test('adds up the test binaries and keeps the reasons of ignored tests', () => {
    expect(countCargo(cargoOutput, false)).toEqual({
      passed: 11,
      failed: 2,
      skips: [
        { name: 'needs_avx512', reason: 'this CPU has no AVX-512' },
        { name: 'slow', reason: 'no reason given' },
      ],
    });
  });

  test('a run that fails without a failed test counts as one failure', () => {
    const line = 'test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n';
    expect(countCargo(line, false)).toMatchObject({ passed: 5, failed: 1 });
    expect(countCargo(line, true)).toMatchObject({ passed: 5, failed: 0 });
    expect(countCargo('error: could not compile', false)).toMatchObject({ passed: 0, failed: 1 });
  });

  test('a run without any test is a failure', () => {
    expect(countCargo('test result: ok. 0 passed; 0 failed; 0 ignored;\n', true).failed).toBe(1);
  });
});

describe('countVitest', () => {
  const report = { passed: 7, failed: 0, skips: [{ name: 'a', reason: 'b' }] };

  test('takes the report as it is', () => {
    expect(countVitest(report, true, 0)).toEqual(report);
    expect(countVitest({ ...report, failed: 3 }, false, 0).failed).toBe(3);
  });

  test('errors outside of tests, a missing report, no tests and uncollected files are failures', () => {
    expect(countVitest(report, false, 0).failed).toBe(1);
    expect(countVitest(null, false, 0)).toEqual({ passed: 0, failed: 1, skips: [] });
    expect(countVitest({ passed: 0, failed: 0, skips: [] }, true, 0).failed).toBe(1);
    expect(countVitest(report, true, 2).failed).toBe(2);
  });
});

describe('the total', () => {
  const all = [
    oneCheck(true),
    oneCheck(false),
    { passed: 40, failed: 0, skips: [{ name: 'a', reason: 'b' }] },
  ];

  test('adds up and names skips only when there are some', () => {
    expect(totalLine(addUp(all, false))).toBe('41 passed, 1 failed, 1 skipped');
    expect(totalLine(addUp([oneCheck(true)], false))).toBe('1 passed, 0 failed');
  });

  test('counts skips as failures where all tests are required', () => {
    expect(totalLine(addUp(all, true))).toBe('41 passed, 2 failed');
  });
});
