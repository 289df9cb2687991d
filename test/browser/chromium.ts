/** A real Chromium, and what to do where there is none. */

import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeEach } from 'vitest';
import { findChromium } from '../../scripts/lib/chromium.mjs';
import { hasWasm } from '../wasm.js';

const ARGUMENTS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

const executablePath = findChromium();

/** Why the tests cannot run; undefined where they can. */
export const obstacle = obstacleOf();

function obstacleOf(): string | undefined {
  if (!hasWasm) return 'the WASM modules were not built: npm run setup says why';
  if (executablePath !== null) return undefined;
  return process.env['H2Q_CHROMIUM_MISSING'] ?? 'there is no Chromium; npm test looks for ways to get it';
}

/** Skips every test of this file where it cannot run; `npm test` fails then where nothing may be skipped. */
export function skipWithoutChromium(): void {
  beforeEach(({ skip }) => {
    if (obstacle !== undefined) skip(obstacle);
  });
}

let browser: Promise<Browser> | undefined;

/** Starts the browser of this test file, once. It ends with the file. */
export function startChromium(): Promise<Browser> {
  browser ??= chromium.launch({ executablePath: executablePath as string, args: ARGUMENTS });
  return browser;
}

afterAll(async () => {
  await (await browser)?.close();
});

/** A page and all that its console had to complain about. */
export interface WatchedPage {
  page: Page;
  complaints: string[];
}

/** A page in a profile of its own. */
export async function newPage(options: Parameters<Browser['newPage']>[0] = {}): Promise<WatchedPage> {
  const page = await (await startChromium()).newPage(options);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { page, complaints };
}
