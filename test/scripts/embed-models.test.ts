/** The networks for the tests of h2q embed: what is said where they cannot be had. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureModels, hasModels } from '../../scripts/lib/embed-models.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-networks-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** An interpreter of Python as far as the script asks. */
function python(script: string): string {
  const path = join(folder, 'python');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

it('without Python or pip, names what is needed', () => {
  expect(ensureModels(join(folder, 'none'), folder)).toMatch(
    /need Python 3.9 with pip; there is no .*none with it/,
  );
  expect(ensureModels(python('exit 1'), folder)).toMatch(/need Python 3.9 with pip/);
});

it.skipIf(process.platform === 'win32')('a download that fails is a reason, and tried again', () => {
  const offline = python('case "$*" in *--version) echo pip;; *) exit 3;; esac');
  for (let i = 0; i < 2; i++) {
    expect(ensureModels(offline, folder)).toMatch(
      /^The networks for the tests of h2q embed: .* ended with exit code 3$/,
    );
    expect(hasModels(folder)).toBe(false);
  }
});
