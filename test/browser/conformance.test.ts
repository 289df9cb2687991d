/** The conformance suite on the published entry, bundled by Vite, in a worker of Chromium. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as native from '../../ts/node/index.js';
import { describeAgreement } from '../conformance/agreement.js';
import { makeReference } from '../conformance/reference.js';
import { fromText, toText } from './app/carry.js';
import type { Report } from './app/conformance-worker.js';
import { buildPages } from './build.js';
import { newPage, obstacle } from './chromium.js';
import { serve } from './server.js';

/** Everything runs before the tests are registered, because only Chromium knows their names. */
async function runInChromium() {
  const folder = await buildPages('conformance');
  const reference = await makeReference(native);
  writeFileSync(join(folder, 'native.json'), toText(reference));
  const { page, complaints } = await newPage();
  await page.goto(`${await serve(folder)}/conformance.html`);
  const text = await page.evaluate(() => (globalThis as unknown as { report: Promise<string> }).report);
  return { reference, complaints, report: fromText<Report>(text) };
}

describe('WASM in Chromium', async () => {
  if (obstacle !== undefined) {
    it('conforms, and agrees with native', ({ skip }) => skip(obstacle));
    return;
  }
  const { report, reference, complaints } = await runInChromium();

  it('runs the suite in a worker, and nothing complains', () => {
    expect(report.hasDocument).toBe(false);
    expect(complaints).toEqual([]);
  });

  for (const { name, error } of report.outcomes) {
    it(name, () => {
      if (error !== undefined) throw new Error(error);
    });
  }

  describeAgreement(
    'native against WASM in Chromium',
    async () => ({ h2q: native, reference }),
    async () => report.reference,
  );
});
