import { writeFileSync } from 'node:fs';

/**
 * Lists skipped tests with their reasons after vitest's own output and leaves the counts as JSON in
 * the file that H2Q_VITEST_REPORT names, for scripts/test.mjs.
 */
export default class CountingReporter {
  /** @param {readonly import('vitest/node').TestModule[]} modules */
  onTestRunEnd(modules) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const skips = tests.flatMap((test) => {
      const result = test.result();
      if (result.state !== 'skipped') return [];
      return [
        {
          name: `${test.module.relativeModuleId} > ${test.fullName}`,
          reason: result.note ?? 'no reason given',
        },
      ];
    });
    const report = {
      files: modules.map((module) => module.relativeModuleId),
      passed: tests.filter((test) => test.ok() && test.result().state === 'passed').length,
      // A file that could not be loaded has no tests; it still failed.
      failed: tests.filter((test) => !test.ok()).length + modules.filter(isBroken).length,
      skips,
    };
    for (const { name, reason } of skips) console.log(` skipped ${name} [${reason}]`);
    const file = process.env['H2Q_VITEST_REPORT'];
    if (file) writeFileSync(file, JSON.stringify(report));
  }
}

/**
 * True for a file with errors outside of its tests: while loading it, in a hook, or in a suite.
 *
 * @param {import('vitest/node').TestModule} module
 */
function isBroken(module) {
  return (
    module.errors().length > 0 || [...module.children.allSuites()].some((suite) => suite.errors().length > 0)
  );
}
