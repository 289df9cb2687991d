import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    passWithNoTests: false,
    // A focused test would hide all others.
    allowOnly: false,
    reporters: [['default', { summary: false }], './scripts/lib/vitest-reporter.mjs'],
    testTimeout: 30_000,
  },
});
